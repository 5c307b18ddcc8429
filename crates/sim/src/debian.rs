//! Real counterparts: programs that Debian has.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a program is.
///
/// # Panics
/// When it is nowhere; the sentence says which package has it.
pub fn program(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "this test runs `{name}` and it is not installed: apt-get install {package} (cargo xtask test does it)"
        )
    })
}

/// Runs a program to its end and gives what it printed.
///
/// # Panics
/// When it fails; with what it said.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}:\n{said}\n{complained}", output.status);
    said
}

/// What ffprobe says of a sound file.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    /// Such as `pcm_s16le`.
    pub codec: String,
    /// Samples a second.
    pub rate_hz: u32,
    /// Channels.
    pub channels: u32,
    /// Its length.
    pub seconds: f64,
}

/// Asks ffprobe about a sound file.
///
/// # Panics
/// When ffprobe is not there, cannot read the file, or says what we do not understand.
pub fn ffprobe(path: &Path) -> Probed {
    let mut command = Command::new(program("ffprobe", "ffmpeg"));
    command.args(["-v", "error", "-show_entries", "stream=codec_name,sample_rate,channels:format=duration"]);
    let said = run(command.args(["-of", "json"]).arg(path));
    let said: serde_json::Value = serde_json::from_str(&said).expect("ffprobe prints JSON");
    let (stream, format) = (&said["streams"][0], &said["format"]);
    let number = |value: &serde_json::Value| value.as_str().and_then(|text| text.parse::<f64>().ok());
    let rate = stream["sample_rate"].as_str().and_then(|text| text.parse().ok());
    let channels = stream["channels"].as_u64().and_then(|count| u32::try_from(count).ok());
    Probed {
        codec: stream["codec_name"].as_str().expect("a codec").to_owned(),
        rate_hz: rate.expect("a rate"),
        channels: channels.expect("a count of channels"),
        seconds: number(&format["duration"]).expect("a duration"),
    }
}

/// What ffmpeg hears in a sound file: interleaved samples at a rate.
///
/// # Panics
/// When ffmpeg is not there, cannot read the file, or has something to say of it.
pub fn heard(path: &Path, rate_hz: u32) -> Vec<i16> {
    let mut command = Command::new(program("ffmpeg", "ffmpeg"));
    command.args(["-nostdin", "-v", "error", "-i"]).arg(path).args(["-f", "s16le"]);
    let output = command.args(["-ar", &rate_hz.to_string(), "pipe:1"]).output().expect("ffmpeg runs");
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complained.is_empty(), "{}: {complained}", path.display());
    let (samples, rest) = output.stdout.as_chunks::<2>();
    assert!(rest.is_empty(), "half a sample of {}", path.display());
    samples.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect()
}

/// What `soxi` says of a sound file: rate, channels, samples of a channel.
///
/// # Panics
/// When sox is not there, or cannot read the file.
pub fn soxi(path: &Path) -> (u32, u32, u64) {
    let ask = |what: &str| -> u64 {
        let said = run(Command::new(program("soxi", "sox")).arg(what).arg(path));
        said.trim().parse().unwrap_or_else(|_| panic!("soxi {what} says {said}"))
    };
    let small = |number: u64| u32::try_from(number).expect("a small number");
    (small(ask("-r")), small(ask("-c")), ask("-s"))
}

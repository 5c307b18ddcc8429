//! What the scene left behind, looked at as an auditor would: the sound, the fields, and every byte on disk.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use calls::id::{RecordingId, StreamNumber};
use calls::time::Wall;

use super::Failure;
use super::scene::{RATE_HZ, SECRET_MS, Scene, TONES_HZ};
use crate::caller::{Codec, FRAME_SAMPLES};
use crate::playback::{Channels, Ffmpeg, Sound, Surveys};
use crate::recorder::Recorder;

/// How far the legs may be apart (B7).
const APART_MS: u64 = 20;

/// Bytes of an encoded frame that are searched for: no chance finds sixteen bytes of noise.
const NEEDLE_BYTES: usize = 16;

/// One thing that was looked at.
pub(super) struct Finding {
    pub(super) what: &'static str,
    pub(super) good: bool,
    pub(super) seen: String,
}

/// Looks at the sealed recording and at the data folder.
pub(super) async fn look(
    recorder: &Recorder,
    recording: RecordingId,
    scene: &Scene,
    data: &Path,
) -> Result<Vec<Finding>, Failure> {
    let row = recorder.index.recording(recording).await.map_err(|error| error.to_string())?;
    let row = row.ok_or("the recording has no row")?;
    let user2 = row.fields.get("user2").cloned().unwrap_or_default();
    let mut findings = vec![Finding {
        what: "tagged",
        good: user2 == "1234567890",
        seen: format!(
            "user2 = \"{user2}\", agent {}",
            row.agent.map(|agent| agent.to_string()).unwrap_or_default()
        ),
    }];
    let needles = needles(scene);
    let legs = render(recorder, recording)?;
    findings.extend(hear(&legs));
    findings.push(search_packets(recorder, recording, &needles)?);
    findings.push(search_files(data, &needles)?);
    Ok(findings)
}

/// Each leg as sound, on the recording's timeline.
fn render(recorder: &Recorder, recording: RecordingId) -> Result<[Vec<i16>; 2], Failure> {
    let with = (&Ffmpeg::default(), &Surveys::default());
    let opened = Sound::open(&recorder.archive, &recorder.reading, recording, None, with);
    let mut sound = opened.map_err(|error| error.to_string())?;
    let frames = sound.frames();
    let mut samples = Vec::new();
    sound.render(0, frames, Channels::Stereo, &mut samples).map_err(|error| error.to_string())?;
    let (pairs, _) = samples.as_chunks::<2>();
    Ok([pairs.iter().map(|pair| pair[0]).collect(), pairs.iter().map(|pair| pair[1]).collect()])
}

fn hear(legs: &[Vec<i16>; 2]) -> Vec<Finding> {
    let slice = |leg: &[i16], from_ms: u64, until_ms: u64| -> Vec<i16> {
        let at = |ms: u64| usize::try_from(ms * RATE_HZ / 1_000).unwrap_or(usize::MAX).min(leg.len());
        leg[at(from_ms)..at(until_ms)].to_vec()
    };
    let mut findings = Vec::new();
    for (leg, (what, tone)) in
        legs.iter().zip([("customer's leg", TONES_HZ[0]), ("agent's leg", TONES_HZ[1])])
    {
        // By tenths of a second: a stall of the sender bends the time map, and a long look would take the bend
        // for another pitch.
        let share = |from: u64, until: u64| {
            let tenths = (from..until).step_by(100);
            let looks = tenths.map(|at| audio::tone::tone_share(&slice(leg, at, at + 100), f64::from(tone)));
            looks.sum::<f64>() * 100.0 / f64::from(u32::try_from(until - from).unwrap_or(u32::MAX))
        };
        let (before, after) = (share(600, 1_800), share(5_400, 6_800));
        findings.push(Finding {
            what,
            good: before > 0.9 && after > 0.9,
            seen: format!(
                "{tone} Hz, {:.0} % before and {:.0} % after the blackout",
                before * 100.0,
                after * 100.0
            ),
        });
    }
    let firsts = legs.each_ref().map(|leg| leg.iter().position(|sample| *sample != 0));
    findings.push(match firsts {
        [Some(left), Some(right)] => {
            let apart_ms = left.abs_diff(right) as u64 * 1_000 / RATE_HZ;
            let seen = format!("the legs begin {apart_ms} ms apart");
            Finding { what: "aligned", good: apart_ms < APART_MS, seen }
        }
        _ => Finding { what: "aligned", good: false, seen: "a leg has no sound at all".to_owned() },
    });
    let silent = legs.iter().all(|leg| {
        let dark = slice(leg, SECRET_MS[0] - 200, SECRET_MS[1] + 200);
        !dark.is_empty() && audio::tone::is_silent(&dark)
    });
    let seen = if silent { "exact silence on both legs" } else { "there is sound in it" };
    findings.push(Finding { what: "blackout", good: silent, seen: seen.to_owned() });
    findings
}

/// What of the secret, encoded as it was sent, is searched for.
fn needles(scene: &Scene) -> HashSet<[u8; NEEDLE_BYTES]> {
    let mut needles = HashSet::new();
    for secret in scene.secrets() {
        let encoded = crate::caller::Sound::from_samples(secret.to_vec()).encoded(Codec::Pcmu);
        // Nothing stands in the way of G.711.
        for frame in encoded.iter().flat_map(|encoded| encoded.chunks(FRAME_SAMPLES)) {
            needles.extend(frame.first_chunk::<NEEDLE_BYTES>().copied());
        }
    }
    needles
}

/// Every packet of the recording, decrypted.
fn search_packets(
    recorder: &Recorder,
    recording: RecordingId,
    needles: &HashSet<[u8; NEEDLE_BYTES]>,
) -> Result<Finding, Failure> {
    let mut reader =
        recorder.archive.open(recording, &recorder.reading).map_err(|error| error.to_string())?;
    let streams: Vec<StreamNumber> = reader.streams().iter().map(|tally| tally.stream).collect();
    let (mut packets, mut leaked) = (0u64, 0u64);
    for stream in streams {
        let mut all = reader.packets(stream, Wall::from_ns(i64::MIN), Wall::from_ns(i64::MAX));
        while let Some(packet) = all.next_packet().map_err(|error| error.to_string())? {
            packets += 1;
            leaked += u64::from(packet.payload.first_chunk().is_some_and(|head| needles.contains(head)));
        }
    }
    let seen = format!("{leaked} of {packets} stored packets hold a piece of the secret, after decryption");
    Ok(Finding { what: "packets", good: leaked == 0 && packets > 0, seen })
}

/// Every byte of every file, as it lies on disk.
fn search_files(data: &Path, needles: &HashSet<[u8; NEEDLE_BYTES]>) -> Result<Finding, Failure> {
    let (mut files, mut leaked) = (0u64, 0u64);
    let mut folders: Vec<PathBuf> = vec![data.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))? {
            let entry = entry.map_err(|error| error.to_string())?;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
                continue;
            }
            // A file that has just gone holds nothing.
            let Ok(bytes) = std::fs::read(entry.path()) else { continue };
            files += 1;
            let windows = bytes.windows(NEEDLE_BYTES).filter_map(|window| window.first_chunk());
            leaked += u64::from(windows.into_iter().any(|window| needles.contains(window)));
        }
    }
    let seen =
        format!("{leaked} of {files} files in the data folder hold a piece of the secret, as they lie there");
    Ok(Finding { what: "files", good: leaked == 0 && files > 0, seen })
}

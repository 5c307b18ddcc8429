//! What leaves the recorder is read by programs we did not write.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sim::{Program, debian};

use super::{on_a_recorded_call, printed, sealed, setup, text};

#[test]
fn ffprobe_and_sox_agree_with_what_is_exported_and_ranges_with_the_whole() {
    let program = setup().start();
    let call = program.call(&["--agent-phone", "4678", "--number", "+15550123", "--seconds", "3"]);
    on_a_recorded_call(&program.http, "4678");
    call.wait();
    let found = sealed(&program.http, 1).remove(0);
    let id = text(&found["id"]).to_owned();
    let duration_s = found["duration_ms"].as_f64().expect("a number") / 1_000.0;
    assert!(duration_s >= 2.5, "{found}");

    for (arguments, channels) in [(&[][..], 2), (&["--channels", "1"][..], 1)] {
        let path = program.setup.beside(&format!("{channels}.wav"));
        let name = path.display().to_string();
        let said = printed(&program, &[&["export", &id, "-o", &name], arguments].concat());
        assert_eq!(said.trim(), name);
        let probed = debian::ffprobe(&path);
        assert_eq!((probed.codec.as_str(), probed.rate_hz, probed.channels), ("pcm_s16le", 8_000, channels));
        assert!((probed.seconds - duration_s).abs() < 0.002, "{probed:?}, but {duration_s} s were recorded");
        let (rate_hz, sox_channels, samples) = debian::soxi(&path);
        assert_eq!((rate_hz, sox_channels), (8_000, channels));
        #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
        let seconds = samples as f64 / 8_000.0;
        assert!((seconds - probed.seconds).abs() < 0.000_2, "sox says {seconds} s, ffprobe {probed:?}");
    }

    exported_in_every_form(&program, &id, duration_s);

    // Its vCon has the same sound, and of a call with an agent both parties.
    let path = program.setup.beside("call.vcon").display().to_string();
    assert_eq!(printed(&program, &["vcon", &id, "-o", &path]).trim(), path);
    let vcon: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).expect("a file")).expect("JSON");
    let sound = URL_SAFE_NO_PAD.decode(text(&vcon["dialog"][0]["body"])).expect("base64url");
    assert!(sound == std::fs::read(program.setup.beside("2.wav")).expect("it was exported"));
    assert_eq!(vcon["dialog"][0]["parties"].as_array().map(Vec::len), Some(2), "a party for each channel");
    let named = |party: &&serde_json::Value| party["role"] == "agent" && party["name"] == "Rowan Pike";
    let agents = vcon["parties"].as_array().expect("a list").iter().filter(named);
    assert_eq!(agents.count(), 1, "{}", vcon["parties"]);

    let list = printed(&program, &["find", "--agent", "1", "--number", "5550123"]);
    assert_eq!(list.lines().filter(|line| line.contains(&id)).count(), 1, "{list}");
    assert!(!printed(&program, &["find", "--agent", "2"]).contains(&id));
    let shown: serde_json::Value = serde_json::from_str(&printed(&program, &["show", &id])).expect("JSON");
    assert_eq!(shown["id"], found["id"]);

    let path = format!("/v1/recordings/{id}/audio");
    let whole = program.http.get(&path).ok().body;
    assert_eq!(whole, std::fs::read(program.setup.beside("2.wav")).expect("it was exported"));
    let last = whole.len() - 1;
    for (from, until) in [(0, 0), (0, 99), (40, 50), (12_345, 23_456), (last - 7, last)] {
        let part = program.http.get_range(&path, &format!("{from}-{until}"));
        assert_eq!(part.status, 206);
        assert_eq!(part.header("content-range"), format!("bytes {from}-{until}/{}", whole.len()));
        assert!(part.body == whole[from..=until], "bytes {from} to {until} differ");
    }
    let tail = program.http.get_range(&path, "-1000");
    assert!(tail.status == 206 && tail.body == whole[whole.len() - 1_000..]);
    assert_eq!(program.http.get_range(&path, &format!("{}-", whole.len())).status, 416);
}

fn exported_in_every_form(program: &Program, id: &str, duration_s: f64) {
    let folder = program.setup.beside("forms");
    std::fs::create_dir(&folder).expect("a folder");
    // MP3 begins with its encoder's delay, 1,105 samples, and ends with a whole frame of 576.
    for (form, codec, most) in [("flac", "flac", 0.002), ("opus", "opus", 0.009), ("mp3", "mp3", 0.215)] {
        let name = printed(program, &["export", id, "--format", form, "-o", folder.to_str().expect("text")]);
        let path = std::path::PathBuf::from(name.trim());
        assert!(path.extension().is_some_and(|extension| extension == form), "{name}");
        let probed = debian::ffprobe(&path);
        assert_eq!((probed.codec.as_str(), probed.channels), (codec, 2));
        assert!((probed.seconds - duration_s).abs() < most, "{probed:?}, but {duration_s} s were recorded");
    }
    let part = folder.join("part.flac");
    let name = part.to_str().expect("text");
    printed(program, &["export", id, "--format", "flac", "--from", "0:01", "--to", "1.5", "-o", name]);
    assert_eq!(debian::soxi(&part), (8_000, 2, 4_000));
}

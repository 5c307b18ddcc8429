//! Zips that leave the built program, opened by programs we did not write.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use calls::time::Wall;
use index::{Index, RecordingRow};
use serde_json::Value;
use sim::{Program, debian};
use vault::{KeyFolder, RealDisk, Store};

use super::{printed, sealed, setup, text, told};
use crate::control::native::recordings::row;
use crate::talk::{Talk, seal};

/// Calls one after the other, of a second and more, in these codecs; and their recordings, oldest first.
fn calls(program: &Program, codecs: &[&str]) -> Vec<Value> {
    for (n, codec) in codecs.iter().enumerate() {
        program
            .call(&["--agent-phone", "4678", "--number", "+15550123", "--seconds", "1", "--codec", codec])
            .wait();
        sealed(&program.http, n + 1);
    }
    sealed(&program.http, codecs.len())
}

/// Fetches with curl what a client of the original would.
fn curl(program: &Program, arguments: &[&str], path: &str, to: &Path) {
    let mut curl = Command::new(debian::program("curl", "curl"));
    curl.args(["-sS", "--fail-with-body", "-o"]).arg(to).args(arguments).arg(program.http.url(path));
    debian::run(&mut curl);
}

/// Tests the zip with 7z and with unzip, unpacks it, and gives its files by name.
fn unpacked(zip: &Path, password: Option<&str>) -> Vec<PathBuf> {
    let seven = |arguments: &[&str]| {
        let mut seven = Command::new(debian::program("7z", "p7zip-full"));
        seven.args(arguments).arg(format!("-p{}", password.unwrap_or_default())).arg(zip);
        debian::run(&mut seven)
    };
    assert!(seven(&["t"]).contains("Everything is Ok"));
    if password.is_none() {
        debian::run(Command::new(debian::program("unzip", "unzip")).arg("-tq").arg(zip));
    }
    let into = zip.with_extension("unpacked");
    seven(&["x", "-y", &format!("-o{}", into.display())]);
    let mut files: Vec<PathBuf> = std::fs::read_dir(into).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

fn seconds(summary: &Value) -> f64 {
    summary["duration_ms"].as_f64().unwrap() / 1_000.0
}

#[test]
fn the_documented_examples_work_with_curl_and_what_comes_is_opened_by_others() {
    let program = setup().start();
    let found = calls(&program, &["pcmu", "g722", "opus"]);
    let beside = |name: &str| program.setup.beside(name);

    // SingleExport, as documented but for the slip, with a password.
    let zip = beside("single.zip");
    let uri = "/api/WebExport/SingleExport?uniquefield=ident&uniquevalue=2&mediaformat=WAV&encrypt=true&password=s3cret!";
    curl(&program, &[], uri, &zip);
    let files = unpacked(&zip, Some("s3cret!"));
    let probed = debian::ffprobe(&files[0]);
    assert_eq!((files.len(), probed.codec.as_str(), probed.rate_hz), (1, "pcm_s16le", 16_000));
    let mut wrong = Command::new(debian::program("7z", "p7zip-full"));
    assert!(!wrong.args(["t", "-pwrong"]).arg(&zip).output().unwrap().status.success());

    // MultiExport in each form, its idents in the address or as JSON.
    for (form, codec, rates) in [
        ("WAV", "pcm_s16le", [8_000, 16_000, 48_000]),
        ("MP3", "mp3", [8_000, 16_000, 48_000]),
        ("OGG", "opus", [48_000; 3]),
        ("FLAC", "flac", [8_000, 16_000, 48_000]),
    ] {
        let zip = beside(&format!("multi-{form}.zip"));
        if form == "MP3" {
            curl(
                &program,
                &["-X", "POST"],
                "/api/WebExport/MultiExport?mediaformat=MP3&idents=1,2,3,767",
                &zip,
            );
        } else {
            let body = r#"{"idents":"1,2,3,767"}"#;
            curl(&program, &["-d", body], &format!("/api/WebExport/MultiExport?mediaformat={form}"), &zip);
        }
        let files = unpacked(&zip, None);
        let (manifest, sounds) = files.split_last().unwrap();
        assert!(std::fs::read_to_string(manifest).unwrap().contains("\"omitted\": 1"), "{files:?}");
        assert_eq!(sounds.len(), 3);
        for ((sound, summary), rate_hz) in sounds.iter().zip(&found).zip(rates) {
            let probed = debian::ffprobe(sound);
            assert_eq!(
                (probed.codec.as_str(), probed.rate_hz, probed.channels),
                (codec, rate_hz, 2),
                "{sound:?}"
            );
            // An MP3 is whole frames, with the delays of encoder and decoder in them.
            let excess = if form == "MP3" { 0.25 } else { 0.08 };
            assert!((probed.seconds - seconds(summary)).abs() < excess, "{probed:?} {summary}");
        }
    }

    // CombinedExport: the highest rate, one channel, half a second between.
    let zip = beside("combined.zip");
    curl(
        &program,
        &["-d", r#"{"mediaformat":"WAV","idents":[3,2,1]}"#],
        "/api/WebExport/CombinedExport",
        &zip,
    );
    let files = unpacked(&zip, None);
    let probed = debian::ffprobe(&files[0]);
    assert_eq!((files.len(), probed.rate_hz, probed.channels), (1, 48_000, 1));
    let lasts: f64 = found.iter().map(seconds).sum::<f64>() + 1.0;
    assert!((probed.seconds - lasts).abs() < 0.004, "{probed:?}, but {lasts} s were recorded");

    let log = program.log();
    assert!(!log.contains("s3cret"), "{log}");
}

#[test]
fn the_command_line_saves_what_is_found_as_files_or_as_a_zip() {
    let program = setup().start();
    let found = calls(&program, &["pcmu", "pcma"]);
    let folder = program.setup.beside("folder");
    std::fs::create_dir(&folder).unwrap();
    let said =
        printed(&program, &["export", "--agent", "1", "--format", "flac", "-o", folder.to_str().unwrap()]);
    assert_eq!(said.lines().count(), 2, "{said}");
    for path in said.lines() {
        assert_eq!(debian::ffprobe(Path::new(path)).codec, "flac");
    }

    let password = program.setup.write("password", b"two words\nnot this\n");
    let zip = program.setup.beside("all.zip");
    let name = zip.to_str().unwrap();
    let secret = ["--password-file", password.to_str().unwrap()];
    let wanted = ["export", "--number", "5550123", "--format", "opus", "--zip", name];
    let said = printed(&program, &[&wanted[..], &secret[..]].concat());
    assert_eq!(said.trim(), name);
    assert_eq!(unpacked(&zip, Some("two words")).len(), 2);
    assert_eq!(
        program.http.get("/v1/exports").ok().json()["items"],
        serde_json::json!([]),
        "nothing is kept"
    );

    let joined = program.setup.beside("joined.zip");
    let ids: Vec<&str> = found.iter().map(|found| text(&found["id"])).collect();
    let named = ["export", "--combined", "--zip", joined.to_str().unwrap(), ids[0], ids[1]];
    printed(&program, &named);
    let lasts: f64 = found.iter().map(seconds).sum::<f64>() + 0.5;
    let probed = debian::ffprobe(&unpacked(&joined, None)[0]);
    assert!((probed.seconds - lasts).abs() < 0.003, "{probed:?}, but {lasts} s");

    for (arguments, said) in [
        (&["export"][..], "required"),
        (&["export", "--agent", "77"][..], "no recording is found"),
        (&["export", "--agent", "77", "--zip", name][..], "No recording is left to be exported"),
        (&["export", ids[0], "--agent", "1"][..], "cannot be used with"),
        (&["export", ids[0], "--combined"][..], "--zip"),
        (&["export", ids[0], "--zip", name, "-o", "x"][..], "cannot be used with"),
        (&["export", "--agent", "1", "--zip", "/nowhere/x.zip"][..], "/nowhere/x.zip"),
        (&["export", ids[0], "--zip", name, "--password-file", "/nowhere"][..], "/nowhere"),
    ] {
        let output = program.run(arguments);
        let complained = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && complained.contains(said), "{arguments:?}: {complained}");
    }
}

/// How much more memory the program may take while it exports, however much it exports: what some windows of sound, a file's
/// catalogue and the allocator take.
const MAX_GROWTH_BYTES: u64 = 8 << 20;

/// Puts recordings of three seconds into the data folder of a recorder that does not run, and one of five minutes.
fn fill(data: &Path, count: usize) {
    std::fs::create_dir_all(data).unwrap();
    let keys = KeyFolder::open_or_create(&data.join("keys")).unwrap();
    let store = Store::open(Arc::new(RealDisk::new()), data, &keys.recorder(), vault::Settings::default());
    let mut store = store.unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let index = runtime.block_on(Index::open(&data.join("index.sqlite"))).unwrap();
    for n in 0..=count {
        let length_ms = if n == count { 300_000 } else { 3_000 };
        let talk = Talk { tones_hz: vec![440.0], length_ms, dark_ms: None, ..Talk::default() };
        let mut id = [0x33; 16];
        id[8..].copy_from_slice(&(n as u64).to_be_bytes());
        let started = Wall::from_ms(1_764_000_000_000 + i64::try_from(n).unwrap() * 20_000);
        let of = RecordingRow { id: calls::id::RecordingId::from_bytes(id), started, ..row(1) };
        let sealed = seal(&mut store, of, &talk);
        runtime.block_on(index.put_recording(&sealed)).unwrap();
    }
    runtime.block_on(index.close());
}

/// Downloads to a file, and gives the most memory the program was seen to take meanwhile.
fn downloaded(program: &Program, path: &str, to: &Path) -> u64 {
    let answer = ureq::get(program.http.url(path)).call().expect("it is exported");
    let mut body = answer.into_body().into_reader();
    let mut file = std::fs::File::create(to).unwrap();
    let mut piece = vec![0; 1 << 16];
    let (mut most, mut since) = (program.memory_bytes(), 0);
    loop {
        let count = body.read(&mut piece).expect("it does not break off");
        if count == 0 {
            return most;
        }
        file.write_all(&piece[..count]).unwrap();
        since += count;
        if since > 1 << 20 {
            (most, since) = (most.max(program.memory_bytes()), 0);
        }
    }
}

/// An export of a thousand recordings, and one of five minutes, take as much memory as one of ten recordings. CI exports fewer;
/// `SIDETONE_EXPORT_RECORDINGS=1000` is the whole proof.
#[test]
fn an_export_of_many_recordings_and_of_a_long_one_takes_no_more_memory_than_a_short_one() {
    let count = usize::try_from(told("SIDETONE_EXPORT_RECORDINGS", 160)).unwrap();
    let setup = setup();
    fill(&setup.data(), count);
    let program = setup.start();
    let job = |recordings: &[String], more: Value| {
        let mut wanted = serde_json::json!({"recordings": recordings});
        wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = program.http.post("/v1/exports", &wanted);
        assert_eq!(answer.status, 201, "{}", answer.text());
        format!("/v1/exports/{}", text(&answer.json()["id"]))
    };
    let mut ids: Vec<String> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = program.http.get(&format!("/v1/recordings?limit=500&cursor={cursor}")).ok().json();
        ids.extend(page["items"].as_array().unwrap().iter().map(|item| text(&item["id"]).to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut cursor);
    }
    assert_eq!(ids.len(), count + 1);
    let (long, short) = ids.split_first().unwrap();
    let secret = serde_json::json!({"password": "a long one", "channels": 2});

    let joined = [short, std::slice::from_ref(long)].concat();
    let joined = job(&joined, serde_json::json!({"combined": true}));
    let few = job(&short[..10], secret.clone());
    let before = downloaded(&program, &format!("{few}/download"), &setup.beside("few.zip"));
    for (name, wanted, files) in [
        ("many.zip", job(short, secret), count),
        ("long.zip", job(std::slice::from_ref(long), serde_json::json!({"channels": 2})), 1),
        ("joined.zip", joined, 1),
    ] {
        let zip = setup.beside(name);
        let most = downloaded(&program, &format!("{wanted}/download"), &zip);
        let bytes = zip.metadata().unwrap().len();
        let growth = most.saturating_sub(before);
        assert!(growth < MAX_GROWTH_BYTES, "{name}: {bytes} bytes took {growth} more than {before}");
        assert!(bytes > MAX_GROWTH_BYTES, "{name} is too small to tell: {bytes} bytes");
        assert_eq!(program.http.get(&wanted).ok().json()["state"], "done");
        let mut seven = Command::new(debian::program("7z", "p7zip-full"));
        let said = debian::run(seven.args(["t", "-pa long one"]).arg(&zip));
        assert!(
            said.contains("Everything is Ok") && (files == 1 || said.contains(&format!("Files: {files}"))),
            "{said}"
        );
        std::fs::remove_file(zip).unwrap();
    }
    assert_eq!(program.http.get(&format!("/v1/recordings/{}", short[0])).ok().status, 200);
}

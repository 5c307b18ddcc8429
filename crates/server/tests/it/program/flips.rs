//! Flipped bits (C8-08, E2-10): each random flip in what a stopped recorder has stored is found by `sidetone check`, or changes
//! nothing of what is served; none is served as good, and nothing crashes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use sim::{Program, Setup};

use super::upkeep::run;
use super::{on_a_recorded_call, recording, sealed, setup, text, told};

/// Numbers as they are drawn from a seed (splitmix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// The files of a folder that hold something, and how much; but for what SQLite shares between processes, and makes anew.
fn stored(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(stored(&path));
        } else if !path.to_string_lossy().ends_with("-shm") && path.metadata().expect("it is there").len() > 0
        {
            let bytes = path.metadata().expect("it is there").len();
            files.push((path, bytes));
        }
    }
    files.sort();
    files
}

/// A place in all that is stored. Every second one lies anywhere; the others in any file, so that short ones get their share.
fn draw_place(draw: &mut Draw, files: &[(PathBuf, u64)]) -> (PathBuf, u64) {
    let all = files.iter().map(|(_, bytes)| bytes).sum();
    if draw.below(2) == 0 {
        let (path, bytes) = &files[usize::try_from(draw.below(files.len() as u64)).expect("few")];
        return (path.clone(), draw.below(*bytes));
    }
    let mut at = draw.below(all);
    for (path, bytes) in files {
        if at < *bytes {
            return (path.clone(), at);
        }
        at -= bytes;
    }
    unreachable!("it is less than all of them together")
}

fn flip(path: &Path, at: u64, bit: u64) {
    use std::os::unix::fs::FileExt;
    let file = fs::File::options().read(true).write(true).open(path).expect("it is ours");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("it is there");
    file.write_all_at(&[byte[0] ^ (1 << bit)], at).expect("it is ours");
}

/// What a recorder on this folder serves: rows, and sound.
fn served(program: &Program) -> Vec<(Value, Result<Vec<u8>, u16>)> {
    let page = program.http.get("/v1/recordings?limit=100").ok().json();
    let items = page["items"].as_array().expect("a list").clone();
    let served = items.iter().map(|item| {
        let row = recording(&program.http, item);
        let sound = program.http.get(&format!("/v1/recordings/{}/audio", text(&item["id"])));
        (row, if sound.status == 200 { Ok(sound.body) } else { Err(sound.status) })
    });
    served.collect()
}

/// A check that neither crashed nor was killed: whether it found anything, and what it said.
fn looked(output: &Output) -> (bool, String) {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{:?}: {said}", output.status);
    assert!(!said.contains("panicked"), "{said}");
    (!output.status.success(), said)
}

/// What a recorder does with a folder in which a bit was flipped: it refuses with a sentence, or says that something is wrong,
/// or serves what is true and nothing else.
fn start_on(setup: &Setup, truth: &[(Value, Result<Vec<u8>, u16>)], place: &str) {
    let program = match setup.start_or_not() {
        Ok(program) => program,
        Err((status, said)) => {
            let is_told = status.code() == Some(1) && said.contains("sidetone: ");
            assert!(is_told && !said.contains("panicked"), "{place}: {status:?}: {said}");
            return;
        }
    };
    let alarms = program.http.get("/v1/alarms").ok().text();
    let warned = alarms.contains("store_touched") || alarms.contains("storage");
    for ((row, sound), (true_row, true_sound)) in served(&program).iter().zip(truth) {
        // A block that does not open is silent, and an alarm; where nothing else covers its time, it is a gap.
        let is_told = program.http.get("/v1/alarms").ok().text().contains("recording_damaged");
        let damaged = is_told || told_of(row) != told_of(true_row);
        assert!(warned || without_file(row) == without_file(true_row), "{place}: {row} for {true_row}");
        assert!(damaged || sound.is_err() || sound == true_sound, "{place}: other sound");
    }
    assert!(!program.stop().log.contains("panicked"), "{place}");
}

/// What a row says of damage in its file.
fn told_of(row: &Value) -> (Vec<Value>, Value) {
    let streams = row["manifest"]["streams"].as_array().into_iter().flatten();
    (streams.map(|stream| stream["gaps"].clone()).collect(), row["unreadable"].clone())
}

/// What a row says from the index.
fn without_file(row: &Value) -> Value {
    let mut row = row.clone();
    if let Some(all) = row.as_object_mut() {
        all.remove("manifest");
        all.remove("unreadable");
    }
    row
}

/// A folder with recordings of all kinds, stopped in order; and what is served of it.
fn stopped(setup: &Setup) -> Vec<(Value, Result<Vec<u8>, u16>)> {
    let program = setup.start();
    let call = program.call(&["--agent-phone", "4678", "--number", "+15550100", "--seconds", "2"]);
    on_a_recorded_call(&program.http, "4678");
    let body =
        serde_json::json!({"AgentIdentifier": "Id", "Value": "1", "CallMetadata": {"user1": "order 77"}});
    program.http.post("/api/Record/UpdateForAgent", &body).ok();
    call.wait();
    program.call(&["--agent-phone", "4102", "--codec", "g722", "--seconds", "1"]).wait();
    sealed(&program.http, 2);
    let truth = served(&program);
    program.stop();
    truth
}

#[test]
fn each_flipped_bit_is_found_or_changes_nothing_and_none_is_served_as_good() {
    let (count, seed) = (told("SIDETONE_TEST_FLIPS", 40), told("SIDETONE_TEST_SEED", 1));
    let setup = setup();
    let truth = stopped(&setup);
    let (found, said) = looked(&run(&setup, &["check"], &setup.data()));
    assert!(!found, "{said}");
    let whole = setup.beside("whole");
    super::canary::copy(&setup.data(), &whole);
    let files = stored(&setup.data());
    let (mut draw, mut harmless) = (Draw(seed), Vec::new());
    for n in 0..count {
        let ((path, at), bit) = (draw_place(&mut draw, &files), draw.below(8));
        let place = format!("flip {n}: bit {bit} of byte {at} of {}", path.display());
        flip(&path, at, bit);
        let (found, _) = looked(&run(&setup, &["check"], &setup.data()));
        if !found {
            harmless.push(place.clone());
        }
        if found && n % 100 != 7 {
            flip(&path, at, bit);
            continue;
        }
        start_on(&setup, &truth, &place);
        fs::remove_dir_all(setup.data()).expect("it is ours");
        super::canary::copy(&whole, &setup.data());
    }
    println!(
        "{count} flips: {} found, {} changed nothing: {harmless:#?}",
        count - harmless.len() as u64,
        harmless.len()
    );
}

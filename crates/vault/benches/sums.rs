//! What an orderly stop pays for writing down what the data folder looks like, and a check for comparing it, by the length of the
//! index: how fast it is summed on one core, from memory.
//!
//! `cargo bench --package vault --bench sums -- --megabytes 4096`

#![expect(clippy::print_stdout, reason = "a report is printed")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use std::fs::{self, File};
use std::io::Write as _;
use std::time::Instant;

use vault::KeyFolder;
use vault::sums::{self, Folders, SUMS_FILE};

fn main() {
    let told = std::env::args().skip_while(|argument| argument != "--megabytes").nth(1);
    let megabytes: u32 = told.map_or(1024, |told| told.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let keys = KeyFolder::open_or_create(&root.join("keys")).unwrap();
    fs::write(root.join("format"), "sidetone data 1\n").unwrap();
    let mut index = File::create(root.join("index.sqlite")).unwrap();
    for piece in 0..megabytes {
        index.write_all(&piece.to_le_bytes().repeat(250_000)).unwrap();
    }
    index.sync_all().unwrap();
    let (signing, folders) = (keys.recorder().signing().clone(), Folders::one(root));
    for round in 1..=3 {
        let began = Instant::now();
        assert!(sums::write(folders, &signing).unwrap());
        let wrote = began.elapsed().as_secs_f64();
        let began = Instant::now();
        assert_eq!(sums::compare(folders, &[signing.public()], u64::MAX).unwrap(), Some(Vec::new()));
        let compared = began.elapsed().as_secs_f64();
        let listed = fs::metadata(root.join(SUMS_FILE)).unwrap().len();
        println!(
            "round {round}: {megabytes} MB summed in {wrote:.2} s ({:.0} MB/s) to {listed} bytes, compared in {compared:.2} s",
            f64::from(megabytes) / wrote
        );
    }
}

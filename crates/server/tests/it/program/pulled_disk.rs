//! The disk is pulled from under a recorder with fifty calls up: full, then read-only (E2-07, E2-10).
//!
//! `cargo xtask disk` plays it: it mounts a small file system of its own, so it wants root and no other test beside it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sim::sip::{Offer, Session, Transport};
use sim::time::wait_for;
use sim::{Program, Setup, debian};

use super::alarms::alarm;
use super::spill::recordings_in;
use super::upkeep::checked;
use super::{PATIENCE, metric, sealed, setup, text};

/// A small file system at the data folder; taken away with this.
struct Disk {
    place: String,
    device: String,
}

fn run(program: &str, arguments: &[&str]) -> String {
    debian::run(Command::new(program).args(arguments)).trim().to_owned()
}

impl Disk {
    fn mount(setup: &Setup) -> Self {
        let (image, place) = (setup.beside("disk.img"), setup.data().display().to_string());
        fs::create_dir_all(&place).expect("there is room");
        let file = fs::File::create(&image).expect("there is room");
        file.set_len(3 << 30).expect("there is room");
        let image = image.display().to_string();
        run("mkfs.ext4", &["-q", &image]);
        run("mount", &["-o", "loop,errors=remount-ro", &image, &place]);
        fs::remove_dir(setup.data().join("lost+found")).expect("it is empty");
        let device = run("findmnt", &["-no", "SOURCE", &place]);
        Self { place, device }
    }

    /// Writes until there is no byte left: fifty calls need room for ten minutes (E2-07), so it is not too small.
    fn fill(&self) {
        let mut filler = fs::File::create(Path::new(&self.place).join("filler")).expect("there is room");
        for piece in [1 << 20, 4 << 10, 1] {
            while filler.write_all(&vec![0; piece]).is_ok() {}
        }
    }

    fn empty(&self) {
        fs::remove_file(Path::new(&self.place).join("filler")).expect("it is there");
    }

    /// As ext4 does when it finds itself damaged.
    fn turn_read_only(&self) {
        let name = self.device.trim_start_matches("/dev/");
        fs::write(format!("/sys/fs/ext4/{name}/trigger_fs_error"), "pulled").expect("ext4 has it");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l", &self.place]).status();
    }
}

fn live(program: &Program) -> usize {
    let page = program.http.get("/v1/calls?state=live").ok().json();
    page["items"].as_array().map_or(0, Vec::len)
}

/// A new call is refused, with what to do.
fn is_refused(program: &Program) {
    let refused = Session::open(program.sip, Transport::Udp, Offer::two_legs("4102", [4_000, 4_002]));
    let answer = refused.map(|_| ()).expect_err("it cannot be recorded");
    assert_eq!(answer.status(), 503, "{answer:?}");
    assert!((5..=30).contains(&answer.header("Retry-After").parse().expect("seconds")), "{answer:?}");
}

/// Every sealed recording reads through.
fn all_sound(setup: &Setup, count: usize) {
    let said = checked(setup);
    assert!(said.contains(&format!("{count} recordings, ")), "{said}");
}

#[test]
#[ignore = "mounts a disk: cargo xtask disk, as root"]
fn with_a_second_volume_a_full_disk_and_a_read_only_one_refuse_no_call() {
    let setup = setup().argument("--disk-reserve-mib").argument("32");
    let spill = setup.beside("spill");
    let setup = setup.argument("--spill").argument(&spill.display().to_string());
    let disk = Disk::mount(&setup);
    let program = setup.start();
    let call = || program.call(&["--agent-phone", "4678", "--seconds", "2"]).wait();
    call();
    sealed(&program.http, 1);
    assert_eq!((recordings_in(&setup.data()), recordings_in(&spill)), (1, 0));
    let calls = program.call(&["--calls", "50", "--ramp", "50", "--seconds", "20"]);
    wait_for("fifty calls are up", PATIENCE, || (live(&program) == 50).then_some(()));

    disk.fill();
    assert_eq!(alarm(&program, "active", "volume_refuses")["about"], setup.data().display().to_string());
    assert_eq!(program.http.get("/readyz").status, 200, "the second takes what comes");
    call();
    wait_for("it is sealed on the second", PATIENCE, || (recordings_in(&spill) > 0).then_some(()));

    disk.empty();
    alarm(&program, "over", "volume_refuses");
    calls.wait();
    call();
    let found = sealed(&program.http, 53);
    assert_eq!(metric(&program.http, "sidetone_rtp_datagrams_total{fate=\"dropped\"}"), 0);
    let whole = found.iter().filter(|found| text(&found["completeness"]) == "complete").count();
    assert_eq!(whole, 53, "nothing that came meanwhile is lost");

    disk.turn_read_only();
    let before = recordings_in(&spill);
    call();
    wait_for("it is sealed on the second", PATIENCE, || (recordings_in(&spill) > before).then_some(()));
    assert_eq!(program.http.get("/readyz").status, 200);
}

#[test]
#[ignore = "mounts a disk: cargo xtask disk, as root"]
fn a_disk_that_is_full_and_then_read_only_costs_no_sealed_recording_and_space_brings_recording_back() {
    let setup = setup().argument("--disk-reserve-mib").argument("32");
    let disk = Disk::mount(&setup);
    let program = setup.start();
    program.call(&["--agent-phone", "4678", "--seconds", "1"]).wait();
    sealed(&program.http, 1);
    let calls = program.call(&["--calls", "50", "--ramp", "50", "--seconds", "20"]);
    wait_for("fifty calls are up", PATIENCE, || (live(&program) == 50).then_some(()));

    disk.fill();
    assert_eq!(alarm(&program, "active", "cannot_record")["about"], "disk");
    alarm(&program, "active", "journal_failing");
    is_refused(&program);
    all_sound(&setup, 1);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(live(&program), 50, "what runs goes on");

    disk.empty();
    alarm(&program, "over", "journal_failing");
    wait_for("new calls are taken again", PATIENCE, || {
        (program.http.get("/readyz").status == 200).then_some(())
    });
    program.call(&["--agent-phone", "4678", "--seconds", "1"]).wait();
    calls.wait();
    let found = sealed(&program.http, 52);
    assert_eq!(metric(&program.http, "sidetone_rtp_datagrams_total{fate=\"dropped\"}"), 0);
    let whole = found.iter().filter(|found| text(&found["completeness"]) == "complete").count();
    assert_eq!(whole, 52, "what waited in memory is on the disk");
    all_sound(&setup, 52);

    let calls = program.call(&["--calls", "50", "--ramp", "50", "--seconds", "60"]);
    wait_for("fifty calls are up", PATIENCE, || (live(&program) == 50).then_some(()));
    disk.turn_read_only();
    alarm(&program, "active", "journal_failing");
    is_refused(&program);
    all_sound(&setup, 52);
    drop(calls);
}

//! A recorder that is killed with very many recordings under way takes calls again at once, and brings all of them home
//! (E2-03).

use std::sync::Arc;
use std::time::Duration;

use calls::gate::{Closed, Gate};
use calls::id::{RecordingId, StreamNumber};
use calls::packet::Packet;
use calls::time::Wall;
use sim::Setup;
use sim::time::{Since, now_ns, wait_for};
use vault::{Archive, FrameBatch, KeyFolder, Opened, RealDisk, Store};

use super::upkeep::checked;
use super::{on_a_recorded_call, setup, text, told};

/// Leaves a journal with so many recordings in it, each of half a second, as a killed recorder would.
fn leave_unfinished(setup: &Setup, count: u32) {
    std::fs::create_dir_all(setup.data()).expect("there is room");
    let keys = KeyFolder::open_or_create(&setup.data().join("keys")).expect("keys");
    let disk = Arc::new(RealDisk::new());
    let opened = Store::open(disk, &setup.data(), &keys.recorder(), vault::Settings::default());
    let Opened { intake, mut writer, .. } = opened.expect("a store");
    let now = Wall::from_ns(now_ns());
    for number in 0..count {
        let mut id = [0; 16];
        let ms = u64::try_from(now.as_ms()).expect("after 1970") + u64::from(number);
        id[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
        id[6] = 0x70;
        id[8] = 0x80;
        id[12..].copy_from_slice(&number.to_be_bytes());
        let recording = RecordingId::from_bytes(id);
        let mut call = intake.begin(recording);
        let mut gate = Gate::closed(recording, StreamNumber(0));
        gate.open(Closed::Blackout, Wall::EPOCH);
        let mut batch = FrameBatch::new();
        for sequence in 0..25u16 {
            let arrival = now.after(Duration::from_millis(u64::from(sequence) * 20));
            let (timestamp, payload) = (u32::from(sequence) * 160, [0x55; 160]);
            let packet = Packet {
                arrival,
                sequence,
                timestamp,
                ssrc: 1,
                payload_type: 0,
                marker: false,
                payload: &payload,
            };
            let admitted = gate.admit(arrival, packet).expect("it is open");
            call.append(admitted, &mut batch).expect("it fits");
        }
        call.flush(Wall::EPOCH, Duration::ZERO, &mut batch);
        writer.append(batch).map_err(|refused| refused.cause).expect("there is room");
        if number % 100 == 0 {
            writer.commit().expect("there is room");
        }
    }
    writer.commit().expect("there is room");
}

#[test]
fn after_a_kill_with_very_many_recordings_under_way_calls_are_taken_at_once_and_all_come_home() {
    // `SIDETONE_TEST_UNFINISHED=10000` is the whole of E2-03.
    let count = u32::try_from(told("SIDETONE_TEST_UNFINISHED", 300)).expect("so many");
    let setup = setup();
    leave_unfinished(&setup, count);
    let began = Since::now();
    let program = setup.start();
    let answers = began.elapsed();
    let call = program.call(&["--agent-phone", "4678", "--seconds", "2"]);
    on_a_recorded_call(&program.http, "4678");
    let records = began.elapsed();
    call.wait();
    let whole = usize::try_from(count).expect("so many") + 1;
    let patience = Duration::from_secs(60 + u64::from(count) / 20);
    wait_for("every recording is sealed and has a row", patience, || {
        let archive = Archive::new(Arc::new(RealDisk::new()), &program.data());
        (archive.list().expect("it can be listed").sealed.len() >= whole).then_some(())
    });
    let home = began.elapsed();
    eprintln!(
        "{count} unfinished: answers after {answers:?}, records after {records:?}, all home after {home:?}"
    );
    wait_for("the call is sealed", patience, || {
        let page = program.http.get("/v1/recordings?agent=1").ok().json();
        (page["items"].as_array()?.len() == 1).then(|| text(&page["items"][0]["id"]).to_owned())
    });
    assert!(program.stop().status.success());
    let said = checked(&setup);
    assert!(said.contains(&format!("{whole} recordings, ")), "{said}");
}

//! Somebody takes a copy of the disk of a recorder that has calls up, with its database, and has no private key: no sound and no raw
//! metadata is in it (F-KEY-1). What is in the clear is what guide/keys.md lists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use sim::disk::{Search, files};
use sim::rtp::{Leg, noise};
use sim::sip::{Offer, Session, Transport};
use sim::time::wait_for;
use sim::{Program, Setup};
use vault::{Archive, ReadError, ReadingKey, RealDisk};

use super::canary::{copy, decrypted_facts};
use super::{PATIENCE, metric, on_a_recorded_call, packets, sealed, setup, text};

/// Each frame of each leg of each call is noise that nothing else has.
const SOURCES: [[u32; 2]; 2] = [[71, 72], [81, 82]];

const FRAMES: u32 = 60;

/// What is told of a call, by who tells it: a name and a note in metadata, a field by command.
struct Canaries {
    name: &'static str,
    note: &'static str,
    field: &'static str,
}

const SEALED: Canaries =
    Canaries { name: "Wren Sealedcall", note: "note-of-a-sealed-call", field: "field-of-a-sealed-call" };
const LIVE: Canaries =
    Canaries { name: "Robin Livecall", note: "note-of-a-live-call", field: "field-of-a-live-call" };

/// What only raw messages and documents hold.
const RAW: [&str; 4] =
    ["<extensiondata", "<participantstreamassoc", "application/rs-metadata", "INVITE sip:"];

/// A call with sound and canaries, which stays up.
fn talk(program: &Program, sources: [u32; 2], told: &Canaries) -> Session {
    let legs = sources.map(Leg::new);
    let offer = Offer::two_legs("4678", legs.each_ref().map(Leg::port));
    let mut session = Session::open(program.sip, Transport::Tcp, offer).expect("it is answered");
    let to = session.media();
    for number in 0..FRAMES {
        for ((leg, to), source) in legs.iter().zip(&to).zip(sources) {
            assert!(leg.send_frame(*to, number, &noise(u64::from(source), number)));
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    on_a_recorded_call(&program.http, "4678");
    let document = session.metadata();
    let named = document.replace(
        "aor=\"sip:+15550100@127.0.0.1\"/>",
        &format!("aor=\"sip:+15550100@127.0.0.1\"><name>{}</name></nameID>", told.name),
    );
    let noted = named.replace(
        "</recording>",
        &format!(
            "<extensiondata xmlns:x=\"urn:x\"><x:note>{}</x:note></extensiondata></recording>",
            told.note
        ),
    );
    assert!(noted.contains(told.name) && noted.contains(told.note));
    assert_eq!(session.describe(noted.as_bytes()), 200);
    let tag = json!({"AgentIdentifier": "Id", "Value": "1", "CallMetadata": {"user1": told.field}});
    program.http.post("/api/Record/UpdateForAgent", &tag).ok();
    session
}

fn frames(sources: [u32; 2]) -> Search {
    let frame = |source: u32| move |number| noise(u64::from(source), number).to_vec();
    Search::new(sources.into_iter().flat_map(|source| (0..FRAMES).map(frame(source))))
}

/// The names of the files, relative to the image, that hold one of the texts.
fn holding(image: &Path, texts: &[&str]) -> BTreeSet<String> {
    let search = Search::new(texts.iter().map(|text| text.as_bytes().to_vec()));
    let hold = files(image).into_iter().filter(|(_, bytes)| search.find(bytes).is_some());
    hold.map(|(path, _)| path.strip_prefix(image).expect("it is below").display().to_string()).collect()
}

/// A data folder with a sealed call and one that is up, copied while it is.
fn image() -> (Setup, Program, Value, PathBuf) {
    let setup = setup().log("debug");
    let program = setup.start();
    assert_eq!(talk(&program, SOURCES[0], &SEALED).bye(), 200);
    let found = sealed(&program.http, 1).remove(0);
    let _up = talk(&program, SOURCES[1], &LIVE);
    wait_for("its sound is on the disk", PATIENCE, || {
        (metric(&program.http, "sidetone_rtp_datagrams_total{fate=\"stored\"}") >= u64::from(4 * FRAMES))
            .then_some(())
    });
    std::thread::sleep(std::time::Duration::from_millis(600));
    let image = setup.beside("image");
    copy(&program.data(), &image);
    (setup, program, found, image)
}

#[test]
fn a_copy_of_the_disk_without_the_private_key_gives_no_sound_and_no_raw_metadata() {
    let (_setup, program, found, image) = image();
    // Whoever has the key finds all of it in the same bytes.
    let stored = packets(&image, &found);
    let heard = |sources: [u32; 2]| {
        stored.iter().filter(|packet| frames(sources).find(&packet.payload).is_some()).count()
    };
    assert!(heard(SOURCES[0]) > 100, "{}", heard(SOURCES[0]));
    let facts = decrypted_facts(&image);
    let told = |text: &str| facts.iter().any(|(_, bytes)| String::from_utf8_lossy(bytes).contains(text));
    assert!(
        told(LIVE.note) && told(LIVE.field),
        "who has the state key reads what is told of calls that are up"
    );
    let sound = Search::new(
        SOURCES
            .into_iter()
            .flatten()
            .flat_map(|source| (0..FRAMES).map(move |number| noise(u64::from(source), number).to_vec())),
    );
    assert!(facts.iter().all(|(_, bytes)| sound.find(bytes).is_none()), "and no sound");

    for key in ["reading.key", "state.key"] {
        fs::remove_file(image.join("keys").join(key)).expect("it is there");
    }
    let (hold, looked_at) = sound.files(&image);
    assert!(hold.is_empty() && looked_at > 8, "sound in {hold:?}, of {looked_at}");
    assert_eq!(holding(&image, &RAW), BTreeSet::new(), "raw messages and documents");
    assert_eq!(holding(&image, &[SEALED.note, LIVE.note]), BTreeSet::new(), "what only documents told");
    // What guide/keys.md lists: the index has who and what of sealed calls in the clear, and nothing else has.
    assert_eq!(holding(&image, &[LIVE.name, LIVE.field]), BTreeSet::new(), "of a call that is up nothing");
    for listed in [SEALED.field, SEALED.name, "Rowan Pike", "+15550100"] {
        let places = holding(&image, &[listed]);
        assert!(!places.is_empty(), "{listed}: the guide says that the index has it");
        assert!(places.iter().all(|place| place.starts_with("index.sqlite")), "{listed} in {places:?}");
    }
    let archive = Archive::new(Arc::new(RealDisk::new()), &image);
    let id = text(&found["id"]).parse().expect("an id");
    let mut reader = archive.open(id, &ReadingKey::default()).expect("its catalogue is in the clear");
    assert!(matches!(reader.manifest(), Err(ReadError::NotHeld { .. })));
    drop(program);
}

#[test]
fn the_same_look_finds_what_is_written_in_the_clear() {
    let (_setup, _program, _found, image) = image();
    fs::write(image.join("dump"), noise(u64::from(SOURCES[1][0]), 7)).expect("there is room");
    assert_eq!(frames(SOURCES[1]).files(&image).0.len(), 1);
    fs::write(image.join("letter"), format!("x{}x{}", RAW[0], LIVE.note)).expect("there is room");
    for texts in [&RAW[..], &[LIVE.note]] {
        assert_eq!(holding(&image, texts), ["letter".to_owned()].into());
    }
}

//! Killed at any instant, and started again on the same folder (E2-01, E2-05, C2-06, C2-07).
//!
//! The calls are of a sender of our own that goes on sending: what is missing is measured against what it sent
//! and when, so that neither a slow machine nor a slow sender counts for or against the recorder.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sim::rtp::{Leg, Sent, Talk, noise};
use sim::sip::{Offer, Session, Transport};
use sim::time::{Since, now_ns, wait_for};
use sim::{Ended, Http, Program};

use super::{
    PATIENCE, Stored, agent, on_a_recorded_call, packets, recording, sealed, setup, setup_at, text, told,
};

/// What a killed process may cost (E2-01).
pub(super) const MAY_BE_LOST: Duration = Duration::from_millis(200);

/// A call whose sender remembers what it sent.
pub(super) struct Call {
    session: Session,
    talk: Talk,
    sip_call_id: String,
    /// The sources of its legs: what their noise is made from.
    sources: [u32; 2],
}

impl Call {
    pub(super) fn place(recorder: SocketAddr, phone: &str, source: u32) -> Self {
        let sources = [source, source + 1];
        let legs = sources.map(Leg::new);
        let offer = Offer::two_legs(phone, legs.each_ref().map(Leg::port));
        let sip_call_id = offer.sip_call_id().to_owned();
        let session = Session::open(recorder, Transport::Udp, offer).expect("it is answered");
        let media = session.media();
        assert_eq!(media.len(), 2);
        let talk = Talk::start(legs.into_iter().zip(media).collect());
        Self { session, talk, sip_call_id, sources }
    }

    /// Ends the sending after a crash; nobody is there to be told.
    fn sent(self) -> Said {
        self.silent().0
    }

    /// Ends the sending; the session stands, and can be ended when the recorder is there again.
    pub(super) fn silent(self) -> (Said, Session) {
        let Self { session, talk, sip_call_id, sources } = self;
        (Said { sip_call_id, sources, sent: talk.stop() }, session)
    }
}

/// What a call said.
pub(super) struct Said {
    sip_call_id: String,
    pub(super) sources: [u32; 2],
    pub(super) sent: Vec<Vec<Sent>>,
}

impl Said {
    /// Every frame that was sent in a span, by leg.
    pub(super) fn frames(&self, from_ns: i64, until_ns: i64) -> Vec<(usize, u32)> {
        let legs = self.sent.iter().enumerate();
        let inside = |sent: &&Sent| from_ns <= sent.at_ns && sent.at_ns < until_ns;
        legs.flat_map(|(leg, sent)| sent.iter().filter(inside).map(move |sent| (leg, sent.number))).collect()
    }

    pub(super) fn is_stored(&self, stored: &[Stored], (leg, number): (usize, u32)) -> bool {
        let payload = noise(u64::from(self.sources[leg]), number);
        stored.iter().any(|packet| packet.payload == payload && u32::from(packet.sequence) == number)
    }

    /// How long before `until_ns` the first frame that is missing was sent: zero if none is.
    fn lost_before(&self, stored: &[Stored], from_ns: i64, until_ns: i64) -> Duration {
        let missing =
            self.frames(from_ns, until_ns).into_iter().filter(|frame| !self.is_stored(stored, *frame));
        let at = |(leg, number): (usize, u32)| self.sent[leg].iter().find(|sent| sent.number == number);
        let first = missing.filter_map(at).map(|sent| sent.at_ns).min().unwrap_or(until_ns);
        Duration::from_nanos(u64::try_from(until_ns - first).expect("it was before"))
    }
}

fn by_id(id: u32) -> Value {
    json!({"AgentIdentifier": "Id", "Value": id.to_string()})
}

fn tag(id: u32, key: &str, value: &str) -> Value {
    json!({"AgentIdentifier": "Id", "Value": id.to_string(), "CallMetadata": {key: value}})
}

/// The recordings of one SIPREC call, oldest first.
fn of_call(http: &Http, recordings: &[Value], sip_call_id: &str) -> Vec<Value> {
    let full = recordings.iter().map(|summary| recording(http, summary));
    full.filter(|recording| recording["sip_call_id"] == sip_call_id).collect()
}

/// The recording of a SIPREC call that has one, once it is sealed.
fn sealed_of_call(http: &Http, sip_call_id: &str) -> Value {
    wait_for("the recording of a call is sealed", PATIENCE, || {
        of_call(http, &newest(http, "limit=500"), sip_call_id).pop()
    })
}

/// The newest sealed recordings that a query finds.
fn newest(http: &Http, query: &str) -> Vec<Value> {
    let page = http.get(&format!("/v1/recordings?{query}")).ok().json();
    page["items"].as_array().expect("a list").clone()
}

/// The ids of every sealed recording.
fn all(http: &Http) -> BTreeSet<String> {
    let mut page = http.get("/v1/recordings?limit=500").ok().json();
    let mut ids = BTreeSet::new();
    loop {
        let items = page["items"].as_array().expect("a list");
        ids.extend(items.iter().map(|item| text(&item["id"]).to_owned()));
        let Some(next) = page["next"].as_str() else { return ids };
        page = http.get(&format!("/v1/recordings?limit=500&cursor={next}")).ok().json();
    }
}

/// Waits until each of these is sealed.
fn all_sealed(http: &Http, expected: &BTreeSet<String>) {
    wait_for("every recording is sealed", PATIENCE, || {
        let there: BTreeSet<String> =
            newest(http, "limit=500").iter().map(|item| text(&item["id"]).to_owned()).collect();
        expected.is_subset(&there).then_some(())
    });
}

/// Every recording that was ever finished is found, and its file reads through.
fn none_is_lost(program: &Program, finished: &BTreeSet<String>) {
    let lost: Vec<_> = finished.difference(&all(&program.http)).cloned().collect();
    assert_eq!(lost, Vec::<String>::new(), "finished, and not to be found any more");
    for id in finished {
        packets(&program.data(), &json!({ "id": id }));
    }
}

/// After so many kills all that was ever finished is read again.
const READ_AGAIN_AFTER: u32 = 100;

#[test]
fn a_kill_in_a_call_costs_at_most_200_ms_and_in_a_blackout_nothing_comes_to_light() {
    let setup = setup();
    let program = setup.start();
    let open = Call::place(program.sip, "4678", 1_000);
    let dark = Call::place(program.sip, "4102", 2_000);
    on_a_recorded_call(&program.http, "4678");
    on_a_recorded_call(&program.http, "4102");
    std::thread::sleep(Duration::from_millis(400));
    program.http.post("/api/Record/UpdateForAgent", &tag(1, "user2", "1234567890")).ok();
    program.http.post("/api/Blackout/StartForAgent", &by_id(2)).ok();
    let dark_ns = now_ns();
    std::thread::sleep(Duration::from_millis(800));
    let Ended { at_ns: killed_ns, .. } = program.kill();
    // The senders do not notice.
    std::thread::sleep(Duration::from_millis(200));
    let (open, dark) = (open.sent(), dark.sent());

    let program = setup.start();
    let found = sealed(&program.http, 2);
    let recording_of = |said: &Said| of_call(&program.http, &found, &said.sip_call_id).remove(0);
    let open_recording = recording_of(&open);
    let kept = packets(&program.data(), &open_recording);
    let lost = open.lost_before(&kept, 0, killed_ns);
    eprintln!("lost before the kill: {lost:?} of a leg");
    assert!(lost <= MAY_BE_LOST, "{lost:?} before the kill are lost");
    assert_eq!(text(&open_recording["fields"]["user2"]), "1234567890");
    assert_eq!((&open_recording["agent"], &open_recording["interrupted"]), (&1.into(), &true.into()));

    let kept = packets(&program.data(), &recording_of(&dark));
    let leaked: Vec<_> =
        dark.frames(dark_ns, i64::MAX).into_iter().filter(|frame| dark.is_stored(&kept, *frame)).collect();
    assert_eq!(leaked, [], "stored although the blackout was acknowledged");
    assert!(kept.len() > 20, "what was said before the blackout is kept");

    still_dark_until_told(&program);
}

/// The blackout outlives the crash: the agent's next call is born dark, and lightens when it is told to.
fn still_dark_until_told(program: &Program) {
    assert_eq!(agent(&program.http, "4102")["BlackoutActive"], true);
    assert_eq!(agent(&program.http, "4678")["BlackoutActive"], false);
    let next = Call::place(program.sip, "4102", 3_000);
    let now = on_a_recorded_call(&program.http, "4102");
    assert_eq!(now["ActiveCall"]["Recordings"][0]["RecordingState"], "Blackout");
    std::thread::sleep(Duration::from_millis(500));
    let light_ns = now_ns();
    let after = program.http.post("/api/Blackout/StopForAgent", &by_id(2)).ok().json();
    let lit_ns = now_ns();
    assert_eq!(after["BlackoutActive"], false);
    std::thread::sleep(Duration::from_millis(500));
    let Call { session, talk, sip_call_id, sources } = next;
    let end_ns = now_ns();
    assert_eq!(session.bye(), 200);
    let said = Said { sip_call_id, sources, sent: talk.stop() };
    let found = sealed(&program.http, 3);
    let kept = packets(&program.data(), &of_call(&program.http, &found, &said.sip_call_id)[0]);
    assert!(said.frames(0, light_ns).iter().all(|frame| !said.is_stored(&kept, *frame)), "born dark");
    assert!(said.frames(lit_ns, end_ns).iter().all(|frame| said.is_stored(&kept, *frame)), "light again");
}

#[test]
fn a_second_recorder_on_the_same_folder_is_refused() {
    let setup = setup();
    let program = setup.start();
    let (status, said) = setup.start_refused();
    assert!(!status.success());
    assert!(said.contains("is in use by another recorder; stop that one or choose another folder"), "{said}");
    program.http.get("/readyz").ok();
    assert!(program.stop().status.success());
    setup.start();
}

#[test]
fn a_stop_in_a_call_keeps_every_packet_and_tells_the_caller() {
    let setup = setup();
    let program = setup.start();
    let call = Call::place(program.sip, "4678", 4_000);
    let placed = program.call(&["--agent-phone", "4102", "--seconds", "60"]);
    on_a_recorded_call(&program.http, "4678");
    on_a_recorded_call(&program.http, "4102");
    std::thread::sleep(Duration::from_millis(500));
    let Ended { at_ns, status, log } = program.stop();
    assert!(status.success(), "{log}");
    let said = call.sent();
    let (_, _, complained) = placed.wait_any();
    assert!(complained.contains("the recorder ended the call after"), "{complained}");

    let program = setup.start();
    let found = sealed(&program.http, 2);
    assert!(found.iter().all(|recording| recording["interrupted"] == false), "{found:?}");
    let kept = packets(&program.data(), &of_call(&program.http, &found, &said.sip_call_id)[0]);
    let lost: Vec<_> =
        said.frames(0, at_ns).into_iter().filter(|frame| !said.is_stored(&kept, *frame)).collect();
    assert_eq!(lost, [], "sent before the stop, and not stored");
}

#[test]
fn agents_and_a_blackout_that_were_told_of_with_no_call_up_survive_a_kill() {
    let setup = super::bare_setup();
    let program = setup.start();
    let agents = sim::program::AGENTS.as_bytes();
    program.http.post_bytes("/v1/agents/import", "text/csv", agents).ok();
    program.http.post("/api/Blackout/StartForAgent", &by_id(2)).ok();
    program.kill();

    let program = setup.start();
    assert_eq!(text(&agent(&program.http, "4678")["CrmUsername"]), "rowan");
    assert_eq!(agent(&program.http, "4102")["BlackoutActive"], true);
    let dark = Call::place(program.sip, "4102", 5_000);
    let now = on_a_recorded_call(&program.http, "4102");
    assert_eq!(now["ActiveCall"]["Recordings"][0]["RecordingState"], "Blackout");
    std::thread::sleep(Duration::from_millis(300));
    let sip_call_id = dark.sip_call_id.clone();
    assert_eq!(dark.session.bye(), 200);
    let found = sealed_of_call(&program.http, &sip_call_id);
    assert_eq!(found["packets"]["stored"], 0, "{found}");
    assert!(found["packets"]["dark"].as_u64() > Some(20), "{found}");
}

/// What the recorder has said yes to, and what it was asked when it died.
#[derive(Default)]
struct Acknowledged {
    /// The number in agent 1's field.
    tagged: u32,
    /// Whether agent 1's recording goes on; unknown if the recorder died over it.
    recording: Option<bool>,
    /// Whether agent 2 is in a blackout; unknown if the recorder died over it.
    dark: Option<bool>,
    /// Every recording an answer has named.
    recordings: BTreeSet<String>,
}

impl Acknowledged {
    fn note(&mut self, answer: &Value) {
        let recordings = answer["ActiveCall"]["Recordings"].as_array().into_iter().flatten();
        self.recordings.extend(recordings.map(|it| text(&it["RecordingIdentifier"]).to_owned()));
    }

    /// Sends commands until nobody answers.
    fn command(&mut self, http: &Http, dark: bool) {
        let mut dark = dark;
        let mut recording = true;
        for number in self.tagged + 1.. {
            let Some(answer) =
                http.try_post("/api/Record/UpdateForAgent", &tag(1, "user1", &number.to_string()))
            else {
                return;
            };
            self.tagged = number;
            self.note(&answer.ok().json());
            recording = !recording || number % 3 != 0;
            self.recording = None;
            let path = if recording { "/api/Record/StartForAgent" } else { "/api/Record/StopForAgent" };
            let Some(answer) = http.try_post(path, &by_id(1)) else { return };
            self.recording = Some(recording);
            self.note(&answer.ok().json());
            self.dark = None;
            dark = !dark;
            let path = if dark { "/api/Blackout/StartForAgent" } else { "/api/Blackout/StopForAgent" };
            let Some(answer) = http.try_post(path, &by_id(2)) else { return };
            self.dark = Some(dark);
            self.note(&answer.ok().json());
        }
    }
}

#[test]
fn kills_at_random_instants_lose_no_finished_recording_and_no_acknowledged_fact() {
    // Sessions go on at the address they have.
    let setup = setup_at("127.77.1.1");
    let mut finished: BTreeSet<String> = BTreeSet::new();
    let mut program = setup.start();
    // `cargo xtask crash --kills 1000` tells another number.
    let kills = u32::try_from(told("SIDETONE_TEST_KILLS", 6)).expect("so many");
    for round in 0..kills {
        let source = 10_000 + round * 100;
        let was_dark = agent(&program.http, "4102")["BlackoutActive"] == true;
        let calls = [("4678", 0), ("4102", 10), ("5555", 20)]
            .map(|(phone, offset)| Call::place(program.sip, phone, source + offset));
        on_a_recorded_call(&program.http, "4678");
        on_a_recorded_call(&program.http, "4102");
        let mut acknowledged = Acknowledged { dark: Some(was_dark), ..Acknowledged::default() };
        let http = program.http.clone();
        let commands = std::thread::spawn(move || {
            acknowledged.command(&http, was_dark);
            acknowledged
        });
        let lasts = Duration::from_millis(300 + u64::try_from(now_ns() / 1_000 % 900).expect("positive"));
        Since::now().sleep_until(lasts);
        let Ended { at_ns: killed_ns, .. } = program.kill();
        let acknowledged = commands.join().expect("the commands were answered");
        let [first, second, (device, third)] = calls.map(Call::silent);

        program = setup.start();
        for session in [first.1, second.1, third] {
            assert_eq!(session.bye(), 200, "the session has gone on");
        }
        finished.extend(acknowledged.recordings.iter().cloned());
        all_sealed(&program.http, &acknowledged.recordings);
        let kept = wait_for("what was cut and what went on of a call is sealed", PATIENCE, || {
            let mut both =
                of_call(&program.http, &newest(&program.http, "number=5555&limit=4"), &device.sip_call_id);
            (both.len() == 2).then(|| both.pop())?
        });
        let lost = device.lost_before(&packets(&program.data(), &kept), 0, killed_ns);
        eprintln!("kill {round} after {lasts:?} at tag {}: {lost:?} lost", acknowledged.tagged);
        assert!(lost <= MAY_BE_LOST, "kill {round} after {lasts:?}: {lost:?} are lost");
        finished.insert(text(&kept["id"]).to_owned());

        every_row_says_the_last_tag(&program.http, &acknowledged);
        let is_dark = agent(&program.http, "4102")["BlackoutActive"] == true;
        assert!(
            acknowledged.dark.is_none_or(|dark| dark == is_dark),
            "kill {round}: the blackout is {is_dark}"
        );
        if (round + 1) % READ_AGAIN_AFTER == 0 {
            none_is_lost(&program, &finished);
        }
    }
    none_is_lost(&program, &finished);
    eprintln!("{kills} kills, {} recordings finished, none lost", finished.len());
    folder_is_tidy(&program.data(), finished.len());
}

/// The rows of sealed recordings catch up with what was acknowledged.
fn every_row_says_the_last_tag(http: &Http, acknowledged: &Acknowledged) {
    // The command it died over may have become a fact.
    let (last, in_flight) = (acknowledged.tagged, acknowledged.tagged + 1);
    wait_for(&format!("every recording of the call is tagged {last}"), PATIENCE, || {
        let rows = newest(http, "limit=500");
        let mut ours = rows.iter().filter(|item| acknowledged.recordings.contains(text(&item["id"])));
        let tag = |item: &Value| item["fields"]["user1"].as_str().and_then(|tag| tag.parse().ok());
        ours.all(|item| [Some(last), Some(in_flight)].contains(&tag(item)) || item["agent"] != 1)
            .then_some(())
    });
}

/// Nothing is left over: as many sealed files as there are recordings, at least, and no half-made one.
fn folder_is_tidy(data: &Path, at_least: usize) {
    let files = sim::disk::files(data);
    let ending =
        |ending: &str| files.iter().filter(|(path, _)| path.to_string_lossy().ends_with(ending)).count();
    assert!(ending(".rec") >= at_least, "{} files of {at_least} recordings", ending(".rec"));
    wait_for("no half-made file is left", PATIENCE, || {
        let files = sim::disk::files(data);
        files.iter().all(|(path, _)| !path.to_string_lossy().ends_with(".part")).then_some(())
    });
}

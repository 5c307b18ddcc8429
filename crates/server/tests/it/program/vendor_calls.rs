//! Calls of real products from their first message to their record: what each tells is found there, and what it says in the
//! middle of a call is followed (A5, A7, A12, A13).

use std::net::SocketAddr;

use serde_json::Value;
use sim::rtp::{Leg, noise};
use sim::sip::{Line, Message, Transport};
use sim::time::wait_for;
use sim::{Http, Program};

use super::vendors::{check, folder, header, in_dialog, invites, profile_of, sent_by};
use super::{PATIENCE, packets, recording, sealed, setup, text};

/// A trunk for a product on this machine, whose media come from here too.
fn trunk(profile: &str) -> String {
    format!(
        "[[trunk]]\nname = \"SBC\"\nnetworks = [\"127.0.0.1\"]\nprofile = \"{profile}\"\n\
         media_networks = [\"127.0.0.1\"]\n"
    )
}

fn stored(file: &str) -> Vec<u8> {
    std::fs::read(folder().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn message(name: &str) -> Vec<u8> {
    stored(&format!("{name}.sip"))
}

fn oracle(name: &str) -> Value {
    serde_json::from_slice(&stored(&format!("{name}.expect.json"))).expect("JSON")
}

fn words(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().map(text)
}

/// What the record says of who takes part: address, name and labels of what they speak into.
fn parties(manifest: &Value) -> Vec<(String, String, Vec<String>)> {
    let label = |stream: &Value| {
        let index = usize::try_from(stream.as_u64().expect("a number")).expect("it is small");
        manifest["streams"][index]["label"].as_str().unwrap_or_default().to_owned()
    };
    let party = |party: &Value| {
        let sends = party["sends"].as_array().expect("a list").iter().map(label).collect();
        (text(&party["address"]).to_owned(), text(&party["name"]).to_owned(), sends)
    };
    manifest["parties"].as_array().expect("a list").iter().map(party).collect()
}

pub(super) fn check_record(at: &str, manifest: &Value, oracle: &Value) {
    let parties = parties(manifest);
    for told in oracle["participants"].as_array().into_iter().flatten() {
        let labels: Vec<String> = words(&told["sends_labels"]).map(str::to_owned).collect();
        let expected = (text(&told["aor"]).to_owned(), text(&told["name"]).to_owned(), labels);
        assert!(parties.contains(&expected), "{at}: {expected:?} is not among {parties:?}");
    }
    let facts = manifest["facts"].as_array().expect("facts");
    let is_fact = |name: &str, value: &str| {
        let known = facts.iter().any(|fact| fact["name"] == name && fact["value"] == value);
        assert!(known, "{at}: {name} is not {value} in {facts:?}");
    };
    for (name, value) in oracle["call"].as_object().into_iter().flatten() {
        match name.as_str() {
            "agent_extension_candidates" => words(value).for_each(|it| is_fact("agent_candidate", it)),
            "vendor_ids" => {
                value.as_object().expect("ids").iter().for_each(|(name, id)| is_fact(name, text(id)));
            }
            "mixed" => is_fact("mixed", &value.to_string()),
            "numbers" => {
                let known = |number: &str| {
                    parties.iter().any(|(address, ..)| address.contains(number))
                        || facts.iter().any(|fact| fact["value"] == number)
                };
                assert!(words(value).all(known), "{at}: {value} in {parties:?} and {facts:?}");
            }
            name => is_fact(name, text(value)),
        }
    }
    for (line, speaker) in words(&oracle["speakers"]).enumerate() {
        let speaks = |party: &Value| party["address"] == speaker && party["sends"][0] == line;
        assert!(manifest["parties"].as_array().expect("a list").iter().any(speaks), "{at}: {speaker}");
    }
}

#[test]
fn what_each_product_tells_is_in_the_record_of_its_call() {
    for transport in [Transport::Udp, Transport::Tcp] {
        for profile in ["body-only", "header-only"] {
            let program = setup().settings(&trunk(profile)).start();
            let all: Vec<_> =
                invites().into_iter().filter(|(name, ..)| profile_of(name) == profile).collect();
            for (_, invite, _) in &all {
                let mut line = Line::open(program.sip, transport);
                let invite = sent_by(&line, invite);
                let answer = line.ask(&invite);
                line.send(&in_dialog(&line, &invite, &answer, "ACK"));
                let bye = in_dialog(&line, &invite, &answer, "BYE");
                assert_eq!(line.ask(&bye).status(), 200);
            }
            let found = sealed(&program.http, all.len());
            let records: Vec<Value> = found.iter().map(|found| recording(&program.http, found)).collect();
            for (name, invite, oracle) in &all {
                let call_id = header(invite, "Call-ID");
                let whole = records.iter().find(|whole| whole["call_instance"] == call_id.as_str());
                let whole = whole.unwrap_or_else(|| panic!("{name}: no recording of {call_id}"));
                check_record(&format!("{name} over {transport:?}"), &whole["manifest"], oracle);
            }
        }
    }
}

/// A product's recording session, played from its messages.
struct Dialog {
    line: Line,
    answer: Message,
    legs: [Leg; 2],
    to: Vec<SocketAddr>,
    next: u32,
}

impl Dialog {
    fn open(program: &Program, transport: Transport, name: &str) -> Self {
        let mut line = Line::open(program.sip, transport);
        let invite = sent_by(&line, &message(name));
        let answer = line.ask(&invite);
        check(name, &answer, &oracle(name));
        line.send(&in_dialog(&line, &invite, &answer, "ACK"));
        let ports = answer.media_ports().into_iter();
        let to = ports.map(|port| SocketAddr::new(program.sip.ip(), port)).collect();
        Self { line, answer, legs: [Leg::new(1), Leg::new(2)], to, next: 0 }
    }

    /// Sends one of its stored requests, and gives the answer, which is as its oracle says.
    fn play(&mut self, name: &str) -> Message {
        let stored = message(name);
        let at = stored.windows(7).position(|it| it == b"SRS-TAG").expect("it has a place for our tag");
        let to = self.answer.header("To");
        let (_, tag) = to.split_once(";tag=").expect("it has a tag");
        let request = [&stored[..at], tag.as_bytes(), &stored[at + 7..]].concat();
        let request = sent_by(&self.line, &request);
        let answer = self.line.ask(&request);
        let oracle = oracle(name);
        assert_eq!(
            u64::from(answer.status()),
            oracle["response"]["code"].as_u64().expect("a code"),
            "{name}"
        );
        if oracle["answer_mlines"].is_array() {
            check(name, &answer, &oracle);
        } else {
            assert!(answer.body.is_empty(), "{name}: nothing was offered: {answer:?}");
        }
        if oracle["method"] == "INVITE" {
            let ack = in_dialog(&self.line, &request, &answer, "ACK");
            self.line.send(&ack);
        }
        answer
    }

    /// Both legs send so many frames at once.
    fn burst(&mut self, frames: u32) {
        for number in self.next..self.next + frames {
            for (leg, to) in self.legs.iter().zip(&self.to) {
                assert!(leg.send_frame(*to, number, &noise(7, number)));
            }
        }
        self.next += frames;
    }
}

/// The one call that is up, once it is as expected.
fn live_call(http: &Http, expected: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    wait_for(expected, PATIENCE, || {
        let page = http.get("/v1/calls?state=live").ok().json();
        page["items"].get(0).filter(|call| is_so(call)).cloned()
    })
}

/// Who speaks into and hears what, by address and stream.
fn flows(call: &Value) -> Vec<(&str, Vec<u64>, Vec<u64>)> {
    let numbers = |list: &Value| list.as_array().expect("a list").iter().filter_map(Value::as_u64).collect();
    let flow = |party: &'_ Value| (numbers(&party["sends"]), numbers(&party["hears"]));
    let parties = call["parties"].as_array().expect("a list").iter();
    parties
        .map(|party| {
            let (sends, hears) = flow(party);
            (text(&party["address"]), sends, hears)
        })
        .collect()
}

#[test]
fn hold_transfer_and_a_goodbye_with_metadata_are_followed_from_the_wire() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let program = setup().settings(&trunk("strict")).start();
        let mut dialog = Dialog::open(&program, transport, "01-rfc-two-leg-invite");
        dialog.burst(10);
        live_call(&program.http, "the call", |call| call["state"] == "on_call");
        dialog.play("11a-rfc-hold-update");
        live_call(&program.http, "the customer is on hold", |call| call["state"] == "on_hold");
        let answer = dialog.play("11b-rfc-transfer-reinvite");
        assert_eq!(answer.media_ports(), dialog.answer.media_ports(), "streams that go on keep their ports");
        let call = live_call(&program.http, "the second agent is in it", |call| call["state"] == "on_call");
        let said = call.to_string();
        assert!(said.contains("sip:4102@pbx.example.com") && said.contains("Agent Rowan Pike"), "{said}");
        dialog.burst(10);
        dialog.play("11c-rfc-bye-with-metadata");

        let found = sealed(&program.http, 1).remove(0);
        let whole = recording(&program.http, &found);
        let addresses: Vec<String> = parties(&whole["manifest"]).into_iter().map(|(it, ..)| it).collect();
        for party in
            ["sip:+14155550123@pstn.example.com", "sip:4678@pbx.example.com", "sip:4102@pbx.example.com"]
        {
            assert!(addresses.iter().any(|it| it == party), "{party}: {addresses:?}");
        }
        assert_eq!(whole["manifest"]["why_stopped"], "stopped: the recording client ended its session");
        let held = |leg: usize| whole["manifest"]["streams"][leg]["held"].as_array().expect("a list").clone();
        assert_eq!((held(0).len(), held(1).len()), (1, 0), "the customer's leg was on hold: {whole}");
        assert!(text(&held(0)[0]["from"]) < text(&held(0)[0]["until"]), "{whole}");
        assert_eq!(packets(&program.data(), &found).len(), 40, "{whole}");
        let mut manifest = super::open(&program.data(), &found);
        let manifest = String::from_utf8(manifest.manifest().expect("it is whole")).expect("JSON");
        assert!(manifest.contains("normal clearing"), "what came with the BYE is kept: {manifest}");
    }
}

#[test]
fn a_client_that_sets_all_lines_inactive_has_paused_and_is_not_recorded_meanwhile() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let program = setup().settings(&trunk("strict")).start();
        let mut dialog = Dialog::open(&program, transport, "01-rfc-two-leg-invite");
        dialog.burst(10);
        let before = live_call(&program.http, "the call", |_| true);
        dialog.play("12-src-pause-inactive-reinvite");
        wait_for("the pause is known", PATIENCE, || {
            let call = program.http.get(&format!("/v1/calls/{}/timeline", text(&before["id"]))).ok().text();
            call.contains("label 1 paused, 1 label 2 paused").then_some(())
        });
        let after = live_call(&program.http, "the call", |_| true);
        assert_eq!(flows(&after), flows(&before), "no metadata is no change");
        dialog.burst(10);
        let bye = in_dialog(&dialog.line, &message("12-src-pause-inactive-reinvite"), &dialog.answer, "BYE");
        assert_eq!(dialog.line.ask(&bye).status(), 200);
        let found = sealed(&program.http, 1).remove(0);
        assert_eq!(packets(&program.data(), &found).len(), 20, "what came in the pause is not stored");
    }
}

#[test]
fn a_placeholder_that_gets_its_name_later_is_replaced_and_stays_in_the_record() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let program = setup().settings(&trunk("strict")).start();
        let mut dialog = Dialog::open(&program, transport, "06a-avaya-sbce-invite");
        live_call(&program.http, "the call", |_| true);
        dialog.play("06b-avaya-sbce-update");
        let known = |call: &Value| call.to_string().contains("sip:+17205550162@carrier.example.org");
        live_call(&program.http, "the far party has its name", known);
        let request = message("06b-avaya-sbce-update");
        let bye = in_dialog(&dialog.line, &request, &dialog.answer, "BYE");
        assert_eq!(dialog.line.ask(&bye).status(), 200);
        let found = sealed(&program.http, 1).remove(0);
        let whole = recording(&program.http, &found);
        let addresses: Vec<String> = parties(&whole["manifest"]).into_iter().map(|(it, ..)| it).collect();
        for party in
            ["sip:4678@pbx.example.com", "sip:+17205550162@carrier.example.org", "sip:ASBCE@sbce.example.com"]
        {
            assert!(addresses.iter().any(|it| it == party), "{party}: {addresses:?}");
        }
    }
}

#[test]
fn a_health_check_is_told_what_is_taken_or_that_no_call_is() {
    let name = "13-options-keepalive";
    let stored = message(name);
    let oracle = &oracle(name)["response"];
    for transport in [Transport::Udp, Transport::Tcp] {
        for (full, code) in [(false, "code"), (true, "when_draining_or_full")] {
            // With no disk as large as what has to stay free, no call is taken.
            let reserve = if full { "4000000000" } else { "1" };
            let setup = setup().settings(&trunk("strict"));
            let program = setup.argument("--disk-reserve-mib").argument(reserve).start();
            let mut line = Line::open(program.sip, transport);
            let options = sent_by(&line, &stored);
            let answer = wait_for("the answer follows what the recorder can do", PATIENCE, || {
                let answer = line.ask(&options);
                (u64::from(answer.status()) == oracle[code].as_u64().expect("a code")).then_some(answer)
            });
            if full {
                assert!(
                    (5..=30).contains(&answer.header("Retry-After").parse().expect("seconds")),
                    "{answer:?}"
                );
                continue;
            }
            for name in words(&oracle["must_have_headers"]) {
                assert!(!answer.header(name).is_empty(), "{name}: {answer:?}");
            }
            for (name, list) in [("Allow", "allow_contains"), ("Accept", "accept_contains")] {
                let said = answer.header(name);
                let said: Vec<&str> = said.split(',').map(str::trim).collect();
                assert!(words(&oracle[list]).all(|word| said.contains(&word)), "{name}: {said:?}");
            }
        }
    }
}

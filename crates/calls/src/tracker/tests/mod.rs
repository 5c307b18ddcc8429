//! The tracker's stories: each test is a small day in a contact centre.

mod archive;
mod hold_back;
mod schedule_model;
mod schedules;

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::call::{CallState, Confidence, Fact, Link, Origin, Stream, StreamState};
use crate::effect::Alarm;
use crate::field::{Field, Fields};
use crate::gate::{Closed, Gate};
use crate::id::StreamNumber;
use crate::recording::RecordingState;

pub(super) fn ms(ms: i64) -> Wall {
    Wall::from_ms(1_700_000_000_000 + ms)
}

pub(super) fn agent(id: u32, phone: &str) -> Agent {
    Agent {
        id: AgentId(id),
        phone: phone.into(),
        username: format!("user{id}"),
        system_username: String::new(),
        crm_username: format!("crm{id}"),
        name: String::new(),
        business_unit: 0,
        device_alias: String::new(),
        station: String::new(),
    }
}

pub(super) fn tracker() -> Tracker {
    let mut tracker = Tracker::new(Settings::default(), [1; 32]);
    tracker.put_agents(vec![agent(1, "4678"), agent(2, "4102")]).unwrap();
    tracker
}

pub(super) fn by_id(id: &str) -> Target {
    Target::Agent { kind: AgentIdentifier::Id, value: id.into() }
}

fn by_phone(phone: &str) -> Target {
    Target::Agent { kind: AgentIdentifier::Phone, value: phone.into() }
}

pub(super) fn arrival(sip_call_id: &str, extension: &str) -> Arrival {
    let stream = |slot: u16| ArrivingStream {
        slot,
        label: Some(slot.to_string()),
        paused: false,
        ..Default::default()
    };
    Arrival {
        sip_call_id: sip_call_id.into(),
        candidates: vec![extension.into()],
        fields: [(Field::Ani, "+15550100".to_owned())].into(),
        parties: vec![ArrivingParty {
            address: format!("sip:{extension}@pbx"),
            name: String::new(),
            sends: vec![1],
            hears: vec![0],
        }],
        streams: vec![stream(0), stream(1)],
        ..Arrival::default()
    }
}

/// One end of a call that a phone forks in two sessions, each with one stream.
fn end_of_pair(session: &str, extension: &str) -> Arrival {
    let mut arrival = arrival(&format!("{session}@sbc"), extension);
    arrival.session = session.into();
    arrival.pair = Some(format!("cluster/{extension}"));
    arrival.streams.truncate(1);
    arrival.parties[0].sends = vec![0];
    arrival
}

fn gates_of(outcome: &Outcome) -> Vec<&Gate> {
    outcome
        .effects
        .iter()
        .flat_map(|effect| match effect {
            Effect::Record { gates, .. } => gates.iter().collect(),
            Effect::Guard { gate, .. } => vec![gate],
            _ => Vec::new(),
        })
        .collect()
}

pub(super) fn go_dark(tracker: &mut Tracker, at: Wall, target: &Target) -> Outcome {
    let (owner, mut outcome) = tracker.open_blackout(target).unwrap();
    let fact = tracker.gates_closed(&owner, at);
    outcome.events.extend(fact.events);
    outcome.effects.extend(fact.effects);
    outcome
}

pub(super) fn view(tracker: &Tracker, target: &Target) -> AgentView {
    tracker.view(&tracker.resolve(target).unwrap())
}

#[test]
fn two_sessions_of_one_forked_call_make_one_recording_with_a_channel_each() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), end_of_pair("near", "4678"));
    let mut far = end_of_pair("far", "4678");
    far.parties[0].address = "sip:+15550100@pbx".into();
    let (joined, outcome) = tracker.begin_call(ms(40), far);
    assert_eq!(joined, call, "the second end joins the first");
    assert_eq!(gates_of(&outcome).len(), 1, "only the stream that came is put behind a gate");

    let known = tracker.call(call).unwrap();
    assert_eq!(known.recordings.len(), 1);
    let spoken: Vec<_> = known.parties.iter().map(|party| (&*party.address, party.sends[0].0)).collect();
    assert_eq!(spoken, [("sip:4678@pbx", 0), ("sip:+15550100@pbx", 1)]);
    assert_eq!(known.sip_call_id.as_deref(), Some("near@sbc"));
    assert_eq!(tracker.calls_of_session("far"), [call]);
    assert_eq!(view(&tracker, &by_id("1")).active.unwrap().id, call);
}

#[test]
fn a_forked_call_goes_on_while_one_of_its_ends_does() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), end_of_pair("near", "4678"));
    tracker.begin_call(ms(40), end_of_pair("far", "4678"));
    tracker.leave_call(ms(90), call, "near", "stopped: gone");
    let known = tracker.call(call).unwrap();
    assert!(known.is_live() && known.live_recording().is_some());
    let states: Vec<_> = known.streams.iter().map(|stream| stream.state).collect();
    assert_eq!(states, [StreamState::Ended, StreamState::Live]);

    tracker.leave_call(ms(95), call, "near", "stopped: gone");
    assert!(tracker.call(call).unwrap().is_live(), "who has left cannot leave again");
    tracker.leave_call(ms(100), call, "far", "stopped: gone");
    assert!(!tracker.call(call).unwrap().is_live());
}

#[test]
fn a_call_with_both_its_ends_takes_no_third() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), end_of_pair("near", "4678"));
    tracker.begin_call(ms(40), end_of_pair("far", "4678"));
    let (third, _) = tracker.begin_call(ms(50), end_of_pair("third", "4678"));
    assert_ne!(third, call);
    tracker.leave_call(ms(60), call, "far", "stopped: gone");
    tracker.leave_call(ms(60), third, "third", "stopped: gone");
    let (again, _) = tracker.begin_call(ms(70), end_of_pair("far again", "4678"));
    assert_eq!(again, call, "an end that is lost may come again");
}

#[test]
fn the_second_end_of_a_dark_call_is_dark_from_its_first_packet() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), end_of_pair("near", "4678"));
    go_dark(&mut tracker, ms(10), &by_id("1"));
    // The far end may not even name the agent.
    let mut far = end_of_pair("far", "4678");
    far.candidates = vec!["+15550100".into()];
    let (_, outcome) = tracker.begin_call(ms(40), far);
    assert!(gates_of(&outcome).iter().all(|gate| gate.is_dark()));
    assert!(tracker.is_dark(tracker.call(call).unwrap()));
}

#[test]
fn the_five_commands_work_with_no_call_up() {
    let mut tracker = tracker();
    tracker.start_recording(ms(0), &by_id("1"), Fields::new()).unwrap();
    let shown = view(&tracker, &by_id("1")).active.unwrap();
    assert_eq!((shown.origin, shown.recordings[0].state), (Origin::Api, RecordingState::Pending));

    let user2 = [(Field::User(2), "1234567890".to_owned())].into();
    tracker.tag(ms(10), &by_phone("4678"), None, user2).unwrap();
    go_dark(&mut tracker, ms(20), &by_id("1"));
    let shown = view(&tracker, &by_id("1"));
    assert!(shown.dark && shown.active.unwrap().recordings[0].is_dark());

    tracker.close_blackout(ms(30), &by_id("1")).unwrap();
    tracker.stop_recording(ms(40), &by_phone("4678")).unwrap();
    let shown = view(&tracker, &by_id("1"));
    assert!(shown.active.is_none() && shown.blackout.is_none());
    assert_eq!(shown.inactive[0].field(Field::User(2)), "1234567890");
    assert_eq!(shown.inactive[0].state, CallState::Ended);
}

#[test]
fn a_call_that_arrives_is_recorded_and_tied_to_the_agent_of_its_extension() {
    let mut tracker = tracker();
    let (call, outcome) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    let call = tracker.call(call).unwrap();
    assert_eq!(call.agents, [AgentId(1)]);
    assert_eq!(call.live_recording().unwrap().state, RecordingState::Recording);
    let gates = gates_of(&outcome);
    assert_eq!(gates.len(), 2);
    assert!(gates.iter().all(|gate| gate.admit(ms(1), ()).is_ok()));
}

#[test]
fn media_goes_into_the_recording_a_command_has_started() {
    let mut tracker = tracker();
    tracker.start_recording(ms(0), &by_id("1"), Fields::new()).unwrap();
    let waiting = view(&tracker, &by_id("1")).active.unwrap();
    let (call, outcome) = tracker.begin_call(ms(100), arrival("a@sbc", "4678"));
    assert_eq!(call, waiting.id);
    let call = tracker.call(call).unwrap();
    assert_eq!(call.recordings.len(), 1);
    assert_eq!(call.recordings[0].state, RecordingState::Recording);
    assert_eq!(gates_of(&outcome)[0].recording(), waiting.recordings[0].id);
}

#[test]
fn starting_twice_makes_one_recording_and_starting_after_a_stop_a_second_of_the_same_call() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    tracker.start_recording(ms(10), &by_id("1"), Fields::new()).unwrap();
    assert_eq!(tracker.call(call).unwrap().recordings.len(), 1);

    let (_, outcome) = tracker.stop_recording(ms(20), &by_id("1")).unwrap();
    assert!(matches!(outcome.effects[..], [Effect::Stop { .. }]));
    assert!(tracker.call(call).unwrap().is_live());

    let (_, outcome) = tracker.start_recording(ms(30), &by_id("1"), Fields::new()).unwrap();
    assert!(matches!(outcome.effects[..], [Effect::Record { .. }]));
    assert_eq!(tracker.call(call).unwrap().recordings.len(), 2);
}

#[test]
fn a_blackout_covers_the_calls_there_are_and_the_next_one() {
    let mut tracker = tracker();
    let (first, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    let outcome = go_dark(&mut tracker, ms(10), &by_id("1"));
    assert!(matches!(&outcome.effects[..], [Effect::Darken { calls }] if calls[..] == [first]));

    let (second, outcome) = tracker.begin_call(ms(20), arrival("b@sbc", "4678"));
    assert!(gates_of(&outcome).iter().all(|gate| gate.is_dark()));
    let (other, outcome) = tracker.begin_call(ms(20), arrival("c@sbc", "4102"));
    assert!(gates_of(&outcome).iter().all(|gate| !gate.is_dark()));

    let (_, outcome) = tracker.close_blackout(ms(30), &by_id("1")).unwrap();
    let Effect::Lighten { calls, at } = &outcome.effects[0] else { panic!("{outcome:?}") };
    assert_eq!((calls.as_slice(), *at), ([first, second].as_slice(), ms(30)));
    assert!(!calls.contains(&other));
    let dark = &tracker.call(second).unwrap().recordings[0].dark;
    assert_eq!((dark[0].from, dark[0].until), (ms(20), Some(ms(30))));
}

#[test]
fn a_stream_that_joins_in_the_dark_is_born_dark() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    // Not even acknowledged yet: the gates of the streams there are may still be closing.
    tracker.open_blackout(&by_id("1")).unwrap();
    let mut more = arrival("a@sbc", "4678");
    more.streams.push(ArrivingStream {
        slot: 2,
        label: Some("third".into()),
        paused: false,
        ..Default::default()
    });
    let outcome = tracker.change_call(ms(10), call, more);
    let gates = gates_of(&outcome);
    assert_eq!(gates.len(), 1);
    assert!(gates[0].is_dark());
}

#[test]
fn a_call_handed_to_an_agent_in_blackout_goes_dark_and_stays_so_when_handed_on() {
    let mut tracker = tracker();
    go_dark(&mut tracker, ms(0), &by_id("2"));
    let (call, _) = tracker.begin_call(ms(10), arrival("a@sbc", "4678"));
    let outcome = tracker.change_call(ms(20), call, arrival("a@sbc", "4102"));
    assert!(
        outcome.effects.iter().any(|effect| matches!(effect, Effect::Darken { calls } if calls == &[call]))
    );
    tracker.change_call(ms(30), call, arrival("a@sbc", "4678"));
    assert!(tracker.is_dark(tracker.call(call).unwrap()));
    tracker.close_blackout(ms(40), &by_id("2")).unwrap();
    assert!(!tracker.is_dark(tracker.call(call).unwrap()));
}

#[test]
fn a_call_joined_while_the_gates_are_closing_goes_dark_too() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    let (owner, outcome) = tracker.open_blackout(&by_id("2")).unwrap();
    assert!(matches!(&outcome.effects[..], [Effect::Darken { calls }] if calls.is_empty()));
    let outcome = tracker.change_call(ms(5), call, arrival("a@sbc", "4102"));
    assert!(
        outcome.effects.iter().any(|effect| matches!(effect, Effect::Darken { calls } if calls == &[call]))
    );
    tracker.gates_closed(&owner, ms(6));
    assert!(tracker.is_dark(tracker.call(call).unwrap()));
}

#[test]
fn a_call_that_was_up_before_its_agent_was_known_goes_dark_with_the_agent() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4711"));
    tracker.put_agents(vec![agent(3, "4711")]).unwrap();
    let outcome = go_dark(&mut tracker, ms(10), &by_id("3"));
    assert!(matches!(&outcome.effects[..], [Effect::Darken { calls }] if calls[..] == [call]));
    assert!(view(&tracker, &by_id("3")).dark);
    let (_, outcome) = tracker.close_blackout(ms(20), &by_id("3")).unwrap();
    assert!(matches!(&outcome.effects[..], [Effect::Lighten { calls, .. }] if calls[..] == [call]));
}

#[test]
fn a_call_without_media_has_no_gates_to_close() {
    let mut tracker = tracker();
    tracker.start_recording(ms(0), &by_id("1"), Fields::new()).unwrap();
    let outcome = go_dark(&mut tracker, ms(10), &by_id("1"));
    assert!(matches!(&outcome.effects[..], [Effect::Darken { calls }] if calls.is_empty()));
    assert!(view(&tracker, &by_id("1")).dark);
    let (_, outcome) = tracker.begin_call(ms(20), arrival("a@sbc", "4678"));
    assert!(gates_of(&outcome).iter().all(|gate| gate.is_dark()));
}

#[test]
fn a_card_number_written_after_the_call_is_struck_out_while_the_agent_is_dark() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    tracker.leave_call(ms(10), call, "", "stopped: gone");
    go_dark(&mut tracker, ms(20), &by_id("1"));
    let card = [(Field::User(1), "4111 1111 1111 1111".to_owned())].into();
    let (_, outcome) = tracker.tag(ms(30), &by_id("1"), None, card).unwrap();
    assert_eq!(tracker.call(call).unwrap().field(Field::User(1)), "**** **** **** ****");
    assert!(!format!("{outcome:?}").contains("4111"), "neither an event nor an effect has it");
}

#[test]
fn a_document_that_brings_an_agent_in_blackout_is_read_in_the_dark() {
    let mut tracker = tracker();
    go_dark(&mut tracker, ms(0), &by_id("2"));
    let (call, _) = tracker.begin_call(ms(10), arrival("a@sbc", "4678"));
    let mut joined = arrival("a@sbc", "4102");
    joined.fields.insert(Field::AcdGate, "4111111111111111".into());
    joined.parties[0].name = "4111111111111111".into();
    let (name, value, source) = ("queue".into(), "4111111111111111".into(), "Diversion".into());
    joined.facts = vec![Fact { name, value, source, confidence: Confidence::Stated, is_id: false }];
    joined.document = Some(Document {
        text: "<x>4111111111111111</x>".into(),
        base64: false,
        fault: None,
        received: ms(3),
    });
    let outcome = tracker.change_call(ms(20), call, joined);
    assert!(!format!("{outcome:?}").contains("4111111111111111"), "{outcome:?}");
}

#[test]
fn stopping_a_blackout_that_is_not_open_is_no_error() {
    let mut tracker = tracker();
    let (_, outcome) = tracker.close_blackout(ms(0), &by_id("1")).unwrap();
    assert!(outcome.events.is_empty() && outcome.effects.is_empty());
}

#[test]
fn a_stop_that_overtakes_the_closing_gates_wins() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    let (owner, _) = tracker.open_blackout(&by_id("1")).unwrap();
    let (_, outcome) = tracker.close_blackout(ms(5), &by_id("1")).unwrap();
    assert!(matches!(&outcome.effects[..], [Effect::Lighten { calls, .. }] if calls[..] == [call]));
    assert!(tracker.gates_closed(&owner, ms(6)).events.is_empty());
    assert!(!tracker.is_dark(tracker.call(call).unwrap()));
}

#[test]
fn a_forgotten_blackout_ends_in_time_and_a_second_start_restarts_the_clock() {
    let mut tracker = tracker();
    go_dark(&mut tracker, ms(0), &by_id("1"));
    go_dark(&mut tracker, ms(400_000), &by_id("1"));
    assert!(tracker.tick(ms(999_999)).events.is_empty());
    assert_eq!(tracker.next_deadline(), Some(ms(1_000_000)));
    let outcome = tracker.tick(ms(1_000_000));
    assert!(view(&tracker, &by_id("1")).blackout.is_none());
    assert!(
        outcome
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Alarm(Alarm::BlackoutTimedOut { resumed: true, .. })))
    );
}

#[test]
fn where_the_policy_is_to_stay_dark_the_time_out_only_alarms() {
    let mut tracker = tracker();
    tracker.settings.blackout.stay_dark = true;
    go_dark(&mut tracker, ms(0), &by_id("1"));
    let outcome = tracker.tick(ms(600_000));
    assert!(matches!(outcome.effects[..], [Effect::Alarm(Alarm::BlackoutTimedOut { resumed: false, .. })]));
    assert!(view(&tracker, &by_id("1")).blackout.unwrap().overdue);
    assert!(tracker.tick(ms(700_000)).events.is_empty());
}

#[test]
fn a_card_number_in_a_field_is_struck_out_in_the_dark_only() {
    let mut tracker = tracker();
    tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    let card = |user| Fields::from([(Field::User(user), "4111 1111 1111 1111".to_owned())]);
    tracker.tag(ms(10), &by_id("1"), None, card(1)).unwrap();
    go_dark(&mut tracker, ms(20), &by_id("1"));
    let (_, outcome) = tracker.tag(ms(30), &by_id("1"), None, card(2)).unwrap();
    assert!(matches!(
        outcome.effects[..],
        [Effect::Alarm(Alarm::CardNumberStruckOut { by_command: true, .. })]
    ));
    let call = view(&tracker, &by_id("1")).active.unwrap();
    assert_eq!(call.field(Field::User(1)), "4111 1111 1111 1111");
    assert_eq!(call.field(Field::User(2)), "**** **** **** ****");
    assert!(!format!("{:?}", outcome.events).contains("4111"));
}

#[test]
fn a_card_number_in_a_display_name_is_struck_out_in_the_dark() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    go_dark(&mut tracker, ms(1), &by_id("1"));
    let mut named = arrival("a@sbc", "4678");
    named.parties[0].name = "4111-1111-1111-1111".into();
    tracker.change_call(ms(2), call, named);
    assert_eq!(tracker.call(call).unwrap().parties[0].name, "****-****-****-****");
}

#[test]
fn what_a_command_wrote_is_not_overwritten_by_the_client() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    tracker.tag(ms(1), &by_id("1"), None, [(Field::Ani, "private".to_owned())].into()).unwrap();
    tracker.change_call(ms(2), call, arrival("a@sbc", "4678"));
    assert_eq!(tracker.call(call).unwrap().field(Field::Ani), "private");
}

#[test]
fn tags_go_to_the_active_call_else_to_the_newest_inactive_one_else_nowhere() {
    let mut tracker = tracker();
    let tag = |n: u8| Fields::from([(Field::User(n), "x".to_owned())]);
    let refused = tracker.tag(ms(0), &by_id("1"), None, tag(1)).unwrap_err();
    assert_eq!(refused.to_string(), "agent 1 has no call");
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    tracker.leave_call(ms(10), call, "", "stopped: gone");
    let (_, outcome) = tracker.tag(ms(20), &by_id("1"), None, tag(1)).unwrap();
    assert!(matches!(outcome.effects[..], [Effect::Annotate { .. }]));
    let (newer, _) = tracker.begin_call(ms(30), arrival("b@sbc", "4678"));
    tracker.tag(ms(40), &by_id("1"), None, tag(2)).unwrap();
    assert_eq!(tracker.call(newer).unwrap().field(Field::User(2)), "x");
    tracker.tag(ms(50), &by_id("1"), Some("a@sbc"), tag(3)).unwrap();
    assert_eq!(tracker.call(call).unwrap().field(Field::User(3)), "x");
    assert!(tracker.tag(ms(60), &by_id("1"), Some("z"), tag(4)).is_err());
}

#[test]
fn fields_written_by_recording_reach_its_call_and_nothing_where_that_is_forgotten() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    let recording = tracker.call(call).unwrap().recordings[0].id;
    let user = |value: &str| Fields::from([(Field::User(3), value.to_owned())]);
    let (taken, outcome) = tracker.tag_recording(ms(5), recording, user("blue"));
    assert_eq!((taken, tracker.call(call).unwrap().field(Field::User(3))), (user("blue"), "blue"));
    assert_eq!(outcome.events.len(), 1);

    let dark = tracker.open_blackout(&by_id("1")).unwrap().0;
    tracker.gates_closed(&dark, ms(6));
    let (taken, _) = tracker.tag_recording(ms(7), recording, user("4111111111111111"));
    assert_eq!(taken, user("****************"));

    let stranger = RecordingId::from_bytes([9; 16]);
    let (taken, outcome) = tracker.tag_recording(ms(8), stranger, user("red"));
    assert_eq!((taken, outcome.events.len()), (user("red"), 0));
    // Whose it was nobody knows any more: somebody is dark, and it may be theirs.
    let (taken, _) = tracker.tag_recording(ms(9), stranger, user("4111111111111111"));
    assert_eq!(taken, user("****************"));
    tracker.close_blackout(ms(10), &by_id("1")).unwrap();
    let (taken, _) = tracker.tag_recording(ms(11), stranger, user("4111111111111111"));
    assert_eq!(taken, user("4111111111111111"), "an order's number may look like a card's");
}

#[test]
fn whoever_moves_an_agent_to_another_unit_moves_none_of_the_calls_that_are_over() {
    let mut tracker = tracker();
    let unit = |tracker: &Tracker, call| tracker.business_unit_of(tracker.call(call).unwrap());
    let move_to = |tracker: &mut Tracker, business_unit| {
        let agent = Agent { business_unit, ..tracker.state().agents[&AgentId(1)].clone() };
        tracker.put_agents(vec![agent]).unwrap();
    };
    move_to(&mut tracker, 3);
    let (over, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    tracker.leave_call(ms(10), over, "", "stopped: gone");
    let (live, _) = tracker.begin_call(ms(20), arrival("b@sbc", "4678"));
    move_to(&mut tracker, 5);
    assert_eq!((unit(&tracker, over), unit(&tracker, live)), (3, 5));
}

#[test]
fn unknown_names_are_refused_with_the_name() {
    let mut tracker = tracker();
    let said = |refusal: Refusal| refusal.to_string();
    assert_eq!(said(tracker.open_blackout(&by_id("9")).unwrap_err()), "no agent has the Id \"9\"");
    assert_eq!(said(tracker.resolve(&by_phone("")).unwrap_err()), "no agent has the Phone \"\"");
    assert!(said(tracker.resolve(&Target::Device("77".into())).unwrap_err()).contains("\"77\""));
    assert_eq!(tracker.resolve(&Target::Device(" 4678 ".into())), Ok(Owner::Agent(AgentId(1))));
}

#[test]
fn a_device_nobody_sits_at_can_be_commanded_while_a_call_is_on_it() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "9000"));
    let device = Target::Device("9000".into());
    go_dark(&mut tracker, ms(1), &device);
    assert!(tracker.is_dark(tracker.call(call).unwrap()));
    let shown = view(&tracker, &device);
    assert!(shown.agent.is_none() && shown.dark);
}

#[test]
fn agents_who_talk_to_each_other_both_have_the_call_and_it_is_reported() {
    let mut tracker = tracker();
    let mut both = arrival("a@sbc", "4678");
    both.candidates.push("4102".into());
    let (call, outcome) = tracker.begin_call(ms(0), both);
    assert_eq!(tracker.call(call).unwrap().agents, [AgentId(1), AgentId(2)]);
    assert!(
        outcome.effects.iter().any(|e| matches!(e, Effect::Alarm(Alarm::AmbiguousAgent { agents: 2, .. })))
    );
    go_dark(&mut tracker, ms(1), &by_id("2"));
    assert!(view(&tracker, &by_id("1")).dark);
}

#[test]
fn a_user_name_ties_a_call_only_when_no_phone_does() {
    let mut tracker = tracker();
    let mut named = arrival("a@sbc", "user2");
    let (call, _) = tracker.begin_call(ms(0), named.clone());
    assert_eq!(tracker.call(call).unwrap().agents, [AgentId(2)]);
    named.candidates.push("4678".into());
    let (call, _) = tracker.begin_call(ms(0), named);
    assert_eq!(tracker.call(call).unwrap().agents, [AgentId(1)]);
}

#[test]
fn a_pause_by_the_client_closes_that_stream_only_and_is_kept_as_a_span() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    let mut paused = arrival("a@sbc", "4678");
    paused.streams[1].paused = true;
    let outcome = tracker.change_call(ms(10), call, paused);
    assert!(
        matches!(outcome.effects[..], [Effect::Pause { stream: StreamNumber(1), resumed: None, .. }]),
        "{outcome:?}"
    );
    let outcome = tracker.change_call(ms(20), call, arrival("a@sbc", "4678"));
    assert!(matches!(outcome.effects[..], [Effect::Pause { resumed: Some(_), .. }]));
    let span = tracker.call(call).unwrap().streams[1].paused[0];
    assert_eq!((span.from, span.until), (ms(10), Some(ms(20))));
}

#[test]
fn what_came_since_the_client_knew_of_a_stream_is_kept_though_it_became_a_fact_later() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    let mut more = arrival("a@sbc", "4678");
    more.streams.push(ArrivingStream { slot: 2, label: Some("third".into()), ..Default::default() });
    more.streams[1].paused = true;
    let outcome = tracker.change_call(ms(20), call, Arrival { since: Some(ms(10)), ..more.clone() });
    let gate = gates_of(&outcome)[0];
    assert!(gate.admit(ms(10), ()).is_ok() && gate.admit(ms(9), ()).is_err());

    more.streams[1].paused = false;
    let outcome = tracker.change_call(ms(50), call, Arrival { since: Some(ms(40)), ..more });
    let [Effect::Pause { resumed, .. }] = outcome.effects[..] else { panic!("{outcome:?}") };
    assert_eq!(resumed, Some(ms(40)));
}

#[test]
fn what_came_before_the_light_stays_dark_on_a_stream_that_was_agreed_in_the_dark() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    go_dark(&mut tracker, ms(10), &by_id("1"));
    tracker.close_blackout(ms(30), &by_id("1")).unwrap();
    let mut more = arrival("a@sbc", "4678");
    more.streams.push(ArrivingStream { slot: 2, label: Some("third".into()), ..Default::default() });
    let outcome = tracker.change_call(ms(40), call, Arrival { since: Some(ms(20)), ..more });
    let gate = gates_of(&outcome)[0];
    assert!(gate.admit(ms(29), ()).is_err() && gate.admit(ms(30), ()).is_ok());
}

#[test]
fn a_blackout_called_off_while_its_gates_close_lets_nothing_of_its_time_pass() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    tracker.open_blackout(&by_id("1")).unwrap();
    tracker.close_blackout(ms(30), &by_id("1")).unwrap();
    let mut more = arrival("a@sbc", "4678");
    more.streams.push(ArrivingStream { slot: 2, label: Some("third".into()), ..Default::default() });
    let outcome = tracker.change_call(ms(40), call, Arrival { since: Some(ms(20)), ..more });
    assert!(gates_of(&outcome)[0].admit(ms(29), ()).is_err());
}

#[test]
fn a_reused_slot_carries_a_new_stream() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    let mut changed = arrival("a@sbc", "4678");
    changed.streams[1].label = Some("other".into());
    let outcome = tracker.change_call(ms(10), call, changed);
    assert_eq!(gates_of(&outcome)[0].stream(), StreamNumber(2));
    assert_eq!(tracker.call(call).unwrap().stream_at("", 1).unwrap().number, StreamNumber(2));
}

/// One of several recording sessions that bring one communication session.
fn copy(session: &str, extension: &str) -> Arrival {
    let mut arrival = arrival(&format!("{session}@sbc"), extension);
    arrival.session = session.into();
    arrival.session_id = "7+OTCyoxTmqmqyA/1weDAg==".into();
    arrival
}

#[test]
fn a_call_that_two_clients_bring_is_known_as_one_and_its_copy_and_commands_reach_both() {
    let mut tracker = tracker();
    let (first, _) = tracker.begin_call(ms(0), copy("left", "4678"));
    let (second, _) = tracker.begin_call(ms(30), copy("right", "4678"));
    assert_eq!(tracker.call(second).unwrap().link, Some(Link::CopyOf(first)));
    let seen = view(&tracker, &by_id("1"));
    assert_eq!((seen.active.unwrap().id, seen.inactive.len()), (first, 0), "it is shown once");

    tracker.tag(ms(40), &by_id("1"), None, [(Field::User(2), "A-7".to_owned())].into()).unwrap();
    for call in [first, second] {
        assert_eq!(tracker.call(call).unwrap().field(Field::User(2)), "A-7");
    }
    let (_, outcome) = tracker.stop_recording(ms(50), &by_id("1")).unwrap();
    let stops = outcome.effects.iter().filter(|effect| matches!(effect, Effect::Stop { .. })).count();
    assert_eq!(stops, 2);
    let (_, outcome) = tracker.start_recording(ms(60), &by_id("1"), Fields::new()).unwrap();
    assert_eq!(gates_of(&outcome).len(), 4, "both go on, with two streams each");
}

#[test]
fn a_copy_takes_over_when_the_first_client_leaves_before_it() {
    let mut tracker = tracker();
    let (first, _) = tracker.begin_call(ms(0), copy("left", "4678"));
    let (second, _) = tracker.begin_call(ms(30), copy("right", "4678"));
    tracker.leave_call(ms(40), first, "left", "stopped: gone");
    assert_eq!(view(&tracker, &by_id("1")).active.unwrap().id, second);
    tracker.leave_call(ms(50), second, "right", "stopped: gone");
    let seen = view(&tracker, &by_id("1"));
    assert_eq!(seen.inactive.iter().map(|call| call.id).collect::<Vec<_>>(), [first]);
}

#[test]
fn a_blackout_covers_the_copy_that_does_not_know_its_agent_and_the_copy_that_comes_in_the_dark() {
    let mut tracker = tracker();
    let (first, _) = tracker.begin_call(ms(0), copy("left", "4678"));
    let mut unnamed = copy("right", "4678");
    unnamed.candidates.clear();
    let (second, _) = tracker.begin_call(ms(30), unnamed.clone());
    assert!(tracker.call(second).unwrap().agents.is_empty());

    let (owner, outcome) = tracker.open_blackout(&by_id("1")).unwrap();
    let [Effect::Darken { calls }] = &outcome.effects[..] else { panic!("{outcome:?}") };
    assert_eq!(calls[..], [first, second]);
    unnamed.session = "third".into();
    let (third, outcome) = tracker.begin_call(ms(40), unnamed);
    assert!(gates_of(&outcome).iter().all(|gate| gate.is_dark()), "before the blackout is a fact");
    tracker.gates_closed(&owner, ms(50));
    for call in [first, second, third] {
        let call = tracker.call(call).unwrap();
        assert!(tracker.is_dark(call) && call.live_recording().unwrap().is_dark());
    }
    let (_, outcome) = tracker.close_blackout(ms(60), &by_id("1")).unwrap();
    assert!(
        matches!(&outcome.effects[..], [Effect::Lighten { calls, .. }] if calls[..] == [first, second, third])
    );
}

#[test]
fn a_call_goes_dark_with_the_copy_that_brings_an_agent_in_blackout() {
    let mut tracker = tracker();
    go_dark(&mut tracker, ms(0), &by_id("2"));
    let (first, _) = tracker.begin_call(ms(10), copy("left", "9000"));
    assert!(!tracker.is_dark(tracker.call(first).unwrap()));
    let mut named = copy("right", "9000");
    named.candidates.push("4102".into());
    let (second, outcome) = tracker.begin_call(ms(20), named);
    assert!(
        outcome
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Darken { calls } if calls[..] == [first]))
    );
    for call in [first, second] {
        assert!(tracker.is_dark(tracker.call(call).unwrap()));
    }
}

#[test]
fn a_call_brought_anew_soon_after_its_end_goes_on_and_one_much_later_or_of_others_is_another() {
    let mut tracker = tracker();
    let (first, _) = tracker.begin_call(ms(0), copy("left", "4678"));
    let (other, _) = tracker.begin_call(ms(10), copy("else", "4102"));
    assert_eq!(tracker.call(other).unwrap().link, None, "an id used twice, by other people");
    tracker.leave_call(ms(20), first, "left", "stopped: gone");
    let (second, _) = tracker.begin_call(ms(5_000), copy("right", "4678"));
    assert_eq!(tracker.call(second).unwrap().link, Some(Link::Continues(first)));
    tracker.leave_call(ms(6_000), second, "right", "stopped: gone");
    let (third, _) = tracker.begin_call(ms(90_000), copy("again", "4678"));
    assert_eq!(tracker.call(third).unwrap().link, None);
}

#[test]
fn a_vendors_id_makes_a_copy_only_of_the_same_leg() {
    let named = |session: &str, extension: &str| {
        let mut arrival = copy(session, extension);
        arrival.session_id.clear();
        let (name, value) = ("ucid".to_owned(), "00010000011234567890".to_owned());
        let (source, confidence) = ("X-UCID".to_owned(), Confidence::Stated);
        arrival.facts = vec![Fact { name, value, source, confidence, is_id: true }];
        arrival
    };
    let mut tracker = tracker();
    let (first, _) = tracker.begin_call(ms(0), named("left", "4678"));
    let (leg, _) = tracker.begin_call(ms(10), named("consult", "4102"));
    assert_eq!(tracker.call(leg).unwrap().link, None);
    let (second, _) = tracker.begin_call(ms(20), named("right", "4678"));
    assert_eq!(tracker.call(second).unwrap().link, Some(Link::CopyOf(first)));
    let (later, _) = tracker.begin_call(ms(20_000), named("later", "4678"));
    assert_eq!(tracker.call(later).unwrap().link, None);
}

#[test]
fn an_ended_call_is_forgotten_after_its_grace_once_its_recording_is_sealed() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    tracker.leave_call(ms(0), call, "", "stopped: gone");
    assert!(tracker.tick(ms(400_000)).events.is_empty(), "its recording is still in the making");
    let recording = tracker.call(call).unwrap().recordings[0].id;
    tracker.sealed(recording, true);
    tracker.tick(ms(400_000));
    assert!(tracker.call(call).is_none());
}

#[test]
fn a_call_that_is_over_is_forgotten_in_its_time_after_a_restart_too() {
    let mut before = tracker();
    let (sealed, _) = before.begin_call(ms(0), arrival("a@sbc", "4678"));
    let (stopped, _) = before.begin_call(ms(10), arrival("b@sbc", "4102"));
    before.leave_call(ms(1_000), sealed, "", "stopped: gone");
    before.leave_call(ms(500), stopped, "", "stopped: gone");
    assert_eq!(before.next_deadline(), None, "both are still in the making");
    let [first, second] = [sealed, stopped].map(|call| before.call(call).unwrap().recordings[0].id);
    before.sealed(first, true);
    assert_eq!(before.next_deadline(), Some(ms(301_000)));

    let mut after = Tracker::new(Settings::default(), [2; 32]);
    after.restore(before.state().clone());
    assert_eq!(after.next_deadline(), Some(ms(301_000)));
    after.replay(&Event::RecordingSealed { recording: second, good: false });
    assert_eq!(after.next_deadline(), Some(ms(300_500)));
    assert_eq!(after.tick(ms(300_500)).events, [Event::CallForgotten { call: stopped }]);
    assert_eq!(after.next_deadline(), Some(ms(301_000)));
    assert_eq!(after.tick(ms(301_000)).events, [Event::CallForgotten { call: sealed }]);
    assert_eq!((after.next_deadline(), after.state().calls.len()), (None, 0));
}

#[test]
fn a_recording_says_why_it_was_stopped_after_a_restart_too() {
    let mut before = tracker();
    let mut journal = before.put_agents(vec![agent(1, "4678")]).unwrap().events;
    let (call, outcome) = before.begin_call(ms(0), arrival("a@sbc", "4678"));
    journal.extend(outcome.events);
    journal.extend(before.stop_recording(ms(1), &by_id("1")).unwrap().1.events);
    journal.extend(before.start_recording(ms(2), &by_id("1"), Fields::new()).unwrap().1.events);
    journal.extend(before.leave_call(ms(3), call, "", "stopped: gone").events);
    let mut after = tracker();
    journal.iter().for_each(|event| after.replay(event));
    let recordings = &after.call(call).unwrap().recordings;
    let why: Vec<_> = recordings.iter().map(|it| it.why_stopped.as_deref().unwrap()).collect();
    assert_eq!(why, ["stopped: by command for agent 1", "stopped: gone"]);
}

#[test]
fn metadata_documents_are_kept_but_not_in_the_dark_nor_without_limit() {
    let mut tracker = tracker();
    let with = |at: i64, text: String| Arrival {
        document: Some(Document { received: ms(at), text, base64: false, fault: None }),
        ..arrival("a@sbc", "4678")
    };
    let (call, _) = tracker.begin_call(ms(0), with(0, "<recording/>".into()));
    tracker.change_call(ms(1), call, with(1, "x".repeat(crate::call::MAX_SNAPSHOT_BYTES)));
    go_dark(&mut tracker, ms(2), &by_id("1"));
    let told_in_time = tracker.change_call(ms(3), call, with(3, "4111111111111111".into()));
    tracker.close_blackout(ms(5), &by_id("1")).unwrap();
    let told_late = tracker.change_call(ms(6), call, with(4, "4111111111111111".into()));
    let call = tracker.call(call).unwrap();
    assert_eq!((call.snapshots.len(), call.snapshots_dropped), (1, 3));
    assert!(!format!("{:?} {:?}", told_in_time.events, told_late.events).contains("4111"));
}

#[test]
fn a_goodbye_is_kept_with_its_call_but_not_in_the_dark() {
    let mut tracker = tracker();
    let said =
        |at: i64, text: &str| Document { received: ms(at), text: text.into(), base64: false, fault: None };
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    let before = tracker.call(call).unwrap().clone();
    tracker.keep_document(ms(1), call, "", said(1, "normal clearing"));
    go_dark(&mut tracker, ms(2), &by_id("1"));
    let dark = tracker.keep_document(ms(3), call, "", said(3, "4111111111111111"));
    assert!(!format!("{:?}", dark.events).contains("4111"));
    let after = tracker.call(call).unwrap();
    assert_eq!((after.snapshots.len(), after.snapshots_dropped), (1, 1));
    assert_eq!((&after.parties, &after.facts), (&before.parties, &before.facts));
}

#[test]
fn what_the_src_told_in_the_dark_is_guarded_when_it_is_told_again_in_the_light() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    go_dark(&mut tracker, ms(1), &by_id("1"));
    tracker.close_blackout(ms(2), &by_id("1")).unwrap();
    let mut again = arrival("a@sbc", "4678");
    again.parties = vec![ArrivingParty { name: "4111 1111 1111 1111".into(), ..ArrivingParty::default() }];
    again.fields.insert(Field::Ani, "4111111111111111".into());
    let outcome = tracker.change_call(ms(3), call, again);
    assert!(!format!("{:?}", outcome.events).contains("4111"));
}

#[test]
fn agents_may_not_share_a_name() {
    let mut tracker = tracker();
    let refusal = tracker.put_agents(vec![agent(3, "4678")]).unwrap_err();
    assert_eq!(refusal.to_string(), "agent 3: the Phone \"4678\" is already agent 1's");
    // Swapping two phones in one import is no clash.
    let mut one = agent(1, "4102");
    one.username = "user1".into();
    tracker.put_agents(vec![one, agent(2, "4678")]).unwrap();
}

#[test]
fn a_restart_finds_the_blackout_still_on_and_the_lost_call_ended() {
    let mut before = tracker();
    let mut journal: Vec<Event> = Vec::new();
    let (call, outcome) = before.begin_call(ms(0), arrival("a@sbc", "4678"));
    journal.extend(outcome.events);
    journal.extend(go_dark(&mut before, ms(10), &by_id("1")).events);

    let mut after = tracker();
    for event in &journal {
        after.replay(event);
    }
    assert_eq!(after.state(), before.state());
    let outcome = after.end_lost_calls(ms(500), &BTreeSet::new());
    assert!(matches!(outcome.effects[..], [Effect::Stop { .. }]));
    assert!(!after.call(call).unwrap().is_live());
    assert!(view(&after, &by_id("1")).blackout.is_some());
    let (_, outcome) = after.begin_call(ms(600), arrival("b@sbc", "4678"));
    assert!(gates_of(&outcome).iter().all(|gate| gate.is_dark()));
}

#[test]
fn a_recording_whose_stop_was_lost_though_its_call_is_over_is_stopped_after_a_restart() {
    let mut before = tracker();
    let told = arrival("a@sbc", "4678");
    let session = told.session.clone();
    let (call, outcome) = before.begin_call(ms(0), told);
    let mut journal = outcome.events;
    journal.extend(before.leave_call(ms(9), call, &session, "stopped: the client hung up").events);
    journal.retain(|event| !matches!(event, Event::RecordingStopped { .. }));
    let mut after = tracker();
    journal.iter().for_each(|event| after.replay(event));
    let left = after.call(call).unwrap();
    assert!(!left.is_live() && left.live_recording().is_some());
    let outcome = after.end_lost_calls(ms(500), &BTreeSet::new());
    assert!(matches!(outcome.effects[..], [Effect::Stop { .. }]), "{outcome:?}");
    assert!(after.call(call).unwrap().live_recording().is_none());
}

#[test]
fn an_agent_is_removed_when_no_call_and_no_blackout_needs_him() {
    let mut tracker = tracker();
    let told = arrival("a@sbc", "4678");
    let session = told.session.clone();
    let (call, _) = tracker.begin_call(ms(0), told);
    let busy = tracker.remove_agent(AgentId(1)).unwrap_err();
    assert_eq!(busy.to_string(), "agent 1 has a live call; remove the agent when it is over");
    tracker.leave_call(ms(9), call, &session, "stopped: the client hung up");
    go_dark(&mut tracker, ms(10), &by_id("1"));
    let busy = tracker.remove_agent(AgentId(1)).unwrap_err();
    assert_eq!(busy.to_string(), "agent 1 has a blackout; remove the agent when it is over");
    tracker.close_blackout(ms(11), &by_id("1")).unwrap();
    let before = tracker.state().clone();
    let outcome = tracker.remove_agent(AgentId(1)).unwrap();
    assert!(!tracker.state().agents.contains_key(&AgentId(1)));
    assert!(matches!(tracker.remove_agent(AgentId(1)), Err(Refusal::UnknownAgent { .. })));
    let mut after = self::tracker();
    after.restore(before);
    outcome.events.iter().for_each(|event| after.replay(event));
    assert_eq!(after.state(), tracker.state());
    assert_eq!(tracker.call(call).unwrap().agents, [AgentId(1)], "what was recorded keeps the number");
}

#[test]
fn who_is_seated_at_a_phone_gets_its_calls_and_who_sat_there_gets_none() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4102"));
    let (unseated, outcome) = tracker.seat_agent(AgentId(1), "4102").unwrap();
    assert_eq!((unseated, outcome.events.len()), (vec![AgentId(2)], 2));
    assert_eq!(tracker.call(call).unwrap().agents, [AgentId(2)], "a call that is up stays with its agent");
    let (next, _) = tracker.begin_call(ms(5), arrival("b@sbc", "4102"));
    assert_eq!(tracker.call(next).unwrap().agents, [AgentId(1)]);
    let (other, _) = tracker.begin_call(ms(6), arrival("c@sbc", "4678"));
    assert!(tracker.call(other).unwrap().agents.is_empty(), "nobody sits there now");
    let (unseated, outcome) = tracker.seat_agent(AgentId(1), "4102").unwrap();
    assert!(unseated.is_empty() && outcome.events.is_empty(), "again changes nothing");
    tracker.seat_agent(AgentId(1), "").unwrap();
    assert_eq!(tracker.state().agents[&AgentId(1)].phone, "");
    assert!(tracker.seat_agent(AgentId(9), "1").is_err());
}

#[test]
fn a_call_whose_session_goes_on_is_kept_in_a_recording_of_its_own_and_as_dark_as_it_was() {
    let mut before = tracker();
    let mut journal: Vec<Event> = Vec::new();
    let (call, outcome) = before.begin_call(ms(0), arrival("a@sbc", "4678"));
    journal.extend(outcome.events);
    let (other, outcome) = before.begin_call(ms(5), arrival("b@sbc", "4102"));
    journal.extend(outcome.events);
    journal.extend(go_dark(&mut before, ms(10), &by_id("1")).events);

    let mut after = tracker();
    journal.iter().for_each(|event| after.replay(event));
    let cut = after.call(call).unwrap().live_recording().unwrap().id;
    let outcome = after.go_on(ms(500), call, &[cut].into());
    let [Effect::Stop { recording, .. }, Effect::Record { recording: next, gates, .. }] =
        &outcome.effects[..]
    else {
        panic!("{:?}", outcome.effects)
    };
    assert!(*recording == cut && *next != cut);
    assert!(gates.len() == 2 && gates.iter().all(Gate::is_dark), "a restart lightens nothing (C2-06)");
    after.end_lost_calls(ms(501), &[call].into());
    let [first, second] = &after.call(call).unwrap().recordings.clone()[..] else { panic!() };
    assert_eq!((first.state, second.state), (RecordingState::Stopped, RecordingState::Recording));
    assert!(second.why.starts_with(&first.why) && second.why.ends_with("after a restart of the recorder"));
    assert!(after.call(call).unwrap().is_live() && !after.call(other).unwrap().is_live());
    let second_id = second.id;
    after.go_on(ms(600), call, &[second_id].into());
    let third = after.call(call).unwrap().live_recording().unwrap();
    assert_eq!(third.why, second.why, "a second restart is not told twice");
}

#[test]
fn a_recording_that_holds_nothing_yet_is_not_cut_by_a_restart() {
    let mut before = tracker();
    let (call, outcome) = before.begin_call(ms(0), arrival("a@sbc", "4678"));
    let mut after = tracker();
    outcome.events.iter().for_each(|event| after.replay(event));
    let empty = after.call(call).unwrap().live_recording().unwrap().id;
    let outcome = after.go_on(ms(500), call, &BTreeSet::new());
    assert!(outcome.events.is_empty());
    let [Effect::Record { recording, gates, .. }] = &outcome.effects[..] else { panic!("{outcome:?}") };
    assert!(*recording == empty && gates.len() == 2);
}

#[test]
fn a_call_whose_recording_was_stopped_by_command_goes_on_without_one() {
    let mut tracker = tracker();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    tracker.stop_recording(ms(1), &by_id("1")).unwrap();
    let outcome = tracker.go_on(ms(2), call, &BTreeSet::new());
    assert!(outcome.events.is_empty() && outcome.effects.is_empty());
    assert!(tracker.call(call).unwrap().is_live());
}

#[test]
fn a_session_is_remembered_until_it_is_over_and_its_text_is_not_shown() {
    let mut before = tracker();
    let text = |text: &str| SessionText(text.to_owned());
    let mut events = before.remember_session("a@sbc", text("inline:one")).events;
    assert!(before.remember_session("a@sbc", text("inline:one")).events.is_empty(), "nothing is new");
    events.extend(before.remember_session("a@sbc", text("inline:two")).events);
    assert!(!format!("{events:?}").contains("inline"));
    let mut after = tracker();
    events.iter().for_each(|event| after.replay(event));
    assert_eq!(after.state().sessions["a@sbc"], text("inline:two"));
    assert_eq!(after.forget_session("a@sbc").events.len(), 1);
    assert!(after.forget_session("a@sbc").events.is_empty() && after.state().sessions.is_empty());
}

/// What a media thread does with effects: the other half of the promise, kept as simple as can be.
#[derive(Default)]
struct Gates(HashMap<(CallId, StreamNumber), Gate>);

impl Gates {
    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Record { call, gates, .. } => {
                    self.0.retain(|(of, _), _| *of != call);
                    self.0.extend(gates.into_iter().map(|gate| ((call, gate.stream()), gate)));
                }
                Effect::Guard { call, gate } => {
                    self.0.insert((call, gate.stream()), gate);
                }
                Effect::Darken { calls } => {
                    for (_, gate) in self.0.iter_mut().filter(|((call, _), _)| calls.contains(call)) {
                        gate.close(Closed::Blackout);
                    }
                }
                Effect::Lighten { calls, at } => {
                    for (_, gate) in self.0.iter_mut().filter(|((call, _), _)| calls.contains(call)) {
                        gate.open(Closed::Blackout, at);
                    }
                }
                Effect::Stop { call, .. } => self.0.retain(|(of, _), _| *of != call),
                Effect::HoldBack { .. } | Effect::Keep { .. } | Effect::Wipe { .. } => {
                    unreachable!("nothing is held back here")
                }
                Effect::Pause { .. } | Effect::Annotate { .. } | Effect::Alarm(_) => {}
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Begin(u8),
    Join(u8),
    Copy(u8, u8),
    Leave(u8),
    Change(u8, u8, u8),
    End(u8),
    Start(u8),
    Stop(u8),
    Tag(u8),
    Report(u8, u8, u8),
    Open(u8),
    Close(u8),
    Wait(u32),
    Schedule(u8),
    Checkpoint,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0u8..3).prop_map(Step::Begin),
        (0u8..3).prop_map(Step::Join),
        (0u8..3, 0u8..3).prop_map(|(who, also)| Step::Copy(who, also)),
        any::<u8>().prop_map(Step::Leave),
        (any::<u8>(), 0u8..3, 0u8..4).prop_map(|(call, who, streams)| Step::Change(call, who, streams)),
        any::<u8>().prop_map(Step::End),
        (0u8..2).prop_map(Step::Start),
        (0u8..2).prop_map(Step::Stop),
        (0u8..2).prop_map(Step::Tag),
        (0u8..7, 0u8..3, 0u8..3).prop_map(|(what, who, name)| Step::Report(what, who, name)),
        (0u8..2).prop_map(Step::Open),
        (0u8..2).prop_map(Step::Close),
        (0u32..700_000).prop_map(Step::Wait),
        (0u8..6).prop_map(Step::Schedule),
        Just(Step::Checkpoint),
    ];
    proptest::collection::vec(step, 1..60)
}

/// Something is reported of a call or a chat; what is refused comes to nothing.
fn report(tracker: &mut Tracker, at: Wall, what: u8, device: &str, name: u8) -> Outcome {
    let report = Report {
        target: Target::Device(device.to_owned()),
        instance: (name > 0).then(|| name.to_string()),
        station: (name > 1).then(|| "WS-1".to_owned()),
        fields: [(Field::User(2), name.to_string())].into(),
        medium: if what < 5 { Medium::Talk } else { Medium::Chat },
    };
    let outcome = match what {
        0 | 5 => tracker.report_begin(at, &report).map(|(_, _, outcome)| outcome),
        1 => tracker.report_change(at, &report).map(|(_, outcome)| outcome),
        2 | 6 => tracker.report_end(at, &report).map(|(_, outcome)| outcome),
        3 => tracker.start_unrecorded(at, &report).map(|(_, _, outcome)| outcome),
        _ => tracker.stop_recorded(at, &report).map(|(_, outcome)| outcome),
    };
    outcome.unwrap_or_default()
}

proptest! {
    /// Whatever happens, in whatever order: what is replayed equals what was lived, a stream of a call that is dark has a
    /// closed gate, and one of a call that is not kept has none.
    #[test]
    fn replay_agrees_and_the_dark_is_dark(steps in steps()) {
        let mut lived = tracker();
        let mut checkpoint = serde_json::to_string(lived.state()).unwrap();
        let mut journal: Vec<String> = Vec::new();
        let mut gates = Gates::default();
        let mut now = 0i64;
        for (turn, step) in steps.into_iter().enumerate() {
            now += 10;
            let targets = [by_id("1"), by_phone("4102")];
            let extensions = ["4678", "4102", "9000"];
            let calls: Vec<CallId> = lived.state().calls.keys().copied().collect();
            let pick = |n: u8| calls.get(usize::from(n) % calls.len().max(1)).copied();
            let at = ms(now);
            let outcome = match step {
                Step::Begin(who) => lived.begin_call(at, arrival(&format!("{turn}@sbc"), extensions[usize::from(who)])).1,
                Step::Join(who) => lived.begin_call(at, end_of_pair(&turn.to_string(), extensions[usize::from(who)])).1,
                Step::Copy(who, also) => {
                    // The same people, seen by clients that do not name the same one as the agent.
                    let mut arrival = copy(&turn.to_string(), extensions[usize::from(who)]);
                    arrival.candidates = vec![extensions[usize::from(also)].to_owned()];
                    lived.begin_call(at, arrival).1
                }
                Step::Leave(n) => pick(n).map_or_else(Outcome::default, |id| {
                    let carriers = &lived.call(id).unwrap().carriers;
                    let session = carriers.iter().find(|carrier| !carrier.over).map(|carrier| carrier.session.clone());
                    lived.leave_call(at, id, &session.unwrap_or_default(), "stopped: gone")
                }),
                Step::Change(n, who, streams) => pick(n).map_or_else(Outcome::default, |call| {
                    let mut change = arrival("x@sbc", extensions[usize::from(who)]);
                    change.streams = (0..u16::from(streams))
                        .map(|slot| ArrivingStream { slot, label: Some(slot.to_string()), paused: false, ..Default::default() })
                        .collect();
                    lived.change_call(at, call, change)
                }),
                Step::End(n) => pick(n).map_or_else(Outcome::default, |call| lived.leave_call(at, call, "", "stopped: gone")),
                Step::Start(who) => lived.start_recording(at, &targets[usize::from(who)], Fields::new()).unwrap().1,
                Step::Stop(who) => lived.stop_recording(at, &targets[usize::from(who)]).map_or_else(|_| Outcome::default(), |(_, o)| o),
                Step::Tag(who) => {
                    let field = if turn % 2 == 0 { Field::User(1) } else { Field::AcdGate };
                    let fields = [(field, turn.to_string())].into();
                    lived.tag(at, &targets[usize::from(who)], None, fields).map_or_else(|_| Outcome::default(), |(_, o)| o)
                }
                Step::Report(what, who, name) => report(&mut lived, at, what, extensions[usize::from(who)], name),
                Step::Open(who) => go_dark(&mut lived, at, &targets[usize::from(who)]),
                Step::Close(who) => lived.close_blackout(at, &targets[usize::from(who)]).unwrap().1,
                Step::Wait(by) => { now += i64::from(by); lived.tick(ms(now)) }
                Step::Schedule(which) => schedules::change(&mut lived, at, which),
                Step::Checkpoint => {
                    checkpoint = serde_json::to_string(lived.state()).unwrap();
                    journal.clear();
                    Outcome::default()
                }
            };
            journal.extend(outcome.events.iter().map(|event| serde_json::to_string(event).unwrap()));
            gates.carry_out(outcome.effects);
            for ((call, _), gate) in &gates.0 {
                let call = lived.call(*call).expect("a gate's call is known");
                prop_assert_eq!(gate.is_dark(), lived.is_dark(call));
            }
            // Nothing of a chat is kept but its fields.
            for call in lived.state().calls.values().filter(|call| !call.is_chat()) {
                let ruling = call.ruling.as_ref().expect("every call is ruled");
                prop_assert_eq!(ruling.kept, !call.recordings.is_empty());
                let is_guarded = |stream: &Stream| gates.0.contains_key(&(call.id, stream.number));
                let live = call.streams.iter().filter(|stream| stream.state != StreamState::Ended);
                match call.live_recording() {
                    Some(_) => prop_assert!(live.into_iter().all(is_guarded), "what is kept is guarded"),
                    None => prop_assert!(!call.streams.iter().any(is_guarded), "what is not kept is not stored"),
                }
            }
        }
        let mut replayed = Tracker::new(Settings::default(), [2; 32]);
        replayed.restore(serde_json::from_str(&checkpoint).unwrap());
        for event in &journal {
            replayed.replay(&serde_json::from_str(event).unwrap());
        }
        prop_assert_eq!(replayed.state(), lived.state());
    }
}

//! Calls that are not kept wait in memory: small days with a hold-back, and a book of what must come of it.

use std::time::Duration;

use super::schedules::terms;
use super::*;
use crate::id::RecordingId;
use crate::schedule::{Kind, Terms};
use crate::time::Span;

const WINDOW: Duration = Duration::from_secs(600);

fn holding(calls: HeldCalls) -> Settings {
    let hold_back = Some(HoldBack { calls, window: WINDOW });
    Settings { hold_back, ..Settings::default() }
}

/// A centre in which calls are kept on demand.
fn on_demand() -> Tracker {
    with(Kind::OnDemand, holding(HeldCalls::OnDemand))
}

fn with(kind: Kind, settings: Settings) -> Tracker {
    let mut tracker = Tracker::new(settings, [1; 32]);
    tracker.put_agents(vec![agent(1, "4678"), agent(2, "4102")]).unwrap();
    tracker.add_schedule(ms(-1_000), terms("ask me", kind)).unwrap();
    tracker
}

fn held(outcome: &Outcome) -> Option<(RecordingId, Vec<&Gate>)> {
    outcome.effects.iter().find_map(|effect| match effect {
        Effect::HoldBack { recording, gates, .. } => Some((*recording, gates.iter().collect())),
        _ => None,
    })
}

fn kept(outcome: &Outcome) -> Vec<RecordingId> {
    let kept = outcome.effects.iter().filter_map(|effect| match effect {
        Effect::Keep { recording, .. } => Some(*recording),
        _ => None,
    });
    kept.collect()
}

fn wiped(outcome: &Outcome) -> Vec<CallId> {
    let wiped = outcome.effects.iter().filter_map(|effect| match effect {
        Effect::Wipe { call } => Some(*call),
        _ => None,
    });
    wiped.collect()
}

fn is_record(effect: &Effect) -> bool {
    matches!(effect, Effect::Record { .. })
}

fn start(tracker: &mut Tracker, at: i64) -> Outcome {
    tracker.start_recording(ms(at), &by_id("1"), Fields::new()).unwrap().1
}

fn recording(tracker: &Tracker, call: CallId) -> crate::recording::Recording {
    tracker.call(call).unwrap().recordings.last().unwrap().clone()
}

#[test]
fn a_call_nobody_asked_for_is_held_and_a_start_keeps_it_from_its_beginning() {
    let mut tracker = on_demand();
    let (call, outcome) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    let (id, gates) = held(&outcome).unwrap();
    assert_eq!(gates.len(), 2);
    assert!(gates.iter().all(|gate| gate.recording() == id && gate.admit(ms(0), ()).is_ok()));
    assert!(!outcome.events.iter().any(|event| matches!(event, Event::RecordingStarted { .. })));
    assert!(tracker.call(call).unwrap().recordings.is_empty());
    assert_eq!(tracker.held_back_since(ms(5_000), call), Some(ms(0)));
    assert_eq!(tracker.held_back_since(ms(700_000), call), Some(ms(100_000)), "no further than the window");

    let outcome = start(&mut tracker, 90_000);
    assert_eq!(kept(&outcome), [id]);
    assert!(!outcome.effects.iter().any(is_record), "its gates are there");
    assert_eq!((recording(&tracker, call).id, recording(&tracker, call).started), (id, ms(0)));
    assert_eq!(tracker.held_back_since(ms(90_000), call), None);

    tracker.reached(id, Wall::from_ns(i64::MIN));
    let known = recording(&tracker, call);
    assert_eq!((known.started, known.reaching), (ms(0), None));
    let why = "kept: started by command for agent 1, under schedule ask me; kept from its beginning";
    assert_eq!(known.why, why);
    assert!(tracker.reached(id, ms(5)).events.is_empty(), "it is known already");
}

#[test]
fn what_had_left_the_memory_is_said_to_have() {
    let mut tracker = on_demand();
    let (call, outcome) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    let (id, _) = held(&outcome).unwrap();
    start(&mut tracker, 900_000);
    tracker.reached(id, ms(192_000));
    let known = recording(&tracker, call);
    assert_eq!(known.started, ms(192_000));
    assert!(
        known.why.ends_with("; kept from 03:12 after its beginning: older sound had left the memory"),
        "{}",
        known.why
    );
}

#[test]
fn a_call_that_ends_unkept_is_wiped_and_leaves_no_recording() {
    let mut tracker = on_demand();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    let outcome = tracker.leave_call(ms(9), call, "", "stopped: over");
    assert_eq!(wiped(&outcome), [call]);
    assert!(
        kept(&outcome).is_empty()
            && !outcome.effects.iter().any(|effect| matches!(effect, Effect::Stop { .. }))
    );
    assert!(tracker.call(call).unwrap().recordings.is_empty());
    assert!(tracker.held.is_empty());
}

#[test]
fn a_stop_by_command_wipes_and_a_start_after_it_begins_then() {
    let mut tracker = on_demand();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    let (_, outcome) = tracker.stop_recording(ms(5), &by_id("1")).unwrap();
    assert_eq!(wiped(&outcome), [call]);
    let outcome = start(&mut tracker, 9);
    assert!(kept(&outcome).is_empty() && outcome.effects.iter().any(is_record));
    assert_eq!(recording(&tracker, call).started, ms(9));
}

#[test]
fn what_was_recorded_once_is_not_held_back_again() {
    let mut tracker = on_demand();
    let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    start(&mut tracker, 5);
    let (_, outcome) = tracker.stop_recording(ms(9), &by_id("1")).unwrap();
    assert!(held(&outcome).is_none());
    let outcome = start(&mut tracker, 20);
    assert!(kept(&outcome).is_empty());
    assert_eq!(tracker.call(call).unwrap().recordings.len(), 2);
    assert_eq!(recording(&tracker, call).started, ms(20));
    assert!(!recording(&tracker, call).why.contains("beginning"));
}

#[test]
fn what_a_share_leaves_out_is_held_back_only_where_all_are() {
    let none = Kind::Percentage { percent: 0 };
    for (calls, is_held) in [(HeldCalls::OnDemand, false), (HeldCalls::All, true)] {
        let mut tracker = with(none, holding(calls));
        let (_, outcome) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
        assert_eq!(held(&outcome).is_some(), is_held);
    }
    let mut tracker = with(Kind::OnDemand, Settings::default());
    let (_, outcome) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    assert!(held(&outcome).is_none(), "nothing is held back unless the settings say so");
}

#[test]
fn what_no_schedule_is_for_is_held_back_and_a_schedule_that_is_for_it_later_keeps_it() {
    let mut tracker = with(Kind::ApiInitiated, holding(HeldCalls::OnDemand));
    tracker.settings.unmatched = Unmatched::Drop;
    let (call, outcome) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    let (id, _) = held(&outcome).unwrap();
    let rule = crate::schedule::MatchRule { gates: ["vip".to_owned()].into(), ..Default::default() };
    let vip = Terms { rule, ..terms("vip", Kind::Percentage { percent: 100 }) };
    tracker.add_schedule(ms(1), vip).unwrap();
    let queue = [(Field::AcdGate, "vip".to_owned())].into();
    let (_, outcome) = tracker.tag(ms(2_000), &by_id("1"), None, queue).unwrap();
    assert_eq!(kept(&outcome), [id]);
    assert_eq!(recording(&tracker, call).started, ms(0));
}

#[test]
fn a_blackout_before_the_keep_is_a_dark_span_of_the_recording() {
    let mut tracker = on_demand();
    let (call, outcome) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
    let (id, _) = held(&outcome).unwrap();
    let outcome = tracker.open_blackout(&by_id("1")).unwrap().1;
    let darkens = |effect: &Effect| matches!(effect, Effect::Darken { calls } if calls[..] == [call]);
    assert!(outcome.effects.iter().any(darkens), "what is held back goes dark like what is kept");
    go_dark(&mut tracker, ms(1_000), &by_id("1"));
    let mut late = arrival("a@sbc", "4678");
    late.streams.push(ArrivingStream { slot: 2, label: Some("2".into()), ..Default::default() });
    let outcome = tracker.change_call(ms(1_500), call, late);
    let gates = gates_of(&outcome);
    assert!(
        gates.len() == 1 && gates[0].is_dark() && gates[0].recording() == id,
        "a stream that joins is held too"
    );
    tracker.close_blackout(ms(2_000), &by_id("1")).unwrap();
    go_dark(&mut tracker, ms(3_000), &by_id("1"));

    start(&mut tracker, 4_000);
    let first = Span { from: ms(1_000), until: Some(ms(2_000)) };
    assert_eq!(recording(&tracker, call).dark, [first, Span::opened(ms(3_000))]);
    assert!(recording(&tracker, call).is_dark());
    tracker.reached(id, ms(1_800));
    let cut = Span { from: ms(1_800), ..first };
    assert_eq!(recording(&tracker, call).dark, [cut, Span::opened(ms(3_000))]);
}

#[test]
fn copies_are_held_and_kept_together() {
    let mut tracker = on_demand();
    let (one, _) = tracker.begin_call(ms(0), copy("near", "4678"));
    let (other, outcome) = tracker.begin_call(ms(10), copy("far", "4678"));
    assert_eq!(tracker.call(other).unwrap().copy_of(), Some(one));
    assert!(held(&outcome).is_some());
    let outcome = start(&mut tracker, 500);
    assert_eq!(kept(&outcome).len(), 2);
}

/// The tracker as it is after a restart.
fn again(tracker: &Tracker, settings: Settings) -> Tracker {
    let mut again = Tracker::new(settings, [2; 32]);
    again.restore(serde_json::from_str(&serde_json::to_string(tracker.state()).unwrap()).unwrap());
    again
}

#[test]
fn a_restart_takes_what_was_held_back_and_a_later_keep_says_so() {
    let mut before = on_demand();
    let (call, outcome) = before.begin_call(ms(0), arrival("a@sbc", "4678"));
    let (old, _) = held(&outcome).unwrap();
    let mut tracker = again(&before, holding(HeldCalls::OnDemand));
    assert_eq!(tracker.held_back_since(ms(41_000), call), None);
    let outcome = tracker.go_on(ms(42_000), call, &BTreeSet::new());
    let (id, _) = held(&outcome).unwrap();
    assert_ne!(id, old, "keys and numbers of before are not used again");
    start(&mut tracker, 60_000);
    tracker.reached(id, Wall::from_ns(i64::MIN));
    let known = recording(&tracker, call);
    assert_eq!(known.started, ms(42_000));
    assert!(
        known.why.ends_with(
            "; kept from 00:42 after its beginning: what came before was in memory when the recorder was started anew"
        ),
        "{}",
        known.why
    );
}

#[test]
fn a_restart_before_anything_reached_the_disk_has_the_recording_begin_then() {
    let mut before = on_demand();
    let (call, _) = before.begin_call(ms(0), arrival("a@sbc", "4678"));
    start(&mut before, 5_000);
    let mut tracker = again(&before, holding(HeldCalls::OnDemand));
    let outcome = tracker.go_on(ms(7_000), call, &BTreeSet::new());
    assert!(outcome.effects.iter().any(is_record));
    let known = recording(&tracker, call);
    assert_eq!((known.started, known.reaching), (ms(7_000), None));
    assert!(known.why.ends_with("started anew"), "{}", known.why);
    let replayed = {
        let mut replayed = again(&before, holding(HeldCalls::OnDemand));
        outcome.events.iter().for_each(|event| replayed.replay(event));
        replayed
    };
    assert_eq!(replayed.state(), tracker.state());
}

/// What a recorder's memory and journal hold, by the effects it is told: packets by call and instant.
#[derive(Default)]
struct Media {
    gates: HashMap<CallId, Vec<Gate>>,
    memory: HashMap<CallId, Vec<i64>>,
    recording: HashMap<CallId, RecordingId>,
    journal: HashMap<RecordingId, Vec<i64>>,
}

impl Media {
    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Record { call, recording, gates } => {
                    self.gates.insert(call, gates);
                    self.recording.insert(call, recording);
                    self.memory.remove(&call);
                }
                Effect::HoldBack { call, gates, .. } => {
                    assert!(!self.memory.contains_key(&call), "it is held already");
                    self.gates.insert(call, gates);
                    self.memory.insert(call, Vec::new());
                }
                Effect::Keep { call, recording } => {
                    let held = self.memory.remove(&call).expect("only what is held can be kept");
                    assert!(self.journal.insert(recording, held).is_none());
                    self.recording.insert(call, recording);
                }
                Effect::Wipe { call } => {
                    assert!(self.memory.remove(&call).is_some(), "only what is held can be wiped");
                    self.gates.remove(&call);
                }
                Effect::Guard { call, gate } => self.gates.entry(call).or_default().push(gate),
                Effect::Stop { call, .. } => {
                    self.recording.remove(&call);
                    self.gates.remove(&call);
                }
                Effect::Darken { calls } => self.turn(&calls, |gate| gate.close(Closed::Blackout)),
                Effect::Lighten { calls, at } => {
                    self.turn(&calls, |gate| gate.open(Closed::Blackout, at));
                }
                _ => {}
            }
        }
    }

    fn turn(&mut self, calls: &[CallId], turn: impl Fn(&mut Gate)) {
        for call in calls {
            self.gates.get_mut(call).into_iter().flatten().for_each(&turn);
        }
    }

    /// A packet of a call's first stream.
    fn packet(&mut self, call: CallId, at: i64) {
        let Some(gate) = self.gates.get(&call).and_then(|gates| gates.first()) else { return };
        let Ok(admitted) = gate.admit(ms(at), at) else { return };
        if let Some(recording) = self.recording.get(&call) {
            assert_eq!(admitted.recording(), *recording);
            self.journal.entry(*recording).or_default().push(at);
        } else if let Some(memory) = self.memory.get_mut(&call) {
            memory.push(at);
        }
    }
}

/// A call as the book has it.
#[derive(Debug, Clone, Default)]
struct Page {
    agent: usize,
    /// Light packets since it is held back; none if it is not.
    held: Option<Vec<i64>>,
    recorded: bool,
    must_be_stored: BTreeSet<i64>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Begin(usize),
    End(usize),
    Start(usize),
    Stop(usize),
    Open(usize),
    Close(usize),
    Restart,
    Talk(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let agent = 0..2usize;
    let step = prop_oneof![
        2 => agent.clone().prop_map(Step::Begin),
        2 => agent.clone().prop_map(Step::End),
        2 => agent.clone().prop_map(Step::Start),
        1 => agent.clone().prop_map(Step::Stop),
        2 => agent.clone().prop_map(Step::Open),
        2 => agent.prop_map(Step::Close),
        1 => Just(Step::Restart),
        6 => (1..5u8).prop_map(Step::Talk),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    /// Two agents with a call each at most, and whatever is done with them: the journal has of each call what was said in
    /// the light since it was held back, or since it was started, if somebody had it kept; and nothing else.
    #[test]
    fn what_is_kept_is_kept_from_the_beginning_and_nothing_unkept_reaches_the_journal(steps in steps()) {
        let mut tracker = on_demand();
        let mut media = Media::default();
        let mut book: HashMap<CallId, Page> = HashMap::new();
        let mut up: [Option<CallId>; 2] = [None, None];
        let mut dark = [false, false];
        let targets = [by_id("1"), by_id("2")];
        let mut now = 0i64;
        for (turn, step) in steps.into_iter().enumerate() {
            now += 10;
            let outcome = match step {
                Step::Begin(who) if up[who].is_none() => {
                    let phone = ["4678", "4102"][who];
                    let (call, outcome) = tracker.begin_call(ms(now), arrival(&format!("{turn}@sbc"), phone));
                    // A start while nothing was up has made a call that this one joins.
                    let recorded = tracker.call(call).unwrap().live_recording().is_some();
                    up[who] = Some(call);
                    let held = (!recorded).then(Vec::new);
                    book.insert(call, Page { agent: who, held, recorded, ..Page::default() });
                    outcome
                }
                Step::End(who) if up[who].is_some() => {
                    let call = up[who].take().unwrap();
                    let page = book.get_mut(&call).unwrap();
                    (page.held, page.recorded) = (None, false);
                    tracker.leave_call(ms(now), call, "", "stopped: over")
                }
                Step::Start(who) if up[who].is_some() => {
                    let page = book.get_mut(&up[who].unwrap()).unwrap();
                    page.must_be_stored.extend(page.held.take().unwrap_or_default());
                    page.recorded = true;
                    tracker.start_recording(ms(now), &targets[who], Fields::new()).unwrap().1
                }
                Step::Stop(who) if up[who].is_some() => {
                    let page = book.get_mut(&up[who].unwrap()).unwrap();
                    (page.held, page.recorded) = (None, false);
                    tracker.stop_recording(ms(now), &targets[who]).unwrap().1
                }
                Step::Open(who) => {
                    dark[who] = true;
                    go_dark(&mut tracker, ms(now), &targets[who]);
                    let calls = up[who].into_iter().collect();
                    Outcome { effects: vec![Effect::Darken { calls }], ..Outcome::default() }
                }
                Step::Close(who) => {
                    dark[who] = false;
                    tracker.close_blackout(ms(now), &targets[who]).unwrap().1
                }
                Step::Restart => {
                    tracker = again(&tracker, holding(HeldCalls::OnDemand));
                    let journal = std::mem::take(&mut media.journal);
                    let begun = journal.iter().filter(|(_, packets)| !packets.is_empty()).map(|(id, _)| *id).collect();
                    media = Media { journal, ..Media::default() };
                    let mut all = Outcome::default();
                    for call in up.into_iter().flatten() {
                        let page = book.get_mut(&call).unwrap();
                        page.held = page.held.take().map(|_| Vec::new());
                        all.effects.extend(tracker.go_on(ms(now), call, &begun).effects);
                    }
                    all
                }
                Step::Talk(packets) => {
                    for _ in 0..packets {
                        now += 20;
                        for call in up.into_iter().flatten() {
                            media.packet(call, now);
                            let page = book.get_mut(&call).unwrap();
                            if dark[page.agent] {
                                continue;
                            }
                            if page.recorded {
                                page.must_be_stored.insert(now);
                            } else if let Some(held) = &mut page.held {
                                held.push(now);
                            }
                        }
                    }
                    Outcome::default()
                }
                _ => continue,
            };
            media.carry_out(outcome.effects);
        }
        for (call, page) in &book {
            let recordings = tracker.call(*call).map(|call| call.recordings.clone()).unwrap_or_default();
            let mut stored = BTreeSet::new();
            for recording in recordings {
                for at in media.journal.remove(&recording.id).unwrap_or_default() {
                    prop_assert!(stored.insert(at), "stored once");
                    prop_assert!(recording.started <= ms(at));
                    prop_assert!(!recording.dark.iter().any(|span| span.contains(ms(at))));
                }
            }
            prop_assert_eq!(&stored, &page.must_be_stored, "{:?}", page);
        }
        media.journal.retain(|_, packets| !packets.is_empty());
        prop_assert!(media.journal.is_empty(), "of nobody's recording: {:?}", media.journal);
        for (call, memory) in &media.memory {
            prop_assert_eq!(book[call].held.as_ref(), Some(memory));
        }
    }
}

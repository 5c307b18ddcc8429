//! Eight schedules and thousands of calls, ruled by the tracker and by a second, simpler hand: call by call the two must
//! say the same, over restarts from checkpoint and journal, and with a clock that steps.

use std::collections::BTreeSet;

use super::schedules::terms;
use super::*;
use crate::archive::Keeping;
use crate::schedule::hours::Hours;
use crate::schedule::{Direction, Kind, MatchRule, Period, Terms};

const DAY_MS: i64 = 86_400_000;
const EAST_MS: i64 = 2 * 3_600_000;
/// 2026-11-30, a Monday.
const MONDAY_MS: i64 = 20_787 * DAY_MS;
const CAMPAIGN_MS: (i64, i64) = (MONDAY_MS + 20 * DAY_MS, MONDAY_MS + 300 * DAY_MS);

fn civil(zone: &str, at: Wall) -> Option<Civil> {
    match zone {
        "East" => Civil::in_utc("UTC", Wall::from_ms(at.as_ms() + EAST_MS)),
        zone => Civil::in_utc(zone, at),
    }
}

fn settings() -> Settings {
    let inactive_grace = Duration::from_secs(1);
    Settings { unmatched: Unmatched::Drop, civil, inactive_grace, ..Settings::default() }
}

fn texts(text: &str) -> BTreeSet<String> {
    [text.to_owned()].into()
}

/// The eight, in the order of their numbers. What each keeps is kept for as many days as its number says.
fn eight() -> Vec<Terms> {
    let any = MatchRule::default;
    let outbound = MatchRule { direction: Some(Direction::Outbound), ..any() };
    let night = Hours { days: [].into(), from: "22:00".parse().unwrap(), to: "06:00".parse().unwrap() };
    let agents = |ids: &[u32]| ids.iter().map(|id| AgentId(*id)).collect::<BTreeSet<_>>();
    let mut all = vec![
        Terms {
            priority: 5,
            rule: MatchRule { agents: agents(&[1, 2]), ..any() },
            ..terms("pair", Kind::AgentPercentage { percent: 37 })
        },
        Terms {
            priority: 6,
            zone: "East".into(),
            rule: MatchRule { gates: texts("billing"), ..any() },
            ..terms("billing", Kind::SetNumber { count: 3, per: Period::Day })
        },
        Terms {
            priority: 4,
            probability: 60,
            rule: outbound,
            ..terms("outbound", Kind::Percentage { percent: 20 })
        },
        Terms {
            priority: 3,
            zone: "East".into(),
            rule: MatchRule { hours: vec![night], ..any() },
            ..terms("night", Kind::Percentage { percent: 50 })
        },
        Terms {
            priority: 2,
            probability: 90,
            rule: MatchRule { ani: ["1555*".parse().unwrap()].into(), ..any() },
            ..terms("week", Kind::SetNumber { count: 11, per: Period::Week })
        },
        Terms {
            priority: 9,
            rule: MatchRule { business_units: [3].into(), ..any() },
            ..terms("api", Kind::ApiInitiated)
        },
        Terms {
            priority: 8,
            rule: MatchRule { dnis: ["*99".parse().unwrap()].into(), ..any() },
            ..terms("ask", Kind::OnDemand)
        },
        Terms {
            priority: 7,
            starts: Wall::from_ms(CAMPAIGN_MS.0),
            ends: Some(Wall::from_ms(CAMPAIGN_MS.1)),
            rule: MatchRule { agents: agents(&[3]), trunks: texts("t1"), ..any() },
            ..terms("campaign", Kind::Percentage { percent: 10 })
        },
    ];
    for (terms, days) in all.iter_mut().zip(1..) {
        terms.keeping = Keeping { keep_days: Some(days), ..Keeping::default() };
    }
    all
}

/// A call as the second hand sees it.
#[derive(Debug, Clone, Default)]
struct Plain {
    agent: Option<u32>,
    billing: bool,
    ani: &'static str,
    dnis: &'static str,
    outbound: Option<bool>,
    t1: bool,
    began_ms: i64,
}

impl Plain {
    fn arrival(&self, session: &str) -> Arrival {
        let phone = self.agent.map_or("nobody".to_owned(), |agent| format!("400{agent}"));
        let mut arrival = arrival(&format!("{session}@sbc"), &phone);
        arrival.fields = [(Field::Ani, self.ani.to_owned()), (Field::Dnis, self.dnis.to_owned())].into();
        if self.billing {
            arrival.fields.insert(Field::AcdGate, "billing".into());
        }
        if let Some(outbound) = self.outbound {
            arrival.fields.insert(Field::Direction, if outbound { "O" } else { "I" }.into());
        }
        arrival.trunk = self.t1.then(|| "t1".to_owned());
        arrival
    }

    /// Which of the eight would take it, by priority; `by_command` counts those that take it only then.
    fn takers(&self, by_command: bool) -> Vec<u32> {
        let east_hour = (self.began_ms + EAST_MS).rem_euclid(DAY_MS) / 3_600_000;
        let in_campaign = self.began_ms >= CAMPAIGN_MS.0 && self.began_ms < CAMPAIGN_MS.1;
        let fits = [
            (6, by_command && matches!(self.agent, Some(2 | 3))),
            (7, self.dnis.ends_with("99")),
            (8, self.agent == Some(3) && self.t1 && in_campaign),
            (2, self.billing),
            (1, matches!(self.agent, Some(1 | 2))),
            (3, self.outbound == Some(true)),
            (4, !(6..22).contains(&east_hour)),
            (5, self.ani.starts_with("+1555")),
        ];
        fits.into_iter().filter(|(_, fits)| *fits).map(|(schedule, _)| schedule).collect()
    }
}

/// The second hand: it counts calls, and carries nothing from one to the next.
#[derive(Debug, Default)]
struct Hand {
    seen: HashMap<(u32, u32), u64>,
    kept: HashMap<(u32, i64), u32>,
}

impl Hand {
    /// What is said of a call, and by which schedule; `draw` is asked for if there is chance in it.
    fn rule(&mut self, call: &Plain, asked: &mut Vec<u32>, draw: Option<u8>) -> Option<(bool, String, u32)> {
        let Some(taker) = call.takers(false).first().copied() else {
            return Some((false, "not kept: no schedule matched".to_owned(), 0));
        };
        if asked.contains(&taker) {
            return None;
        }
        asked.push(taker);
        let mut share = |of: u32, percent: u64| {
            let seen = self.seen.entry((taker, of)).or_default();
            *seen += 1;
            *seen * percent / 100 > (*seen - 1) * percent / 100
        };
        let none_of_them = "and this is none of them";
        let (due, yes, no) = match taker {
            1 => (
                share(call.agent.unwrap(), 37),
                "kept: schedule pair".to_owned(),
                format!("not kept: schedule pair keeps 37 % of each agent's calls, {none_of_them}"),
            ),
            3 => (
                share(0, 20),
                "kept: schedule outbound".to_owned(),
                format!("not kept: schedule outbound keeps 20 % of its calls, {none_of_them}"),
            ),
            4 => (
                share(0, 50),
                "kept: schedule night".to_owned(),
                format!("not kept: schedule night keeps 50 % of its calls, {none_of_them}"),
            ),
            8 => (
                share(0, 10),
                "kept: schedule campaign".to_owned(),
                format!("not kept: schedule campaign keeps 10 % of its calls, {none_of_them}"),
            ),
            7 => (
                false,
                String::new(),
                "not kept: schedule ask keeps on demand, and nobody has asked".to_owned(),
            ),
            2 | 5 => {
                let (name, count, of) =
                    if taker == 2 { ("billing", 3, "today") } else { ("week", 11, "this week") };
                let kept = self.kept.get(&(taker, Self::span(taker, call))).copied().unwrap_or(0);
                (
                    kept < count,
                    format!("kept: schedule {name}, {} of its {count} of {of}", kept + 1),
                    format!("not kept: schedule {name} has its {count} of {of}"),
                )
            }
            other => panic!("{other} takes no call that came by itself"),
        };
        let limit = match taker {
            3 => 60,
            5 => 90,
            _ => 100,
        };
        let name = if taker == 3 { "outbound" } else { "week" };
        assert_eq!(draw.is_some(), due && limit < 100, "a number is drawn if it matters");
        let (kept, said) = match (due, draw) {
            (false, _) => (false, no),
            (true, None) => (true, yes),
            (true, Some(draw)) if draw <= limit => (true, format!("{yes}, draw {draw}")),
            (true, Some(draw)) => (false, format!("not kept: schedule {name}, draw {draw} above {limit}")),
        };
        if kept && matches!(taker, 2 | 5) {
            *self.kept.entry((taker, Self::span(taker, call))).or_default() += 1;
        }
        Some((kept, said, taker))
    }

    fn span(taker: u32, call: &Plain) -> i64 {
        match taker {
            2 => (call.began_ms + EAST_MS).div_euclid(DAY_MS),
            _ => (call.began_ms - MONDAY_MS).div_euclid(7 * DAY_MS),
        }
    }
}

/// A recorder that is stopped and started, and a clock that is put forward and back.
struct World {
    tracker: Tracker,
    checkpoint: String,
    since: Vec<Event>,
    now_ms: i64,
    dice: u64,
    restarts: u8,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut tracker = Tracker::new(settings(), [7; 32]);
        let business_unit = |id| if id == 1 { 0 } else { 3 };
        let agents =
            [1, 2, 3].map(|id| Agent { business_unit: business_unit(id), ..agent(id, &format!("400{id}")) });
        tracker.put_agents(agents.to_vec()).unwrap();
        for terms in eight() {
            tracker.add_schedule(Wall::from_ms(MONDAY_MS), terms).unwrap();
        }
        let checkpoint = serde_json::to_string(tracker.state()).unwrap();
        let dice = seed.wrapping_mul(2).wrapping_add(1);
        Self { tracker, checkpoint, since: Vec::new(), now_ms: MONDAY_MS, dice, restarts: 0 }
    }

    /// A number below `sides` (xorshift).
    fn roll(&mut self, sides: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % sides
    }

    fn one_of<T: Copy>(&mut self, those: &[T]) -> T {
        let place = self.roll(those.len() as u64);
        those[usize::try_from(place).unwrap()]
    }

    fn now(&self) -> Wall {
        Wall::from_ms(self.now_ms)
    }

    /// Journals what was decided.
    fn journaled(&mut self, outcome: Outcome) -> Vec<Event> {
        self.since.extend(outcome.events.iter().cloned());
        outcome.events
    }

    fn maybe_restart(&mut self) {
        if self.roll(20) == 0 {
            self.checkpoint = serde_json::to_string(self.tracker.state()).unwrap();
            self.since.clear();
        }
        if self.roll(50) == 0 {
            self.restarts = self.restarts.wrapping_add(1);
            let mut again = Tracker::new(settings(), [self.restarts; 32]);
            again.restore(serde_json::from_str(&self.checkpoint).unwrap());
            for event in &self.since {
                let text = serde_json::to_string(event).unwrap();
                again.replay(&serde_json::from_str(&text).unwrap());
            }
            assert_eq!(again.state(), self.tracker.state());
            self.tracker = again;
            self.now_ms += i64::try_from(self.roll(144)).unwrap() * 3_600_000 - 3 * DAY_MS;
        }
        self.now_ms += i64::try_from(self.roll(7_200_000)).unwrap();
    }

    fn call(&mut self) -> Plain {
        Plain {
            agent: self.one_of(&[None, Some(1), Some(2), Some(3), Some(3)]),
            billing: self.roll(5) == 0,
            ani: self.one_of(&["+15550100", "+15550199", "+442079460000", ""]),
            dnis: self.one_of(&["4678", "18005550100", "4699"]),
            outbound: self.one_of(&[None, Some(true), Some(false)]),
            t1: self.roll(2) == 0,
            began_ms: self.now_ms,
        }
    }
}

fn draw_of(events: &[Event]) -> Option<u8> {
    events.iter().find_map(|event| match event {
        Event::RecordingStarted { taken, .. } | Event::RecordingDeclined { taken, .. } => {
            taken.and_then(|taken| taken.draw)
        }
        _ => None,
    })
}

/// Takes so many calls through both, and says what each schedule kept.
fn compare(seed: u64, calls: u32) -> HashMap<u32, u32> {
    let (mut world, mut hand) = (World::new(seed), Hand::default());
    let mut counts = HashMap::new();
    for number in 0..calls {
        world.maybe_restart();
        let full = world.call();
        // Of some calls who takes part is told later, or where they came from.
        let hidden = world.roll(4);
        let first = match hidden {
            0 => Plain { agent: None, ..full.clone() },
            1 => Plain { billing: false, outbound: None, ..full.clone() },
            _ => full.clone(),
        };
        let session = format!("s{number}");
        let now = world.now();
        let (id, outcome) =
            world.tracker.begin_call(now, Arrival { session: session.clone(), ..first.arrival(&session) });
        let events = world.journaled(outcome);
        let mut asked = Vec::new();
        let mut said = hand.rule(&first, &mut asked, draw_of(&events)).unwrap();
        assert_same(&world.tracker, id, &said, number);

        if hidden < 2 {
            world.now_ms += 500;
            let (now, told) = (world.now(), Arrival { session: session.clone(), ..full.arrival(&session) });
            let outcome = world.tracker.change_call(now, id, told);
            let events = world.journaled(outcome);
            if !said.0
                && let Some(again) = hand.rule(&full, &mut asked, draw_of(&events))
            {
                said = again;
            }
            assert_same(&world.tracker, id, &said, number);
        }
        if let Some(agent) = full.agent.filter(|_| world.roll(6) == 0) {
            world.now_ms += 500;
            let now = world.now();
            let (_, outcome) =
                world.tracker.start_recording(now, &by_id(&agent.to_string()), Fields::new()).unwrap();
            world.journaled(outcome);
            if !said.0 {
                let takers = full.takers(true);
                let meant = takers.iter().find(|it| matches!(it, 6 | 7)).or(takers.first()).copied();
                let under = meant.map(|it| format!(", under schedule {}", eight()[it as usize - 1].name));
                said = (
                    true,
                    format!("kept: started by command for agent {agent}{}", under.unwrap_or_default()),
                    meant.unwrap_or(0),
                );
            }
            assert_same(&world.tracker, id, &said, number);
        }
        *counts.entry(if said.0 { said.2 } else { 0 }).or_default() += 1;
        finish(&mut world, id, &session);
    }
    for (schedule, agent, percent) in [(1, 1, 37), (1, 2, 37), (4, 0, 50), (8, 0, 10)] {
        let seen = hand.seen.get(&(schedule, agent)).copied().unwrap_or(0);
        assert!(calls < 1_000 || seen > 100, "schedule {schedule} was tried: {seen}, {percent} %");
    }
    assert!(calls < 1_000 || world.restarts > 50, "{} restarts", world.restarts);
    counts
}

fn finish(world: &mut World, id: CallId, session: &str) {
    world.now_ms += 500;
    let now = world.now();
    let outcome = world.tracker.leave_call(now, id, session, "stopped: over");
    world.journaled(outcome);
    let recordings: Vec<_> = world.tracker.call(id).unwrap().recordings.iter().map(|it| it.id).collect();
    for recording in recordings {
        let outcome = world.tracker.sealed(recording, true);
        world.journaled(outcome);
    }
    world.now_ms += 1_500;
    let now = world.now();
    let outcome = world.tracker.tick(now);
    world.journaled(outcome);
}

fn assert_same(tracker: &Tracker, id: CallId, said: &(bool, String, u32), number: u32) {
    let (kept, why, schedule) = said;
    let call = tracker.call(id).unwrap();
    let ruling = call.ruling.as_ref().unwrap();
    assert_eq!((&ruling.kept, &ruling.why), (kept, why), "call {number}: {call:?}");
    assert_eq!(call.live_recording().is_some(), *kept, "call {number}");
    if let Some(recording) = call.live_recording() {
        let named = recording.retention.schedule.as_ref().map_or(0, |schedule| schedule.id.0);
        let days = (*schedule > 0).then_some(*schedule);
        assert_eq!(
            (named, recording.retention.keep_days, &recording.why),
            (*schedule, days, why),
            "call {number}"
        );
    }
}

#[test]
fn ten_thousand_calls_are_ruled_as_a_second_hand_rules_them() {
    let kept = compare(20_261_130, 10_000);
    for schedule in 1..=8 {
        assert!(kept.get(&schedule).copied().unwrap_or(0) > 20, "schedule {schedule} had its part: {kept:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_days_are_ruled_as_a_second_hand_rules_them(seed in any::<u64>(), calls in 1..300_u32) {
        compare(seed, calls);
    }
}

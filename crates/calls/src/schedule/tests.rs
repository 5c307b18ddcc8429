use proptest::prelude::*;

use super::hours::{Hours, Weekday};
use super::*;

fn terms(kind: Kind) -> Terms {
    Terms {
        name: "Sales".into(),
        description: String::new(),
        owner: String::new(),
        kind,
        rule: MatchRule::default(),
        probability: CERTAIN,
        priority: 0,
        starts: Wall::EPOCH,
        ends: None,
        zone: "UTC".into(),
        keeping: Keeping::default(),
        active: true,
    }
}

fn schedule(kind: Kind) -> Schedule {
    Schedule { id: ScheduleId(1), created: Wall::EPOCH, terms: terms(kind) }
}

fn no_clock() -> Option<Civil> {
    None
}

#[test]
fn each_condition_is_named_when_it_is_the_first_to_fail() {
    let call = Traits {
        agents: vec![AgentId(3)],
        business_unit: 2,
        gate: "Billing".into(),
        skill_group: "7".into(),
        ani: "+15550100".into(),
        dnis: String::new(),
        direction: Some(Direction::Inbound),
        trunk: "old SBC".into(),
        device: "4678".into(),
    };
    let one = |text: &str| [text.to_owned()].into();
    let any = MatchRule::default();
    let hours = vec![Hours {
        days: [Weekday::Monday].into(),
        from: "08:00".parse().unwrap(),
        to: "17:00".parse().unwrap(),
    }];
    let failing = [
        (MatchRule { agents: [AgentId(4)].into(), ..any.clone() }, "agent 3 is not among its agents"),
        (
            MatchRule { business_units: [1].into(), ..any.clone() },
            "business unit 2 is not among its business units",
        ),
        (MatchRule { gates: one("billing"), ..any.clone() }, "gate Billing is not among its gates"),
        (MatchRule { skill_groups: one("8"), ..any.clone() }, "skill group 7 is not among its skill groups"),
        (
            MatchRule { ani: ["2*".parse().unwrap()].into(), ..any.clone() },
            "ani +15550100 is not among its ani",
        ),
        (MatchRule { dnis: ["2*".parse().unwrap()].into(), ..any.clone() }, "its dnis is not known"),
        (MatchRule { direction: Some(Direction::Outbound), ..any.clone() }, "it is inbound, not outbound"),
        (MatchRule { trunks: one("SBC"), ..any.clone() }, "trunk old SBC is not among its trunks"),
        (MatchRule { devices: one("467"), ..any.clone() }, "device 4678 is not among its devices"),
        (MatchRule { hours: hours.clone(), ..any.clone() }, "17:00 is in none of its hours"),
    ];
    let monday = || Some(Civil { day: 20_787, minute: 17 * 60 });
    for (rule, said) in failing {
        assert_eq!(rule.first_failed(&call, monday).as_deref(), Some(said));
    }
    let fitting = MatchRule {
        agents: [AgentId(3), AgentId(4)].into(),
        business_units: [2].into(),
        gates: one("Billing"),
        skill_groups: one("7"),
        ani: ["1555*".parse().unwrap(), "9".parse().unwrap()].into(),
        direction: Some(Direction::Inbound),
        trunks: one("old SBC"),
        devices: one("4678"),
        hours,
        ..any
    };
    assert_eq!(fitting.first_failed(&call, || Some(Civil { day: 20_787, minute: 8 * 60 })), None);
    assert_eq!(fitting.first_failed(&call, no_clock).as_deref(), Some("its zone is not known"));
}

#[test]
fn a_schedule_is_for_calls_that_begin_while_it_is_in_force() {
    let mut schedule = schedule(Kind::OnDemand);
    schedule.terms.starts = Wall::from_ms(10);
    schedule.terms.ends = Some(Wall::from_ms(20));
    let call = Traits::default();
    let failed = |schedule: &Schedule, ms| schedule.first_failed(&call, Wall::from_ms(ms), no_clock);
    assert_eq!(failed(&schedule, 9).as_deref(), Some("it has not begun"));
    assert_eq!(failed(&schedule, 10), None);
    assert_eq!(failed(&schedule, 20).as_deref(), Some("it is over"));
    schedule.terms.active = false;
    assert_eq!(failed(&schedule, 10).as_deref(), Some("it is not active"));
}

#[test]
fn each_fault_of_a_schedule_names_its_field() {
    let good = terms(Kind::Percentage { percent: 20 });
    assert_eq!(good.check(), Ok(()));
    let many = (0..=1_000).map(AgentId).collect();
    let same = Hours { days: [].into(), from: "08:00".parse().unwrap(), to: "08:00".parse().unwrap() };
    let kept = Keeping { keep_days: Some(MAX_DAYS + 1), ..Keeping::default() };
    let wrong = [
        (Terms { name: " ".into(), ..good.clone() }, "name"),
        (Terms { description: "d".repeat(2_001), ..good.clone() }, "description"),
        (Terms { owner: "o".repeat(201), ..good.clone() }, "owner"),
        (Terms { kind: Kind::AgentPercentage { percent: 101 }, ..good.clone() }, "kind.percent"),
        (Terms { kind: Kind::SetNumber { count: 0, per: Period::Day }, ..good.clone() }, "kind.count"),
        (Terms { probability: 101, ..good.clone() }, "probability"),
        (Terms { ends: Some(Wall::EPOCH), ..good.clone() }, "ends"),
        (Terms { keeping: kept, ..good.clone() }, "keep_days"),
        (Terms { rule: MatchRule { agents: many, ..MatchRule::default() }, ..good.clone() }, "match.agents"),
        (Terms { rule: MatchRule { hours: vec![same], ..MatchRule::default() }, ..good }, "match.hours"),
    ];
    for (terms, field) in wrong {
        assert_eq!(terms.check().unwrap_err().field(), field);
    }
}

#[test]
fn the_highest_priority_comes_first_and_of_equal_ones_the_earliest_made() {
    let ranked = |priority, ms, id| {
        let mut schedule = schedule(Kind::OnDemand);
        (schedule.terms.priority, schedule.created, schedule.id) =
            (priority, Wall::from_ms(ms), ScheduleId(id));
        schedule
    };
    let mut all = [ranked(1, 5, 1), ranked(2, 9, 2), ranked(2, 8, 3), ranked(2, 8, 4), ranked(-1, 0, 5)];
    all.sort_by_key(Schedule::rank);
    assert_eq!(all.map(|schedule| schedule.id.0), [3, 4, 2, 1, 5]);
}

#[test]
fn a_clock_that_was_put_wrong_and_back_finds_what_was_counted() {
    let schedule = schedule(Kind::SetNumber { count: 2, per: Period::Day });
    let mut tally = Tally::default();
    let mut keeps = |day: i32| {
        let weighed = schedule.weigh(&tally, &Traits::default(), || Some(Civil { day, minute: 0 }));
        weighed.counted.into_iter().for_each(|counted| tally.count(counted));
        weighed.kept
    };
    assert_eq!(
        [100, 100, 100, 101, 100, 9_999, 101, 100, 101].map(&mut keeps),
        [true, true, false, true, false, true, true, false, false]
    );
    (102..300).for_each(|day| assert!(keeps(day)));
    assert!(tally.spans.len() <= 16, "what is far off is forgotten");
    assert!(tally.spans.contains_key(&299) && !tally.spans.contains_key(&9_999));
}

proptest! {
    #[test]
    fn of_any_calls_in_a_row_less_than_one_is_kept_too_many_or_too_few(
        percent in 0..=100_u8, before in 0..300_usize, row in 1..300_usize,
    ) {
        let schedule = schedule(Kind::Percentage { percent });
        let mut tally = Tally::default();
        let mut kept = 0_u32;
        for place in 0..before + row {
            let weighed = schedule.weigh(&tally, &Traits::default(), no_clock);
            tally.count(weighed.counted.unwrap());
            kept += u32::from(weighed.kept && place >= before);
        }
        let off = f64::from(kept) - f64::from(percent) / 100.0 * f64::from(u32::try_from(row).unwrap());
        prop_assert!(off.abs() < 1.0, "{off}");
    }
}

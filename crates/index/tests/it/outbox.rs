//! Events on their way to receivers.

use calls::time::Wall;
use index::{
    Delivery, DeliveryQuery, DeliveryState, HookError, Outbox, OutboxEvent, ReplayFrom, Tried, Upcoming,
    WEBHOOKS_MAX, Webhook,
};

use crate::world::World;

fn at(second: i64) -> Wall {
    Wall::from_ms(1_700_000_000_000 + second * 1_000)
}

fn webhook(id: &str, kinds: &[&str]) -> Webhook {
    Webhook {
        number: 0,
        id: id.to_owned(),
        url: "https://crm.example.com/".to_owned(),
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        active: true,
        why_off: None,
        secret: 0,
        secret_since: at(0),
        created: at(0),
    }
}

fn event(second: i64, kind: &str) -> OutboxEvent {
    OutboxEvent {
        id: format!("{kind} {second}"),
        at: at(second),
        kind: kind.to_owned(),
        body: "{}".to_owned(),
        for_all: false,
    }
}

async fn add(outbox: &Outbox, webhook: &Webhook) -> i64 {
    outbox.add(webhook, 0).await.expect("it is there");
    outbox.webhook(&webhook.id).await.expect("it is there").expect("it is there").number
}

/// What a receiver gets now.
async fn now(outbox: &Outbox, webhook: i64, second: i64) -> Option<Delivery> {
    match outbox.upcoming(webhook, at(second)).await.expect("it is there") {
        Upcoming::Now(delivery) => Some(*delivery),
        Upcoming::NotBefore(_) | Upcoming::Nothing => None,
    }
}

/// Delivers all that can be, and says what.
async fn drained(outbox: &Outbox, webhook: i64, second: i64) -> Vec<String> {
    let mut ids = Vec::new();
    while let Some(delivery) = now(outbox, webhook, second).await {
        let key = (webhook, delivery.number);
        outbox.tried(key, at(second), Some(200), &Tried::Delivered).await.expect("it is there");
        ids.push(delivery.event.id);
    }
    ids
}

#[tokio::test]
async fn each_receiver_gets_what_it_wants_in_order_once() {
    let world = World::new().await;
    let outbox = world.index.outbox();
    let all = add(&outbox, &webhook("a", &[])).await;
    let some = add(&outbox, &webhook("b", &["recording", "call.ended"])).await;
    let events = ["call.began", "recording.sealed", "call.ended", "recordings.of.another.kind"];
    let events: Vec<OutboxEvent> = (0..).zip(events).map(|(second, kind)| event(second, kind)).collect();
    assert_eq!(outbox.put(&events, 7, at(9)).await.unwrap(), 4);
    assert_eq!(outbox.mark().await.unwrap(), 7);
    assert_eq!(outbox.waiting().await.unwrap(), 6);
    assert_eq!(drained(&outbox, some, 9).await, ["recording.sealed 1", "call.ended 2"]);
    let whole = ["call.began 0", "recording.sealed 1", "call.ended 2", "recordings.of.another.kind 3"];
    assert_eq!(drained(&outbox, all, 9).await, whole);
    assert_eq!(outbox.upcoming(all, at(99)).await.unwrap(), Upcoming::Nothing);
    let everybody = OutboxEvent { for_all: true, ..event(5, "events.missed") };
    outbox.put(&[everybody], 8, at(9)).await.unwrap();
    assert_eq!(drained(&outbox, some, 9).await, ["events.missed 5"], "whatever it wants");
    let world = world.reopened().await;
    assert_eq!(world.index.outbox().mark().await.unwrap(), 8);
}

#[tokio::test]
async fn one_that_holds_keeps_those_behind_it_back_and_another_lets_them_pass() {
    let world = World::new().await;
    let outbox = world.index.outbox();
    let hook = add(&outbox, &webhook("a", &[])).await;
    let events: Vec<OutboxEvent> = (1..=3).map(|second| event(second, "call.ended")).collect();
    outbox.put(&events, 1, at(9)).await.unwrap();
    let first = now(&outbox, hook, 9).await.unwrap();
    let again = |holds| Tried::Again { due: at(20), holds, problem: "it answers 500".to_owned() };
    outbox.tried((hook, first.number), at(9), Some(500), &again(true)).await.unwrap();
    assert_eq!(outbox.upcoming(hook, at(10)).await.unwrap(), Upcoming::NotBefore(at(20)));
    let second_try = now(&outbox, hook, 20).await.unwrap();
    assert_eq!((second_try.event.id.as_str(), second_try.attempts), ("call.ended 1", 1));
    assert_eq!((second_try.status, second_try.problem.as_deref()), (Some(500), Some("it answers 500")));
    // It is found to be at fault itself: the others go on.
    outbox.tried((hook, first.number), at(9), Some(400), &again(false)).await.unwrap();
    assert_eq!(drained(&outbox, hook, 10).await, ["call.ended 2", "call.ended 3"]);
    let dead = Tried::Dead { problem: "it answers 400".to_owned() };
    outbox.tried((hook, first.number), at(30), Some(400), &dead).await.unwrap();
    assert_eq!(outbox.upcoming(hook, at(99)).await.unwrap(), Upcoming::Nothing);
    let dead = DeliveryQuery { state: Some(DeliveryState::Dead), before: None, limit: 10 };
    let dead = outbox.deliveries(hook, &dead).await.unwrap();
    assert_eq!(
        dead.iter().map(|it| (it.event.id.as_str(), it.attempts)).collect::<Vec<_>>(),
        [("call.ended 1", 3)]
    );
}

#[tokio::test]
async fn somebody_who_sees_to_a_receiver_need_not_wait_for_its_next_try() {
    let world = World::new().await;
    let outbox = world.index.outbox();
    let hook = add(&outbox, &webhook("a", &[])).await;
    outbox.put(&[event(1, "call.ended")], 1, at(9)).await.unwrap();
    let again = Tried::Again { due: at(1_000), holds: true, problem: "it hangs".to_owned() };
    let first = now(&outbox, hook, 9).await.unwrap();
    outbox.tried((hook, first.number), at(9), None, &again).await.unwrap();
    let changed = Webhook { url: "https://other.example.com/".to_owned(), ..webhook("a", &[]) };
    assert!(outbox.change(&changed, 0).await.unwrap());
    assert_eq!(drained(&outbox, hook, 10).await, ["call.ended 1"]);
    assert!(!outbox.change(&webhook("nobody", &[]), 0).await.unwrap());
}

#[tokio::test]
async fn what_was_delivered_or_given_up_is_sent_again_on_demand() {
    let world = World::new().await;
    let outbox = world.index.outbox();
    let hook = add(&outbox, &webhook("a", &[])).await;
    let events: Vec<OutboxEvent> = (1..=4).map(|second| event(second, "call.ended")).collect();
    outbox.put(&events, 1, at(9)).await.unwrap();
    let first = now(&outbox, hook, 9).await.unwrap();
    outbox
        .tried((hook, first.number), at(9), None, &Tried::Dead { problem: "it hangs".to_owned() })
        .await
        .unwrap();
    assert_eq!(drained(&outbox, hook, 9).await.len(), 3);
    let hooked = outbox.webhook("a").await.unwrap().unwrap();
    let again =
        async |from: ReplayFrom, only_dead| outbox.replay(&hooked, &from, only_dead, at(50)).await.unwrap();
    assert_eq!(again(ReplayFrom::Time(at(0)), true).await, Some(1));
    assert_eq!(drained(&outbox, hook, 50).await, ["call.ended 1"]);
    assert_eq!(again(ReplayFrom::Time(at(3)), false).await, Some(2));
    assert_eq!(drained(&outbox, hook, 50).await, ["call.ended 3", "call.ended 4"]);
    assert_eq!(again(ReplayFrom::After("call.ended 3".to_owned()), false).await, Some(1));
    assert_eq!(drained(&outbox, hook, 50).await, ["call.ended 4"]);
    assert_eq!(again(ReplayFrom::After("nothing".to_owned()), false).await, None);
    // Somebody new may have what others were told.
    add(&outbox, &webhook("b", &["call"])).await;
    let new = outbox.webhook("b").await.unwrap().unwrap();
    assert_eq!(outbox.replay(&new, &ReplayFrom::Time(at(0)), false, at(50)).await.unwrap(), Some(4));
    assert_eq!(drained(&outbox, new.number, 50).await.len(), 4);
}

#[tokio::test]
async fn what_falls_off_is_counted_if_it_was_still_waiting() {
    let world = World::new().await;
    let outbox = world.index.outbox();
    let hook = add(&outbox, &webhook("a", &[])).await;
    add(&outbox, &webhook("b", &["recording"])).await;
    let events: Vec<OutboxEvent> = (1..=5).map(|second| event(second, "call.ended")).collect();
    outbox.put(&events, 1, at(9)).await.unwrap();
    let first = now(&outbox, hook, 9).await.unwrap();
    outbox.tried((hook, first.number), at(9), Some(200), &Tried::Delivered).await.unwrap();
    assert_eq!(outbox.tidy(at(0)).await.unwrap(), 0);
    assert_eq!(outbox.tidy(at(4)).await.unwrap(), 2, "two were waiting and one was not");
    assert_eq!(drained(&outbox, hook, 9).await, ["call.ended 4", "call.ended 5"]);
}

#[tokio::test]
async fn while_nobody_is_active_nothing_is_put_and_later_nothing_of_it_is_found() {
    let world = World::new().await;
    let outbox = world.index.outbox();
    assert_eq!(outbox.put(&[event(1, "call.ended")], 5, at(9)).await.unwrap(), 0);
    let off = Webhook { active: false, ..webhook("a", &[]) };
    outbox.add(&off, 10).await.unwrap();
    assert_eq!(outbox.put(&[event(2, "call.ended")], 11, at(9)).await.unwrap(), 0);
    assert_eq!(outbox.waiting().await.unwrap(), 0);
    assert!(outbox.change(&webhook("a", &[]), 20).await.unwrap());
    assert_eq!(outbox.mark().await.unwrap(), 20, "it is told what comes from now on");
    outbox.change(&webhook("a", &["call"]), 30).await.unwrap();
    assert_eq!(outbox.mark().await.unwrap(), 20, "what comes in between is its own");
    outbox.set_mark(12).await.unwrap();
    assert_eq!(outbox.mark().await.unwrap(), 12);
}

#[tokio::test]
async fn a_receiver_that_goes_takes_its_deliveries_along_and_there_are_not_too_many() {
    let world = World::new().await;
    let outbox = world.index.outbox();
    add(&outbox, &webhook("a", &[])).await;
    outbox.put(&[event(1, "call.ended")], 1, at(9)).await.unwrap();
    assert!(outbox.remove("a").await.unwrap());
    assert!(!outbox.remove("a").await.unwrap());
    assert_eq!(outbox.waiting().await.unwrap(), 0);
    for number in 0..WEBHOOKS_MAX {
        add(&outbox, &webhook(&number.to_string(), &[])).await;
    }
    assert!(matches!(outbox.add(&webhook("more", &[]), 0).await, Err(HookError::TooMany)));
    assert_eq!(outbox.webhooks().await.unwrap().len(), WEBHOOKS_MAX);
}

#[tokio::test]
async fn deliveries_are_paged_the_newest_first() {
    let world = World::new().await;
    let outbox = world.index.outbox();
    let hook = add(&outbox, &webhook("a", &[])).await;
    let events: Vec<OutboxEvent> = (1..=5).map(|second| event(second, "call.ended")).collect();
    outbox.put(&events, 1, at(9)).await.unwrap();
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = DeliveryQuery { state: Some(DeliveryState::Waiting), before, limit: 2 };
        let page = outbox.deliveries(hook, &page).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.number);
        seen.extend(page.into_iter().map(|it| it.event.at.since(at(0)).as_secs()));
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
}

//! From the outbox to the receivers: one task for each, so that a slow one keeps none waiting, and some messages at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use index::{DatabaseError, Delivery, OutboxEvent, Tried, Upcoming, Webhook};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::client::Answer;
use super::target::Target;
use super::{Webhooks, about, envelope, pause, signature};
use crate::observe::alarms::Kind;

/// Messages that are sent at a time.
const AT_ONCE: usize = 8;

/// How long to wait before the index is asked again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How often it is looked whether each receiver is served.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Failures in a row from which on somebody should see to it.
const FAILURES: u32 = 3;

/// Keeps a task going for each active receiver.
pub(super) async fn run(webhooks: Webhooks, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut changed = webhooks.0.changed.subscribe();
    let mut serving: HashMap<String, JoinHandle<()>> = HashMap::new();
    loop {
        changed.mark_unchanged();
        let receivers = webhooks.outbox().webhooks().await;
        let is_known = receivers.is_ok();
        serving.retain(|_, task| !task.is_finished());
        for receiver in receivers.unwrap_or_default().into_iter().filter(|receiver| receiver.active) {
            serving
                .entry(receiver.id.clone())
                .or_insert_with(|| tokio::spawn(serve(webhooks.clone(), receiver.id, Arc::clone(&places))));
        }
        tokio::select! {
            _ = stop.wait_for(|stopping| *stopping) => break,
            _ = changed.changed() => {}
            () = tokio::time::sleep(RETRY_AFTER), if !is_known => {}
            // One that was switched off and on again may have ended meanwhile.
            () = tokio::time::sleep(LOOK_EVERY), if !serving.is_empty() => {}
        }
    }
    // What is under way may have arrived or not: it is sent again, with the same id.
    serving.into_values().for_each(|task| task.abort());
}

/// Serves one receiver until it is gone or not active any more.
async fn serve(webhooks: Webhooks, id: String, places: Arc<Semaphore>) {
    let mut changed = webhooks.0.changed.subscribe();
    loop {
        changed.mark_unchanged();
        let wait = match turn(&webhooks, &id, &places).await {
            Ok(Turn::Ended) => return,
            Ok(Turn::Sent) => continue,
            Ok(Turn::Wait(wait)) => wait,
            Err(error) => {
                tracing::warn!(%error, "the outbox cannot be asked yet");
                Some(RETRY_AFTER)
            }
        };
        tokio::select! {
            _ = changed.changed() => {}
            () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {}
        }
    }
}

enum Turn {
    /// The receiver is served no more.
    Ended,
    /// Something was sent, or tried to be.
    Sent,
    /// Nothing is due; something will be by then.
    Wait(Option<Duration>),
}

async fn turn(webhooks: &Webhooks, id: &str, places: &Semaphore) -> Result<Turn, DatabaseError> {
    let outbox = webhooks.outbox();
    let Some(receiver) = outbox.webhook(id).await?.filter(|receiver| receiver.active) else {
        return Ok(Turn::Ended);
    };
    let now = webhooks.0.wiring.clock.now();
    match outbox.upcoming(receiver.number, now).await? {
        Upcoming::Nothing => Ok(Turn::Wait(None)),
        Upcoming::NotBefore(due) => Ok(Turn::Wait(Some(due.since(now)))),
        Upcoming::Now(delivery) => {
            // It is never closed.
            let _place = places.acquire().await;
            let sent = send(webhooks, &receiver, &delivery.event).await;
            note(webhooks, &receiver, &delivery, sent).await?;
            Ok(Turn::Sent)
        }
    }
}

/// Sends one message.
pub(super) async fn send(
    webhooks: &Webhooks,
    receiver: &Webhook,
    event: &OutboxEvent,
) -> Result<Answer, String> {
    let target = Target::read(&receiver.url).map_err(|error| error.to_string())?;
    let now = webhooks.0.wiring.clock.now();
    // The receiver compares it with its own clock, so it is the machine's, which may have been set since the start.
    let at_s =
        now.as_ns().saturating_add(webhooks.0.wiring.clock.system().ahead_ns).div_euclid(1_000_000_000);
    let keys = webhooks.keys(receiver, now);
    let signatures = signature::signatures(keys.iter().map(|key| &**key), &event.id, at_s, &event.body);
    let text = |text: &str| HeaderValue::from_str(text).expect("ids, digits and base64 are visible ASCII");
    let headers = HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static(envelope::MEDIA_TYPE)),
        (header::USER_AGENT, HeaderValue::from_static(concat!("sidetone/", env!("CARGO_PKG_VERSION")))),
        (HeaderName::from_static("webhook-id"), text(&event.id)),
        (HeaderName::from_static("webhook-timestamp"), text(&at_s.to_string())),
        (HeaderName::from_static("webhook-signature"), text(&signatures)),
    ]);
    webhooks.0.client.post(&target, headers, &event.body).await
}

/// Writes down what came of it, and does what follows.
async fn note(
    webhooks: &Webhooks,
    receiver: &Webhook,
    delivery: &Delivery,
    sent: Result<Answer, String>,
) -> Result<(), DatabaseError> {
    let wiring = &webhooks.0.wiring;
    let (now, about) = (wiring.clock.now(), about(&receiver.id));
    let status = sent.as_ref().ok().map(|answer| answer.status);
    let tried = judge(delivery, &sent, now);
    wiring.outbox.tried((receiver.number, delivery.number), now, status, &tried).await?;
    match &tried {
        Tried::Delivered => {
            wiring.metrics.webhook_delivered.increment();
            wiring.alarms.clear(Kind::WebhookFailing, &about);
        }
        Tried::Again { holds, problem, .. } => {
            wiring.metrics.webhook_failed.increment();
            if *holds && delivery.attempts + 1 >= FAILURES {
                wiring.alarms.raise(Kind::WebhookFailing, about.clone(), problem.clone());
            }
        }
        Tried::Dead { problem } => {
            wiring.metrics.webhook_dead.increment();
            // Of an alarm that cannot be delivered there is no further alarm to deliver.
            if delivery.event.kind != "alarm" {
                wiring.alarms.raise(Kind::WebhookDead, about.clone(), problem.clone());
            }
        }
    }
    if status == Some(410) {
        let problem = "it answered 410: it is gone for good";
        let off = Webhook { active: false, why_off: Some(problem.to_owned()), ..receiver.clone() };
        wiring.outbox.change(&off, wiring.feed.journal()).await?;
        wiring.alarms.clear(Kind::WebhookFailing, &about);
        wiring.alarms.raise(Kind::WebhookOff, about, problem);
    }
    Ok(())
}

/// What follows from an answer, or from none. What the receiver finds wrong with one message need not be so with the next;
/// where it cannot be reached, or cannot take anything now, all wait, and in their order.
fn judge(delivery: &Delivery, sent: &Result<Answer, String>, now: calls::time::Wall) -> Tried {
    let (holds, problem, wanted) = match sent {
        Ok(answer) if answer.is_good() => return Tried::Delivered,
        Ok(answer) => {
            let is_of_message =
                (400..500).contains(&answer.status) && ![408, 410, 425, 429].contains(&answer.status);
            (!is_of_message, answer.problem(), answer.retry_after)
        }
        Err(problem) => (true, problem.clone(), None),
    };
    if now.since(delivery.since) >= pause::PATIENCE {
        return Tried::Dead { problem };
    }
    let mut chance = [127];
    let _ = getrandom::fill(&mut chance);
    let due = now.after(pause::after(delivery.attempts + 1, wanted, chance[0]));
    Tried::Again { due, holds, problem }
}

#[cfg(test)]
mod tests {
    use calls::time::Wall;
    use index::DeliveryState;

    use super::*;

    fn delivery(since: Wall) -> Delivery {
        let event = OutboxEvent {
            id: "e".into(),
            at: since,
            kind: "call.ended".into(),
            body: "{}".into(),
            for_all: false,
        };
        Delivery {
            number: 1,
            event,
            state: DeliveryState::Waiting,
            since,
            due: since,
            attempts: 0,
            tried: None,
            status: None,
            problem: None,
        }
    }

    fn judged(status: u16) -> Tried {
        let now = Wall::from_ms(1_000);
        judge(&delivery(now), &Ok(Answer { status, retry_after: None }), now)
    }

    #[test]
    fn what_the_receiver_does_not_take_for_a_reason_of_its_own_holds_nothing_back() {
        assert_eq!((judged(200), judged(204)), (Tried::Delivered, Tried::Delivered));
        for status in [400, 401, 404, 409, 413, 422] {
            assert!(matches!(judged(status), Tried::Again { holds: false, .. }), "{status}");
        }
        for status in [301, 302, 307, 408, 410, 425, 429, 500, 502, 503] {
            assert!(matches!(judged(status), Tried::Again { holds: true, .. }), "{status}");
        }
        let none = judge(&delivery(Wall::EPOCH), &Err("it hangs".into()), Wall::EPOCH);
        assert!(matches!(none, Tried::Again { holds: true, .. }));
    }

    #[test]
    fn after_a_day_it_is_given_up_with_the_last_problem() {
        let day = Wall::EPOCH.after(pause::PATIENCE);
        let dead = judge(&delivery(Wall::EPOCH), &Err("it hangs".into()), day);
        assert_eq!(dead, Tried::Dead { problem: "it hangs".into() });
        let good = judge(&delivery(Wall::EPOCH), &Ok(Answer { status: 200, retry_after: None }), day);
        assert_eq!(good, Tried::Delivered);
    }
}

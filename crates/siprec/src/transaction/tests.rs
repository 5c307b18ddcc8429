//! The machines alone, with stepped time.

use core::time::Duration;

use super::{
    timer::{TimerQueue, back_off},
    *,
};

/// Runs a machine until it asks to be forgotten; gives the times in ms at which it sent.
fn sends(first: Vec<Step>, mut fired: impl FnMut(Timer) -> Vec<Step>) -> (Vec<u128>, u128, bool) {
    let (mut timers, mut now) = (TimerQueue::default(), Duration::ZERO);
    let (mut sent, mut timed_out, mut steps) = (Vec::new(), false, first);
    loop {
        for step in steps {
            match step {
                Step::Send(_) => sent.push(now.as_millis()),
                Step::Start(timer, after) => timers.start(timer, now + after),
                Step::Stop(timer) => timers.stop(&timer),
                Step::TimedOut => timed_out = true,
                Step::Forget => return (sent, now.as_millis(), timed_out),
            }
        }
        now = timers.next().expect("a machine that is not forgotten has a timer");
        steps = fired(timers.take_due(now).unwrap());
    }
}

#[test]
fn refused_invite_is_answered_again_until_given_up() {
    let mut machine = InviteServer::new(false);
    let first = machine.respond(486, b"x".to_vec());
    let (sent, end, _) = sends(first, |timer| machine.fired(timer));
    assert_eq!(sent, [0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    assert_eq!(end, 32_000);
}

#[test]
fn ack_ends_the_repeats_and_is_absorbed_for_t4() {
    let mut machine = InviteServer::new(false);
    machine.respond(486, b"x".to_vec());
    let (sent, end, _) = sends(machine.acked(), |timer| machine.fired(timer));
    assert_eq!((sent, end), (vec![], 5000));
    assert_eq!(machine.retransmitted(), Some(vec![]));
    assert_eq!(machine.respond(200, vec![]), [], "the first final response stands");
}

#[test]
fn reliable_transports_do_not_repeat() {
    let mut machine = InviteServer::new(true);
    let first = machine.respond(486, b"x".to_vec());
    assert_eq!(sends(first, |timer| machine.fired(timer)).0, [0]);
    let (mut client, first) = Client::send(false, true, b"x".to_vec());
    assert_eq!(sends(first, |timer| client.fired(timer)), (vec![0], 32_000, true));
}

#[test]
fn our_requests_back_off_and_give_up_after_32_seconds() {
    let (mut client, first) = Client::send(false, false, b"x".to_vec());
    let (sent, end, timed_out) = sends(first, |timer| client.fired(timer));
    assert_eq!(sent, [0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    assert_eq!((end, timed_out), (32_000, true));
    let (mut client, first) = Client::send(true, false, b"x".to_vec());
    assert_eq!(sends(first, |timer| client.fired(timer)).0, [0, 500, 1500, 3500, 7500, 15500, 31500]);
}

#[test]
fn a_refused_invite_of_ours_is_acked_each_time() {
    let (mut client, _) = Client::send(true, false, b"x".to_vec());
    let (verdict, steps) = client.answered(491, || b"ack".to_vec());
    assert_eq!(verdict, client::Verdict::Final);
    assert!(steps.contains(&Step::Send(b"ack".to_vec())));
    let again = client.answered(491, || panic!("the first ACK is kept"));
    assert_eq!(again, (client::Verdict::Nothing, vec![Step::Send(b"ack".to_vec())]));
}

#[test]
fn a_request_that_comes_again_gets_the_same_bytes() {
    let mut server = Server::new(false);
    assert_eq!(server.retransmitted(), []);
    server.respond(b"200".to_vec());
    assert_eq!(server.respond(b"500".to_vec()), []);
    assert_eq!(server.retransmitted(), [Step::Send(b"200".to_vec())]);
    assert_eq!(back_off(Duration::from_secs(3)), timer::T2);
}

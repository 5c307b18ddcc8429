//! Protected streams as their receiver sees them: keys, replays, roll-over, rekeying.

use crate::{MS, client, config, goodbye, packet, receiver, store, store_from};
use proptest::prelude::*;
use rtp::srtp::{Agreed, Fault, Inbound, Keys, MAX_SSRCS, Outbound, State, Suite, WINDOW};
use rtp::{Receiver, ReceiverConfig, Refusal, SourceRule, Verdict, rtcp};

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

fn keys(suite: Suite, byte: u8) -> Keys {
    Keys::new(suite, &vec![byte; suite.key_bytes() + suite.salt_bytes()]).unwrap()
}

fn agreed(byte: u8) -> Agreed {
    Agreed { theirs: keys(SUITE, byte), ours: keys(SUITE, 0xee) }
}

fn protected_by(byte: u8) -> Receiver {
    Receiver::new(ReceiverConfig { srtp: Some(agreed(byte)), ..config() })
}

/// Packet `number` of a source: its low half is the sequence number.
fn numbered(ssrc: u32, number: u64) -> Vec<u8> {
    let sequence = (number & 0xffff) as u16;
    packet(ssrc, sequence, u32::from(sequence).wrapping_mul(160))
}

fn protect(outbound: &mut Outbound, mut packet: Vec<u8>) -> Vec<u8> {
    outbound.protect_rtp(&mut packet).unwrap();
    packet
}

fn refusal(verdict: Verdict<'_>) -> Refusal {
    match verdict {
        Verdict::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_suite_gives_back_what_was_sent_with_its_header_extension_and_padding() {
    let full = [
        0xb1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7, 0xbe, 0xde, 0, 1, 0x10, 0x55, 0, 0, 1, 2, 3, 4, 0,
        0, 0, 4,
    ];
    for suite in Suite::ALL {
        let keys = keys(suite, 3);
        let (mut outbound, mut inbound) = (Outbound::new(&keys), Inbound::new(Some(&keys)));
        let mut packet = protect(&mut outbound, full.to_vec());
        assert_eq!(packet[..24], full[..24], "{}: the header stays readable", suite.name());
        assert_ne!(packet[24..28], full[24..28]);
        assert_eq!(inbound.open_rtp(&mut packet).unwrap().packet, full);
    }
}

#[test]
fn the_key_decides_and_not_the_address() {
    let mut receiver = protected_by(1);
    let mut outbound = Outbound::new(&keys(SUITE, 1));
    let stranger = "203.0.113.66:9".parse().unwrap();
    let own = protect(&mut outbound, numbered(9, 1));
    assert!(matches!(store_from(&mut receiver, 0, stranger, &own), Verdict::Keep(..)));
    let forged = protect(&mut Outbound::new(&keys(SUITE, 2)), numbered(9, 2));
    assert_eq!(refusal(store(&mut receiver, MS, &forged)), Refusal::Unauthenticated);
    assert_eq!(refusal(store(&mut receiver, MS, &numbered(9, 2))), Refusal::Unauthenticated, "plain RTP");
    assert_eq!(receiver.ledger().last_rejected, Some(client()));
    assert_eq!((receiver.ledger().refused.unauthenticated, receiver.ledger().stored), (2, 1));
    assert!(receiver.ledger().balances());
}

#[test]
fn a_repeat_is_told_from_a_forgery_and_both_are_dropped() {
    let mut receiver = protected_by(1);
    let mut outbound = Outbound::new(&keys(SUITE, 1));
    let first = protect(&mut outbound, numbered(9, 1));
    assert!(matches!(store(&mut receiver, 0, &first), Verdict::Keep(..)));
    assert_eq!(refusal(store(&mut receiver, MS, &first)), Refusal::Replayed);
    let mut damaged = first;
    damaged[12] ^= 1;
    assert_eq!(refusal(store(&mut receiver, MS, &damaged)), Refusal::Unauthenticated);
    let refused = receiver.ledger().refused;
    assert_eq!((refused.replayed, refused.unauthenticated), (1, 1));
}

#[test]
fn a_flood_of_forgeries_costs_the_sender_nothing() {
    let mut receiver = protected_by(1);
    let mut outbound = Outbound::new(&keys(SUITE, 1));
    for number in 0..500 {
        let at_ns = 20 * MS * i64::try_from(number).unwrap();
        for forged in 0..10_u32 {
            assert_eq!(
                refusal(store(&mut receiver, at_ns, &numbered(9, number * 10 + u64::from(forged)))),
                Refusal::Unauthenticated
            );
        }
        let own = protect(&mut outbound, numbered(9, number));
        assert!(matches!(store(&mut receiver, at_ns, &own), Verdict::Keep(..)), "packet {number}");
    }
    let ledger = receiver.ledger();
    assert_eq!((ledger.stored, ledger.refused.unauthenticated, ledger.refused.flood), (500, 5_000, 0));
}

#[test]
fn sources_that_prove_nothing_take_no_memory_and_those_that_do_a_bounded_one() {
    let keys = keys(SUITE, 1);
    let mut inbound = Inbound::new(Some(&keys));
    for ssrc in 0..10_000 {
        assert_eq!(inbound.open_rtp(&mut numbered(ssrc, 1)), Err(Fault::Unauthenticated));
    }
    assert_eq!(inbound.state(), State::default());
    for ssrc in 0..200 {
        let mut own = protect(&mut Outbound::new(&keys), numbered(ssrc, 1));
        assert!(inbound.open_rtp(&mut own).is_ok());
    }
    assert_eq!(inbound.state().rtp.len(), MAX_SSRCS);
    assert!(
        inbound.state().rtp.iter().all(|source| source.ssrc >= 200 - u32::try_from(MAX_SSRCS).unwrap()),
        "the newest stay"
    );
}

#[test]
fn old_and_new_keys_hold_until_the_new_ones_work_and_then_only_they() {
    let mut receiver = protected_by(1);
    let (mut old, mut new) = (Outbound::new(&keys(SUITE, 1)), Outbound::new(&keys(SUITE, 2)));
    let kept =
        |receiver: &mut Receiver, packet: Vec<u8>| matches!(store(receiver, 0, &packet), Verdict::Keep(..));
    assert!(kept(&mut receiver, protect(&mut old, numbered(9, 1))));
    receiver.update(ReceiverConfig { srtp: Some(agreed(2)), ..config() });
    assert!(kept(&mut receiver, protect(&mut old, numbered(9, 2))), "the sender has not seen our answer yet");
    assert!(kept(&mut receiver, protect(&mut new, numbered(9, 3))));
    assert!(!kept(&mut receiver, protect(&mut old, numbered(9, 4))));
    receiver.update(ReceiverConfig { srtp: Some(agreed(2)), ..config() });
    let again = protect(&mut new, numbered(9, 3));
    assert_eq!(refusal(store(&mut receiver, 0, &again)), Refusal::Replayed, "the same keys change nothing");
}

#[test]
fn a_change_between_plain_and_protected_waits_for_the_first_packet_of_the_new_kind() {
    let mut receiver = receiver();
    let mut outbound = Outbound::new(&keys(SUITE, 1));
    let kept =
        |receiver: &mut Receiver, packet: Vec<u8>| matches!(store(receiver, 0, &packet), Verdict::Keep(..));
    assert!(kept(&mut receiver, numbered(9, 1)));
    receiver.update(ReceiverConfig { srtp: Some(agreed(1)), ..config() });
    assert!(kept(&mut receiver, numbered(9, 2)));
    let stranger = "203.0.113.66:9".parse().unwrap();
    let forged = store_from(&mut receiver, 0, stranger, &numbered(9, 3));
    assert_eq!(refusal(forged), Refusal::WrongSource, "plain packets still need the address");
    assert!(kept(&mut receiver, protect(&mut outbound, numbered(9, 3))));
    assert!(!kept(&mut receiver, numbered(9, 4)));
    receiver.update(config());
    assert!(kept(&mut receiver, protect(&mut outbound, numbered(9, 4))));
    assert!(kept(&mut receiver, numbered(9, 5)));
}

#[test]
fn a_sender_that_goes_on_counting_under_new_keys_is_followed() {
    let (old, new) = (keys(SUITE, 1), keys(SUITE, 2));
    let mut inbound = Inbound::new(Some(&old));
    let mut outbound = Outbound::new(&old);
    for number in (0..=0x2_0000).step_by(0x4000) {
        assert!(inbound.open_rtp(&mut protect(&mut outbound, numbered(9, number))).is_ok(), "{number:x}");
    }
    // The roll-over counter is part of what is authenticated: a fresh sender that rolled over twice.
    let mut going_on = Outbound::new(&new);
    for number in (0..=0x2_0000).step_by(0x4000) {
        let _ = protect(&mut going_on, numbered(9, number));
    }
    inbound.agree(Some(&new));
    assert!(inbound.open_rtp(&mut protect(&mut going_on, numbered(9, 0x2_0001))).is_ok());
    let mut anew = Inbound::new(Some(&old));
    anew.agree(Some(&new));
    assert!(anew.open_rtp(&mut protect(&mut Outbound::new(&new), numbered(9, 1))).is_ok());
}

#[test]
fn a_restored_receiver_goes_on_after_a_wrap_and_takes_no_replay() {
    let mut receiver = protected_by(1);
    let mut outbound = Outbound::new(&keys(SUITE, 1));
    let mut last = Vec::new();
    for number in 0xfff0..0x1_0010 {
        last = protect(&mut outbound, numbered(9, number));
        assert!(matches!(store(&mut receiver, 0, &last), Verdict::Keep(..)));
    }
    let kept = serde_json::to_string(&receiver.srtp_state()).unwrap();
    assert!(kept.contains("\"roll_over_counter\":1,\"highest_sequence\":15"), "{kept}");

    let mut restored = protected_by(1);
    restored.restore_srtp(&serde_json::from_str(&kept).unwrap());
    assert_eq!(refusal(store(&mut restored, 0, &last)), Refusal::Replayed);
    for number in (0x1_0010..0x4_0000).step_by(0x7000) {
        let next = protect(&mut outbound, numbered(9, number));
        assert!(matches!(store(&mut restored, 0, &next), Verdict::Keep(..)), "{number:x}");
    }
}

#[test]
fn the_mki_chooses_the_key() {
    for suite in [SUITE, Suite::AeadAes256Gcm] {
        let bytes = |byte| vec![byte; suite.key_bytes() + suite.salt_bytes()];
        let both = Keys::with_mki(suite, [(&bytes(1)[..], &[0, 1][..]), (&bytes(2), &[0, 2])]).unwrap();
        let mut inbound = Inbound::new(Some(&both));
        for (byte, mki) in [(2, [0, 2]), (1, [0, 1])] {
            let one = Keys::with_mki(suite, [(&bytes(byte)[..], &mki[..])]).unwrap();
            let mut outbound = Outbound::new(&one);
            let mut own = protect(&mut outbound, numbered(9, byte.into()));
            assert_eq!(inbound.open_rtp(&mut own).unwrap().packet, numbered(9, byte.into()));
            let mut report = goodbye(&mut receiver());
            let plain = report.clone();
            outbound.protect_rtcp(&mut report).unwrap();
            let opened = inbound.open_rtcp(&mut report);
            // The first report of either key has index 0, and both come from one source.
            assert_eq!(
                opened.map(|opened| opened.packet),
                if byte == 2 { Ok(&plain[..]) } else { Err(Fault::Replayed) }
            );
        }
        let unknown = Keys::with_mki(suite, [(&bytes(1)[..], &[0, 3][..])]).unwrap();
        let mut own = protect(&mut Outbound::new(&unknown), numbered(9, 7));
        assert_eq!(inbound.open_rtp(&mut own), Err(Fault::Unauthenticated));
    }
}

#[test]
fn keys_that_cannot_be_used_are_refused_with_what_would_be_right() {
    let error = Keys::new(SUITE, &[0; 29]).unwrap_err().to_string();
    assert!(error.contains("29 bytes") && error.contains("needs 30"), "{error}");
    let two = [(&[1; 30][..], &[][..]), (&[2; 30], &[])];
    assert!(Keys::with_mki(SUITE, two).unwrap_err().to_string().contains("MKI"));
    assert!(Keys::with_mki(SUITE, []).is_err());
}

#[test]
fn no_debug_form_shows_a_key() {
    let keys = Keys::new(SUITE, &[0xa7; 30]).unwrap();
    let agreed = Agreed { theirs: keys.clone(), ours: keys.clone() };
    let config = ReceiverConfig { srtp: Some(agreed), ..config() };
    let shown = format!("{config:?} {:?} {:?}", Receiver::new(config.clone()), Outbound::new(&keys));
    for form in ["167", "a7", "A7"] {
        assert!(!shown.contains(form), "{form} in {shown}");
    }
    assert!(shown.contains("AesCm128HmacSha1_80"));
}

#[test]
fn reports_are_protected_both_ways_and_a_plain_one_is_not_listened_to() {
    for suite in Suite::ALL {
        let agreed = Agreed { theirs: keys(suite, 1), ours: keys(suite, 2) };
        let mut receiver = Receiver::new(ReceiverConfig { srtp: Some(agreed), ..config() });
        let mut outbound = Outbound::new(&keys(suite, 1));
        store(&mut receiver, 0, &protect(&mut outbound, numbered(9, 1)));
        let sent =
            [0x80, 200, 0, 6, 0, 0, 0, 9, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 160, 0, 0, 0, 1, 0, 0, 0, 160];
        let forged = receiver.receive_rtcp(0, client(), &mut sent.clone());
        assert_eq!(forged, Err(Refusal::Unauthenticated), "B6-05");
        assert!(receiver.source().unwrap().sender_report.is_none());
        let mut report = sent.to_vec();
        outbound.protect_rtcp(&mut report).unwrap();
        let twice = report.clone();
        assert!(receiver.receive_rtcp(0, client(), &mut report).unwrap().sender_report.is_some());
        assert_eq!(receiver.receive_rtcp(0, client(), &mut twice.clone()), Err(Refusal::Replayed));

        let mut inbound = Inbound::new(Some(&keys(suite, 2)));
        let mut ours = goodbye(&mut receiver);
        let opened = inbound.open_rtcp(&mut ours).unwrap();
        let kinds: Vec<u8> =
            rtcp::compound(opened.packet).unwrap().map(|packet| packet.packet_type).collect();
        assert_eq!((opened.authentic, kinds), (true, vec![201, 202, 203]), "{}", suite.name());
    }
}

#[test]
fn rtcp_that_is_only_authenticated_is_taken_and_sent_where_that_was_agreed() {
    for suite in Suite::ALL {
        let keys = keys(suite, 1).with_plain_rtcp(true);
        let plain = goodbye(&mut receiver());
        let mut report = plain.clone();
        Outbound::new(&keys).protect_rtcp(&mut report).unwrap();
        assert_eq!(report[..plain.len()], plain);
        let mut damaged = report.clone();
        damaged[9] ^= 1;
        let mut inbound = Inbound::new(Some(&keys));
        assert_eq!(inbound.open_rtcp(&mut damaged), Err(Fault::Unauthenticated));
        assert_eq!(inbound.open_rtcp(&mut report).unwrap().packet, plain);
    }
}

proptest! {
    #[test]
    fn loss_reordering_and_wraps_cost_nothing_that_the_window_covers(
        start in prop_oneof![0..0x7fff_u64, 0xff00..0xffff_u64],
        steps in prop::collection::vec(prop_oneof![8 => -60..80_i64, 1 => 0..0x7fff_i64], 1..300),
        suite in prop::sample::select(Suite::ALL.to_vec()),
    ) {
        let keys = keys(suite, 5);
        let (mut outbound, mut inbound) = (Outbound::new(&keys), Inbound::new(Some(&keys)));
        let (mut newest, mut seen) = (start, std::collections::BTreeSet::new());
        for step in std::iter::once(0).chain(steps) {
            // The sender sends what lies between too; only this one arrives.
            let number = newest.saturating_add_signed(step).max(start);
            let mut own = protect(&mut outbound, numbered(9, number));
            let opened = inbound.open_rtp(&mut own);
            let fresh = seen.insert(number) && newest.saturating_sub(number) < WINDOW;
            match opened {
                Ok(opened) => prop_assert!(fresh && opened.packet == numbered(9, number)),
                Err(fault) => prop_assert!(!fresh && fault == Fault::Replayed, "{number:x}: {fault}"),
            }
            newest = newest.max(number);
        }
    }

    #[test]
    fn any_bytes_are_refused_and_remembered_nowhere(
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..50),
        suite in prop::sample::select(Suite::ALL.to_vec()),
    ) {
        let agreed = Agreed { theirs: keys(suite, 1), ours: keys(suite, 2) };
        let anywhere = ReceiverConfig { srtp: Some(agreed), allowed: SourceRule::Anywhere, ..config() };
        let mut receiver = Receiver::new(anywhere);
        for datagram in &datagrams {
            let kept = matches!(receiver.receive(0, client(), &mut datagram.clone()), Verdict::Keep(..));
            prop_assert!(!kept && receiver.receive_rtcp(0, client(), &mut datagram.clone()).is_err());
        }
        prop_assert_eq!(receiver.srtp_state(), State::default());
        prop_assert!(receiver.ledger().balances());
    }

    #[test]
    fn one_changed_bit_anywhere_is_noticed(
        bit in 0..8_u8, at in 0..200_usize, suite in prop::sample::select(Suite::ALL.to_vec()),
    ) {
        let keys = keys(suite, 1);
        let mut own = protect(&mut Outbound::new(&keys), numbered(9, 300));
        let at = at % own.len();
        own[at] ^= 1 << bit;
        let damaged = own.clone();
        prop_assert_eq!(Inbound::new(Some(&keys)).open_rtp(&mut own), Err(Fault::Unauthenticated));
        prop_assert_eq!(own, damaged, "it stays as it was");
    }
}

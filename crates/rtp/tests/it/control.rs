//! RTCP both ways, judged by a second implementation.

use crate::{MS, S, client, is_kept, packet, receiver, store};
use proptest::prelude::*;
use rtcp_types::prelude::*;
use rtcp_types::{Bye, Compound, Packet, ReceiverReport, Sdes, SenderReport};
use rtp::{Receiver, Refusal, Verdict, rtcp};

fn written(writer: &impl RtcpPacketWriterExt) -> Vec<u8> {
    let mut bytes = vec![0; writer.calculate_size().unwrap()];
    writer.write_into(&mut bytes).unwrap();
    bytes
}

fn sender_report(ssrc: u32) -> Vec<u8> {
    let builder = SenderReport::builder(ssrc)
        .ntp_timestamp(0x1122_3344_5566_7788)
        .rtp_timestamp(4800)
        .packet_count(3)
        .octet_count(480);
    written(&builder)
}

fn first_report(receiver: &mut Receiver, now_ns: i64) -> Vec<u8> {
    assert_eq!(receiver.next_rtcp_ns(), i64::MIN);
    assert_eq!(receiver.poll_rtcp(now_ns), None, "the first call starts the timer");
    let due_ns = receiver.next_rtcp_ns();
    assert!(due_ns > now_ns);
    assert_eq!(receiver.poll_rtcp(due_ns - 1), None);
    receiver.poll_rtcp(due_ns).expect("due")
}

#[test]
fn a_report_names_loss_jitter_and_the_last_sender_report() {
    let mut receiver = receiver();
    for n in (0..100_u16).filter(|n| n % 4 != 1) {
        store(
            &mut receiver,
            i64::from(n) * 20 * MS,
            &packet(9, 65_500_u16.wrapping_add(n), u32::from(n) * 160),
        );
    }
    assert!(receiver.receive_rtcp(2 * S, client(), &mut sender_report(9)).is_ok());
    let bytes = first_report(&mut receiver, 2 * S);
    let due_ns = receiver.next_rtcp_ns();
    let mut compound = Compound::parse(&bytes).unwrap();
    let Some(Ok(Packet::Rr(report))) = compound.next() else { panic!("no receiver report first") };
    assert_eq!(report.ssrc(), 0x5eed_5eed);
    let block = report.report_blocks().next().unwrap();
    assert_eq!((block.ssrc(), block.cumulative_lost(), block.fraction_lost()), (9, 25, 64));
    assert_eq!(block.extended_sequence_number(), 65_536 + 63, "one wrap");
    assert_eq!(block.last_sender_report_timestamp(), 0x3344_5566);
    let delay_s = f64::from(block.delay_since_last_sender_report_timestamp()) / 65_536.0;
    assert!((1.0..3.1).contains(&delay_s), "{delay_s}");
    let Some(Ok(Packet::Sdes(names))) = compound.next() else { panic!("no source description") };
    let chunk = names.chunks().next().unwrap();
    let item = chunk.items().next().unwrap();
    assert_eq!((chunk.ssrc(), item.type_(), item.value()), (0x5eed_5eed, 1, &b"cm9vbSBmb3IgOTYgYml0cw"[..]));
    assert!(compound.next().is_none());

    let silent = receiver.poll_rtcp(due_ns).expect("due");
    let rr = ReceiverReport::parse(&silent[..8]).expect("a report without blocks");
    assert_eq!(rr.n_reports(), 0, "nothing heard since");
}

#[test]
fn the_stream_says_goodbye_if_it_has_ever_said_anything() {
    let mut receiver = receiver();
    assert_eq!(receiver.goodbye(0), None);
    first_report(&mut receiver, 0);
    let bytes = receiver.goodbye(0).unwrap();
    let kinds: Vec<_> = Compound::parse(&bytes).unwrap().map(|packet| packet.unwrap().type_()).collect();
    assert_eq!(kinds, [201, 202, 203]);
}

/// Who sends a compound, and whom it says goodbye for.
fn reporter(bytes: &[u8]) -> (u32, Vec<u32>) {
    let mut reporter = (0, Vec::new());
    for packet in Compound::parse(bytes).unwrap() {
        match packet.unwrap() {
            Packet::Rr(report) => reporter.0 = report.ssrc(),
            Packet::Bye(bye) => reporter.1.extend(bye.ssrcs()),
            _ => {}
        }
    }
    reporter
}

#[test]
fn a_source_with_our_ssrc_makes_us_say_goodbye_and_take_another() {
    const OURS: u32 = 0x5eed_5eed;
    let collisions: [fn(&mut Receiver); 3] = [
        |receiver| assert!(is_kept(store(receiver, 9 * S, &packet(OURS, 1, 160)))),
        |receiver| assert!(receiver.receive_rtcp(9 * S, client(), &mut sender_report(OURS)).is_ok()),
        |receiver| {
            let mut report = written(&ReceiverReport::builder(OURS));
            assert!(receiver.receive_rtcp(9 * S, client(), &mut report).is_ok());
        },
    ];
    for collide in collisions {
        let mut receiver = receiver();
        let first = first_report(&mut receiver, 2 * S);
        assert_eq!(reporter(&first), (OURS, vec![]));
        collide(&mut receiver);
        assert!(receiver.next_rtcp_ns() <= 9 * S, "it is said at once");
        let leaving = receiver.poll_rtcp(9 * S).expect("due");
        assert_eq!(reporter(&leaving), (OURS, vec![OURS]));
        let next = receiver.poll_rtcp(receiver.next_rtcp_ns()).expect("due");
        let (ssrc, left) = reporter(&next);
        assert!(ssrc != OURS && left.is_empty());

        // Our own reports that come back are no second collision.
        let mut echo = next.clone();
        assert!(receiver.receive_rtcp(12 * S, client(), &mut echo).is_ok());
        let next = receiver.poll_rtcp(receiver.next_rtcp_ns()).expect("due");
        assert_eq!(reporter(&next), (ssrc, vec![]));
        assert!(receiver.ledger().balances());
    }
}

#[test]
fn an_ssrc_that_a_source_has_before_we_spoke_is_given_up_in_silence() {
    let mut receiver = receiver();
    for n in 0..3 {
        store(&mut receiver, i64::from(n) * 20 * MS, &packet(0x5eed_5eed, n, u32::from(n) * 160));
    }
    let first = first_report(&mut receiver, S);
    let (ssrc, left) = reporter(&first);
    assert!(ssrc != 0x5eed_5eed && left.is_empty());
    assert_eq!(receiver.ledger().undecided + receiver.ledger().stored, 3, "its media is taken");
}

#[test]
fn sender_reports_are_kept_and_their_source_can_say_bye() {
    let mut receiver = receiver();
    for n in 0..3 {
        store(&mut receiver, i64::from(n) * 20 * MS, &packet(9, n, u32::from(n) * 160));
    }
    let compound =
        [sender_report(9), written(&Sdes::builder()), written(&Bye::builder().add_source(9))].concat();
    let Verdict::Rtcp(report) = store(&mut receiver, 60 * MS, &compound) else { panic!("muxed RTCP") };
    assert!(report.goodbye);
    let kept = receiver.source().and_then(|source| source.sender_report).unwrap();
    assert_eq!(Some(kept), report.sender_report);
    assert_eq!((kept.ntp, kept.timestamp, kept.arrival_ns), (0x1122_3344_5566_7788, 4800, 60 * MS));
    // BYE ends the source: another takes over at its second packet, without waiting for silence.
    store(&mut receiver, 61 * MS, &packet(10, 7, 0));
    store(&mut receiver, 62 * MS, &packet(10, 8, 160));
    assert_eq!(receiver.source().map(|source| source.ssrc), Some(10));
    assert_eq!((receiver.ledger().ssrc_changes, receiver.ledger().extra_source), (1, 0));
    assert!(receiver.ledger().balances());
}

#[test]
fn reports_from_elsewhere_and_broken_ones_are_ignored_and_counted() {
    let mut receiver = receiver();
    let stranger = "198.51.100.9:1".parse().unwrap();
    assert_eq!(receiver.receive_rtcp(0, stranger, &mut sender_report(9)), Err(Refusal::WrongSource));
    let mut short = sender_report(9);
    short.truncate(20);
    let refused = receiver.receive_rtcp(0, client(), &mut short);
    assert!(matches!(refused, Err(Refusal::MalformedRtcp(_))), "{refused:?}");
    let mut bye_alone = written(&Bye::builder().add_source(9));
    let error = receiver.receive_rtcp(0, client(), &mut bye_alone).unwrap_err();
    let Refusal::MalformedRtcp(error) = error else { panic!("{error:?}") };
    assert_eq!(error.to_string(), "compound begins with packet type 203; must be 200 (SR) or 201 (RR)");
    assert!(receiver.ledger().balances());
    assert_eq!((receiver.ledger().refused.wrong_source, receiver.ledger().refused.malformed_rtcp), (1, 2));
}

#[test]
fn what_reports_say_of_the_senders_clock_is_kept_with_its_name() {
    let mut receiver = receiver();
    let named = |ntp: u64, timestamp: u32| {
        let mut bytes = Vec::new();
        let report = rtcp::SenderReport { ssrc: 9, ntp, timestamp, packets: 1, octets: 160, arrival_ns: 0 };
        rtcp::print_sender_report(&mut bytes, &report);
        rtcp::print_cname(&mut bytes, 9, "gateway 1");
        bytes
    };
    assert!(receiver.receive_rtcp(0, client(), &mut named(1, 1)).is_ok());
    assert!(receiver.sender_clocks().is_empty(), "of a source that has sent no media");
    store(&mut receiver, 20 * MS, &packet(9, 1, 160));
    assert!(receiver.receive_rtcp(30 * MS, client(), &mut named(2 << 32, 240)).is_ok());
    assert!(receiver.receive_rtcp(5 * S, client(), &mut named(7 << 32, 40_240)).is_ok());
    // A forged report would bend the timeline (B6-05).
    let stranger = "198.51.100.9:1".parse().unwrap();
    assert!(receiver.receive_rtcp(6 * S, stranger, &mut named(99 << 32, 5)).is_err());
    let [clock] = receiver.sender_clocks() else { panic!("one source") };
    assert_eq!((clock.ssrc, clock.cname.as_deref()), (9, Some("gateway 1")));
    let pairs: Vec<_> =
        clock.pairs.iter().map(|pair| (pair.arrival_ns, pair.ntp >> 32, pair.timestamp)).collect();
    assert_eq!(pairs, [(30 * MS, 2, 240), (5 * S, 7, 40_240)]);
    let json = serde_json::to_string(clock).unwrap();
    assert_eq!(serde_json::from_str::<rtp::SenderClock>(&json).unwrap(), *clock);
}

#[test]
fn unknown_types_in_a_compound_are_skipped_by_their_length() {
    let mut receiver = receiver();
    let extended = [0x80, 207, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8];
    let future = [0x80, 222, 0, 0];
    let mut bytes =
        [&sender_report(9)[..], &extended, &future, &written(&Bye::builder().add_source(9))].concat();
    assert!(receiver.receive_rtcp(0, client(), &mut bytes).unwrap().goodbye);
}

fn block() -> impl Strategy<Value = rtcp::ReportBlock> {
    (any::<[u32; 5]>(), any::<u8>(), -0x80_0000..0x80_0000_i32).prop_map(
        |(words, fraction_lost, cumulative_lost)| rtcp::ReportBlock {
            ssrc: words[0],
            fraction_lost,
            cumulative_lost,
            extended_highest_sequence: words[1],
            jitter: words[2],
            last_sr: words[3],
            delay_since_last_sr: words[4],
        },
    )
}

proptest! {
    #[test]
    fn what_we_print_we_read_and_so_do_others(
        blocks in prop::collection::vec(block(), 0..40),
        cname in "[a-zA-Z0-9+/]{0,300}",
        words in any::<[u32; 4]>(),
        ntp in any::<u64>(),
    ) {
        let [ssrc, timestamp, packets, octets] = words;
        let sent = rtcp::SenderReport { ssrc, ntp, timestamp, packets, octets, arrival_ns: 5 };
        let mut bytes = Vec::new();
        rtcp::print_sender_report(&mut bytes, &sent);
        rtcp::print_receiver_report(&mut bytes, ssrc, &blocks);
        rtcp::print_cname(&mut bytes, ssrc, &cname);
        rtcp::print_bye(&mut bytes, ssrc);
        let read: Vec<_> = rtcp::compound(&bytes).unwrap().collect();
        prop_assert_eq!(read.iter().map(|p| p.packet_type).collect::<Vec<_>>(), [200, 201, 202, 203]);
        prop_assert_eq!(rtcp::parse_sender_report(&read[0], 5), Ok(sent));
        let kept = blocks[..blocks.len().min(rtcp::MAX_BLOCKS)].to_vec();
        prop_assert_eq!(rtcp::parse_receiver_report(&read[1]), Ok((ssrc, kept)));
        let cut = &cname.as_bytes()[..cname.len().min(rtcp::MAX_CNAME_BYTES)];
        prop_assert_eq!(rtcp::parse_cname(&read[2], ssrc), Ok(Some(cut)));
        prop_assert_eq!(rtcp::parse_cname(&read[2], ssrc ^ 1), Ok(None));
        prop_assert!(rtcp::parse_bye(&read[3]).unwrap().eq([ssrc]));
        prop_assert!(Compound::parse(&bytes).unwrap().all(|packet| packet.is_ok()));
    }

    #[test]
    fn any_bytes_as_rtcp_are_read_or_refused(
        packet_type in 198..210_u8,
        count in 0..32_u8,
        body in prop::collection::vec(any::<u8>(), 0..80),
        padded in any::<bool>(),
    ) {
        let words = u8::try_from(body.len() / 4).unwrap();
        let first = 0x80 | count | if padded { 0x20 } else { 0 };
        let bytes = [&[0x80, 201, 0, 1, 0, 0, 0, 9, first, packet_type, 0, words], &body[..]].concat();
        for packet in rtcp::compound(&bytes).into_iter().flatten() {
            let _ = rtcp::parse_sender_report(&packet, 0);
            let _ = rtcp::parse_receiver_report(&packet);
            let _ = rtcp::parse_cname(&packet, 9);
            let _ = rtcp::parse_bye(&packet).map(Iterator::count);
        }
    }
}

//! What the recorder reports to the senders of media (RFC 3550, B6-01, B1-06), and what it makes of their reports (B7-05).

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use sim::rtp::{Head, packet};
use sim::sip::{Offer, Session, Transport};
use sim::time::Since;

use super::{PATIENCE, recording, sealed, setup, time_ns};

/// A leg with both its ports: the reports go to the odd one.
struct Leg {
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

impl Leg {
    fn new() -> Self {
        let bind = |port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok();
        let pair = || {
            let rtp = bind(0)?;
            let rtcp = bind(rtp.local_addr().ok()?.port().checked_add(1)?)?;
            rtcp.set_read_timeout(Some(Duration::from_millis(20))).ok()?;
            Some(Self { rtp, rtcp })
        };
        (0..100).find_map(|_| pair()).expect("two ports side by side")
    }

    fn port(&self) -> u16 {
        self.rtp.local_addr().expect("it is bound").port()
    }

    /// Talks under `ssrc` until a report is what it should be, and gives what was found in it.
    fn talk<T>(
        &self,
        to: SocketAddr,
        ssrc: u32,
        mut look: impl FnMut(SocketAddr, &Compound) -> Option<T>,
    ) -> T {
        let (began, mut number, mut buffer) = (Since::now(), 0_u16, [0; 1_500]);
        while began.elapsed() < PATIENCE {
            let (sequence, timestamp) = (number, u32::from(number) * 160);
            let head = Head { payload_type: 0, marker: number == 0, sequence, timestamp, ssrc };
            self.rtp.send_to(&packet(head, &[0x55; 160]), to).expect("it can be sent");
            number += 1;
            if let Ok((count, from)) = self.rtcp.recv_from(&mut buffer)
                && let Some(found) = look(from, &Compound::read(&buffer[..count]))
            {
                return found;
            }
        }
        panic!("no such report within {PATIENCE:?}");
    }
}

/// A compound as far as it matters here.
struct Compound {
    types: Vec<u8>,
    ssrc: u32,
    goodbye: Option<u32>,
}

impl Compound {
    fn read(bytes: &[u8]) -> Self {
        let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let mut compound = Self { types: Vec::new(), ssrc: word(4), goodbye: None };
        let mut at = 0;
        while at < bytes.len() {
            let kind = bytes[at + 1];
            compound.types.push(kind);
            if kind == 203 {
                compound.goodbye = Some(word(at + 4));
            }
            at += 4 + 4 * usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        }
        compound
    }
}

#[test]
fn reports_leave_by_the_port_that_hears_them_and_each_line_has_an_ssrc_that_nobody_else_has() {
    let program = setup().start();
    let legs = [Leg::new(), Leg::new()];
    let offer = Offer::two_legs("4678", [legs[0].port(), legs[1].port()]);
    let session = Session::open(program.sip, Transport::Udp, offer).expect("it is taken");
    let media = session.media();
    let ours: Vec<u32> = legs
        .iter()
        .zip(&media)
        .zip([1, 2])
        .map(|((leg, to), ssrc)| {
            leg.talk(*to, ssrc, |from, report| {
                assert_eq!(from, SocketAddr::new(to.ip(), to.port() + 1), "RFC 7866 section 8.1.8");
                assert_eq!(report.types, [201, 202]);
                Some(report.ssrc)
            })
        })
        .collect();
    assert_ne!(ours[0], ours[1], "RFC 3550 section 8.1");

    // The leg's source takes our SSRC (section 8.2).
    legs[0].talk(media[0], ours[0], |_, report| {
        assert_eq!(report.ssrc, ours[0], "what we leave behind is said before all else");
        (report.goodbye == Some(ours[0])).then_some(())
    });
    let next = legs[0].talk(media[0], ours[0], |_, report| Some(report.ssrc));
    assert_ne!(next, ours[0]);
    assert_eq!(session.bye(), 200);
}

/// A sender report and a name (RFC 3550 sections 6.4.1 and 6.5).
fn sender_report(ssrc: u32, ntp_s: u32, timestamp: u32) -> Vec<u8> {
    let mut bytes = vec![0x80, 200, 0, 6];
    for word in [ssrc, ntp_s, 0, timestamp, 1, 160] {
        bytes.extend(word.to_be_bytes());
    }
    bytes.extend([0x81, 202, 0, 4]);
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend([1, 7]);
    bytes.extend(b"gateway\0\0\0");
    bytes
}

#[test]
fn what_was_lost_and_what_clocks_said_is_sealed_with_the_recording() {
    let program = setup().start();
    let legs = [Leg::new(), Leg::new()];
    let offer = Offer::two_legs("4678", [legs[0].port(), legs[1].port()]);
    let session = Session::open(program.sip, Transport::Udp, offer).expect("it is taken");
    let media = session.media();
    let began = Since::now();
    for number in 0..150_u16 {
        for ((leg, to), ssrc) in legs.iter().zip(&media).zip([1, 2]) {
            let (sequence, timestamp) = (number, u32::from(number) * 160);
            if ssrc == 2 || !(50..60).contains(&number) {
                let head = Head { payload_type: 0, marker: number == 0, sequence, timestamp, ssrc };
                leg.rtp.send_to(&packet(head, &[0x55; 160]), to).expect("it can be sent");
            }
            if number % 50 == 49 {
                let report = sender_report(ssrc, 7_000 + u32::from(number / 50), timestamp / 8_000 * 8_000);
                leg.rtcp.send_to(&report, (to.ip(), to.port() + 1)).expect("it can be sent");
            }
        }
        began.sleep_until(Duration::from_millis(20) * u32::from(number + 1));
    }
    assert_eq!(session.bye(), 200);

    let found = sealed(&program.http, 1).remove(0);
    let whole = recording(&program.http, &found);
    let streams = &whole["manifest"]["streams"];
    let gap = &streams[0]["gaps"][0];
    assert_eq!((&gap["packets"], &gap["reason"]), (&10.into(), &"lost".into()), "{whole}");
    let long_ns = time_ns(&gap["until"]) - time_ns(&gap["from"]);
    assert!((190_000_000..=210_000_000).contains(&long_ns), "{long_ns} ns of 200 ms");
    assert_eq!(streams[1]["gaps"].as_array().map(Vec::len), Some(0), "{whole}");
    for number in [0, 1] {
        // Of a minute the first report and the last are kept.
        let alignment = &streams[number]["alignment"];
        assert_eq!(
            (&alignment["by"], &alignment["reports"]),
            (&"sender_reports".into(), &2.into()),
            "{whole}"
        );
    }
    let clock = &whole["manifest"]["clock"];
    let known = sidetone::clock::is_synchronised();
    assert_eq!(clock["at_start"]["synchronised"], serde_json::json!(known), "B7-09");
    assert_eq!(clock["steps"], serde_json::json!([]), "B7-01");
    let shown = super::printed(&program, &["show", super::text(&found["id"])]);
    assert!(shown.contains("sender_reports") && shown.contains("synchronised"), "{shown}");
}

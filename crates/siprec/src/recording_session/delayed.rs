//! An INVITE without SDP: our 200 makes the offer, the ACK brings the answer (RFC 3261 §13.2.1; A2-07).

use crate::sdp::{self, Offer, Plan, Policy, Verdict};

/// The payload types we offer codecs under: RFC 3551, and a usual dynamic one for keys (RFC 4733).
const OFFERED: [(u8, &str, u32); 4] =
    [(0, "PCMU", 8_000), (8, "PCMA", 8_000), (9, "G722", 8_000), (101, "telephone-event", 8_000)];

/// Our offer as if the SRC had made it: one audio line that it sends, with what the policy stores. The same form lets
/// one road lead from `Accept` to the 200. `None` if the policy stores nothing we have a payload type for.
pub(super) fn own_offer(policy: &Policy) -> Option<(Offer, Plan)> {
    let stored: Vec<_> = OFFERED
        .iter()
        .filter(|(_, name, _)| policy.codecs.iter().any(|codec| codec.encoding.eq_ignore_ascii_case(name)))
        .collect();
    let numbers: Vec<String> = stored.iter().map(|(number, ..)| number.to_string()).collect();
    let mut text = format!(
        "v=0\r\no=- 0 0 IN IP4 192.0.2.0\r\ns=-\r\nc=IN IP4 192.0.2.0\r\nt=0 0\r\n\
         m=audio 9 RTP/AVP {}\r\na=sendonly\r\n",
        numbers.join(" ")
    );
    text.extend(
        stored.iter().map(|(number, name, clock_hz)| format!("a=rtpmap:{number} {name}/{clock_hz}\r\n")),
    );
    let offer = Offer::parse(text.as_bytes()).ok()?;
    let mut plan = sdp::plan(&offer, policy);
    for line in &mut plan.lines {
        if let Verdict::Accepted(accepted) = &mut line.verdict {
            // Where media will come from is not known before the ACK.
            (accepted.remote_rtp, accepted.remote_rtcp) = (None, None);
        }
    }
    Some((offer, plan)).filter(|(_, plan)| !plan.nothing_to_record())
}

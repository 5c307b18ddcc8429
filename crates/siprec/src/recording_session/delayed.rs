//! An INVITE without SDP: our 200 makes the offer, the ACK brings the answer (RFC 3261 §13.2.1; A2-07).

use crate::sdp::{self, Description, Offer, Plan, Policy, Srtp, Verdict};

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
    let (protocol, crypto) = match policy.srtp {
        // A key nobody has: what is received before the ACK brings theirs proves nothing.
        Srtp::Require => ("RTP/SAVP", policy.suites.first().map(placeholder)?),
        Srtp::Optional | Srtp::Refuse => ("RTP/AVP", String::new()),
    };
    let mut text = format!(
        "v=0\r\no=- 0 0 IN IP4 192.0.2.0\r\ns=-\r\nc=IN IP4 192.0.2.0\r\nt=0 0\r\n\
         m=audio 9 {protocol} {}\r\na=sendonly\r\n{crypto}",
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

fn placeholder(suite: &sdp::Suite) -> String {
    let key = sdp::MasterKey::new(vec![0; suite.key_bytes]);
    format!("a=crypto:1 {} inline:{}\r\n", suite.name, key.inline())
}

/// Whether an answer takes the keys as we offered them: one of each line's attributes, which is one, with its tag and
/// suite (RFC 4568 §5.1.3). A line below RTP/AVP may leave them (RFC 8643 §3).
pub(super) fn takes_our_keys(answer: &Description, taken: &Plan, offered: &Plan) -> Result<(), String> {
    let lines = taken.accepted().filter_map(|(index, line)| {
        let ours = match &offered.lines.get(index)?.verdict {
            Verdict::Accepted(ours) => ours.crypto.as_ref(),
            Verdict::Refused(_) => None,
        };
        Some((index, line.crypto.as_ref(), ours))
    });
    for (index, theirs, ours) in lines {
        let right = match (theirs, ours) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(theirs), Some(ours)) => {
                let one = answer.lines.get(index).is_some_and(|line| line.crypto.len() == 1);
                one && theirs.tag == ours.tag && theirs.suite.eq_ignore_ascii_case(&ours.suite)
            }
        };
        if !right {
            return Err(format!("line {}: a=crypto of the answer is not the one of our offer", index + 1));
        }
    }
    Ok(())
}

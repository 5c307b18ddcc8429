//! Who was turned away and why, and how each trunk does: for the person whose SBC is not recorded.
//!
//! Kept in memory, newest first, with a limit; a restart begins anew. What is said here stands in the log as well.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use calls::time::Wall;
use parking_lot::Mutex;

/// Refusals kept. One that repeats an earlier one of the same sender is counted there and takes no place.
const LIMIT: usize = 256;

/// A request that was turned away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// When it last happened.
    pub at: Wall,
    /// When it first happened.
    pub first: Wall,
    /// How often, without another refusal of this sender in between.
    pub count: u64,
    /// Who sent it.
    pub peer: SocketAddr,
    /// How it came: `UDP`, `TCP`, `TLS`.
    pub transport: &'static str,
    /// The trunk that the sender belongs to, if it belongs to one.
    pub trunk: Option<String>,
    /// Its method.
    pub method: String,
    /// Its SIP Call-ID, if it could be read.
    pub sip_call_id: Option<String>,
    /// The status it was answered with; `None` if it got no answer.
    pub status: Option<u16>,
    /// Why, in the words the sender was given.
    pub why: String,
    /// What its SDP offered, line by line, such as `audio RTP/AVP G729/8000`.
    pub offered: Vec<String>,
}

/// How a trunk does. Of peers without a trunk the same is kept together, under no name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrunkHealth {
    /// When its last INVITE came.
    pub last_invite: Option<Wall>,
    /// INVITEs that wanted a recording session, repeats left out.
    pub invites: u64,
    /// Recording sessions that stand.
    pub live_sessions: u64,
    /// Requests turned away.
    pub refused: u64,
    /// The last of them: when, status, why.
    pub last_refusal: Option<(Wall, Option<u16>, String)>,
}

/// The list. Copies of it show the same.
#[derive(Debug, Clone, Default)]
pub struct Refusals(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    newest_first: VecDeque<Refusal>,
    trunks: BTreeMap<Option<String>, TrunkHealth>,
}

impl Refusals {
    /// A list that knows these trunks, of which nothing has been heard.
    pub fn of_trunks<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter().map(|name| Some(name.to_owned()));
        let trunks = names.map(|name| (name, TrunkHealth::default())).collect();
        Self(Arc::new(Mutex::new(State { newest_first: VecDeque::new(), trunks })))
    }

    /// Somebody was turned away.
    pub fn put(&self, refusal: Refusal) {
        let mut state = self.0.lock();
        let trunk = state.trunks.entry(refusal.trunk.clone()).or_default();
        trunk.refused += 1;
        trunk.last_refusal = Some((refusal.at, refusal.status, refusal.why.clone()));
        let of_peer = |known: &&mut Refusal| known.peer.ip() == refusal.peer.ip();
        if let Some(last) = state.newest_first.iter_mut().find(of_peer)
            && (&last.method, last.status, &last.why) == (&refusal.method, refusal.status, &refusal.why)
        {
            let (count, first) = (last.count + 1, last.first);
            *last = Refusal { count, first, ..refusal };
            return;
        }
        state.newest_first.truncate(LIMIT - 1);
        state.newest_first.push_front(refusal);
    }

    /// An INVITE came that wants a recording session.
    pub fn invited(&self, trunk: Option<&str>, at: Wall) {
        let mut state = self.0.lock();
        let trunk = state.trunks.entry(trunk.map(str::to_owned)).or_default();
        trunk.invites += 1;
        trunk.last_invite = Some(at);
    }

    /// A recording session of the trunk began, or ended.
    pub fn session(&self, trunk: Option<&str>, began: bool) {
        let mut state = self.0.lock();
        let live = &mut state.trunks.entry(trunk.map(str::to_owned)).or_default().live_sessions;
        *live = if began { *live + 1 } else { live.saturating_sub(1) };
    }

    /// All that are kept, newest first.
    pub fn newest_first(&self) -> Vec<Refusal> {
        let mut all: Vec<Refusal> = self.0.lock().newest_first.iter().cloned().collect();
        all.sort_by_key(|refusal| std::cmp::Reverse(refusal.at));
        all
    }

    /// Every trunk by name; peers without one last, if any came.
    pub fn trunks(&self) -> Vec<(Option<String>, TrunkHealth)> {
        let state = self.0.lock();
        let mut all: Vec<_> =
            state.trunks.iter().map(|(name, health)| (name.clone(), health.clone())).collect();
        all.sort_by_key(|(name, _)| name.is_none());
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(peer: &str, at_ms: i64, why: &str) -> Refusal {
        Refusal {
            at: Wall::from_ms(at_ms),
            first: Wall::from_ms(at_ms),
            count: 1,
            peer: peer.parse().unwrap(),
            transport: "UDP",
            trunk: None,
            method: "INVITE".to_owned(),
            sip_call_id: None,
            status: Some(488),
            why: why.to_owned(),
            offered: Vec::new(),
        }
    }

    #[test]
    fn a_sender_that_knocks_again_and_again_does_not_push_others_out() {
        let list = Refusals::default();
        list.put(refusal("192.0.2.1:5060", 1, "no codec"));
        for knock in 0..1_000 {
            list.put(refusal("192.0.2.2:5060", 2 + knock, "not listed"));
        }
        let all = list.newest_first();
        assert_eq!(
            all.iter().map(|it| (it.count, it.why.as_str())).collect::<Vec<_>>(),
            [(1_000, "not listed"), (1, "no codec")]
        );
        assert_eq!((all[0].first, all[0].at), (Wall::from_ms(2), Wall::from_ms(1_001)));
    }

    #[test]
    fn only_the_newest_are_kept() {
        let list = Refusals::default();
        for number in 0..400 {
            list.put(refusal("192.0.2.1:5060", number, &format!("why {number}")));
        }
        let all = list.newest_first();
        assert_eq!((all.len(), all[0].why.as_str()), (LIMIT, "why 399"));
    }

    #[test]
    fn a_trunk_of_which_nothing_was_heard_is_shown_as_such() {
        let list = Refusals::of_trunks(["a", "b"]);
        list.invited(Some("a"), Wall::from_ms(5));
        list.session(Some("a"), true);
        list.put(Refusal { trunk: Some("a".to_owned()), ..refusal("192.0.2.1:5060", 6, "no codec") });
        let trunks = list.trunks();
        let a = &trunks[0].1;
        assert_eq!((a.invites, a.live_sessions, a.refused), (1, 1, 1));
        assert_eq!(a.last_refusal, Some((Wall::from_ms(6), Some(488), "no codec".to_owned())));
        assert_eq!(trunks[1], (Some("b".to_owned()), TrunkHealth::default()));
    }
}

//! The recording session (RS): one dialog between an SRC and us, cut by what happens to it.
//!
//! *Belongs here*: what an INVITE, an UPDATE, a BYE, a timer and a command mean for a session.
//! *Does not*: transactions and retransmissions (but for the 2xx to INVITE, which RFC 3261 leaves to the session); what
//! SDP and metadata say.
//!
//! RFC 7866 §6 to §9, RFC 3261 §13 to §15, RFC 3311, RFC 4028.

mod accept;
mod close;
mod confirm;
mod content;
mod delayed;
mod modify;
mod recognise;
mod refresh;
mod resume;
mod snapshot;

use core::time::Duration;

use crate::{
    ConnectionId, Now, SessionId, Source, Target,
    dialog::Dialog,
    endpoint::TransactionId,
    facts::CallFacts,
    message::{Request, header::SessionUuid},
    metadata::Picture,
    sdp::{LocalMedia, Offer, Plan},
};
use refresh::Interval;
pub use resume::{Remembered, ResumeError};

/// A session's timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SessionTimer {
    /// Say 100 (A9-04).
    Trying,
    /// The program has not decided.
    Decision,
    /// Send the 2xx again.
    Repeat,
    /// No ACK came.
    AckMissing,
    /// Refresh the session.
    Refresh,
    /// The session timer has run out.
    End,
    /// Ask whether the other side is there.
    Probe,
    /// The snapshot we asked for has not come.
    Snapshot,
}

impl SessionTimer {
    const ALL: [Self; 8] = [
        Self::Trying,
        Self::Decision,
        Self::Repeat,
        Self::AckMissing,
        Self::Refresh,
        Self::End,
        Self::Probe,
        Self::Snapshot,
    ];
}

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// INVITE came, no answer yet.
    Invited,
    /// 200 sent, no ACK yet.
    Accepted,
    /// ACK came.
    Confirmed,
    /// Over for the program; BYE goes out when the ACK has come (RFC 3261 §15).
    Closing,
}

/// A request that waits for the program's answer.
struct Pending {
    transaction: TransactionId,
    request: Request,
    offer: Offer,
    plan: Plan,
    /// The request had no SDP: the 200 makes this offer, and the ACK answers it.
    offered_by_us: bool,
    /// The picture once this is accepted.
    picture: Picture,
    /// The session timer once this is accepted, and the values for the answer.
    interval: Option<Interval>,
}

/// What has been agreed by offer and answer.
struct Agreed {
    /// The offer as it came.
    offer_text: String,
    offer: Offer,
    plan: Plan,
    media: Vec<Option<LocalMedia>>,
    /// Our description as sent last.
    sdp: Vec<u8>,
    /// The version in its o= line.
    version: u64,
}

/// A 2xx to INVITE that is repeated until its ACK comes (RFC 3261 §13.3.1.4).
struct Unacked {
    bytes: Vec<u8>,
    to: Target,
    number: u32,
    interval: Duration,
    /// The 2xx held an offer of ours; the ACK holds the answer.
    offered: bool,
    /// Without a usable answer there is nothing to record: the INVITE that would open the session had no SDP (A2-07).
    needs_answer: bool,
}

/// One recording session.
pub struct RecordingSession {
    id: SessionId,
    trunk: Option<String>,
    request_uri: String,
    /// The INVITE's headers: what vendors say about a call stands there, and roles follow from it when metadata
    /// changes.
    headers: Vec<(String, String)>,
    /// The address whose count of sessions this one adds to.
    opened_by: Source,
    dialog: Dialog,
    phase: Phase,
    local_uuid: SessionUuid,
    remote_uuid: Option<SessionUuid>,
    sdp_session_id: u64,
    agreed: Option<Agreed>,
    picture: Picture,
    pending: Option<Pending>,
    unacked: Option<Unacked>,
    /// Sequence number of the last INVITE that was acknowledged.
    acked: Option<u32>,
    interval: Option<Interval>,
    /// Whether the other side's Allow names UPDATE, or it never sent an Allow.
    takes_update: bool,
    /// The number of a re-INVITE of ours that has no final answer or whose answer may come again.
    our_invite: Option<OurInvite>,
    /// That the other side is gone has been told, and not that it is there again.
    unreachable: bool,
    snapshot_asked_at: Option<Now>,
    snapshot_wanted: bool,
    /// What the BYE will say when the ACK has come.
    closing_reason: Option<String>,
}

// What came and what was sent may hold keys of media (A10-05).
impl core::fmt::Debug for RecordingSession {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("RecordingSession")
            .field("id", &self.id)
            .field("trunk", &self.trunk)
            .field("phase", &self.phase)
            .field("sip_call_id", &self.sip_call_id())
            .field("plan", &self.plan())
            .finish_non_exhaustive()
    }
}

/// A re-INVITE of ours.
#[derive(Debug, Clone, Copy)]
struct OurInvite {
    number: u32,
    answered: bool,
}

impl RecordingSession {
    /// A session of which nothing is known but its dialog.
    fn new(id: SessionId, dialog: Dialog, opened_by: Source, request_uri: String) -> Self {
        Self {
            id,
            trunk: None,
            request_uri,
            headers: Vec::new(),
            opened_by,
            dialog,
            phase: Phase::Invited,
            local_uuid: SessionUuid::NIL,
            remote_uuid: None,
            sdp_session_id: 0,
            agreed: None,
            picture: Picture::default(),
            pending: None,
            unacked: None,
            acked: None,
            interval: None,
            takes_update: true,
            our_invite: None,
            unreachable: false,
            snapshot_asked_at: None,
            snapshot_wanted: false,
            closing_reason: None,
        }
    }

    /// Its number.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// The SIP Call-ID of its dialog.
    pub fn sip_call_id(&self) -> &str {
        &self.dialog.id.sip_call_id
    }

    /// The tag we gave its dialog: no two recording sessions have the same, and one that goes on after a restart keeps
    /// it.
    pub fn local_tag(&self) -> &str {
        &self.dialog.id.local_tag
    }

    /// The name of the peer rule that admitted it.
    pub fn trunk(&self) -> Option<&str> {
        self.trunk.as_deref()
    }

    /// Where the SRC's last request came from.
    pub fn source(&self) -> Source {
        self.dialog.source()
    }

    /// The plan in force; `None` before the first `Accept`.
    pub fn plan(&self) -> Option<&Plan> {
        self.agreed.as_ref().map(|agreed| &agreed.plan)
    }

    /// Our ports in force, by line of the plan.
    pub fn media(&self) -> &[Option<LocalMedia>] {
        self.agreed.as_ref().map_or(&[], |agreed| &agreed.media)
    }

    /// What the metadata said so far. Before `Accept` of the INVITE: what it will be then.
    pub fn picture(&self) -> &Picture {
        match &self.pending {
            Some(pending) if self.phase == Phase::Invited => &pending.picture,
            _ => &self.picture,
        }
    }

    /// What a contact centre wants to know about the call, from the INVITE's headers and the picture as it is.
    pub fn facts(&self) -> CallFacts {
        CallFacts::derive(&self.headers, self.picture())
    }

    /// Our half of the Session-ID (RFC 7989).
    pub fn local_uuid(&self) -> SessionUuid {
        self.local_uuid
    }

    /// The SRC's half of the Session-ID, if it stated one.
    pub fn remote_uuid(&self) -> Option<SessionUuid> {
        self.remote_uuid
    }

    /// Whether the ACK has come.
    pub fn is_confirmed(&self) -> bool {
        self.phase == Phase::Confirmed
    }

    /// The interval of the session timer in seconds, if one was agreed.
    pub fn session_expires_s(&self) -> Option<u32> {
        self.interval.map(|interval| interval.seconds)
    }

    pub(crate) fn opened_by(&self) -> &Source {
        &self.opened_by
    }

    pub(crate) fn is_over(&self) -> bool {
        self.phase == Phase::Closing
    }

    pub(crate) fn uuids(&self) -> Option<(SessionUuid, SessionUuid)> {
        self.remote_uuid.map(|theirs| (self.local_uuid, theirs))
    }

    pub(crate) fn dialog(&self) -> &Dialog {
        &self.dialog
    }

    pub(crate) fn dialog_mut(&mut self) -> &mut Dialog {
        &mut self.dialog
    }

    pub(crate) fn disconnected(&mut self, connection: ConnectionId) {
        self.dialog.disconnected(connection);
        if let Some(unacked) = &mut self.unacked
            && unacked.to == Target::Connection(connection)
        {
            unacked.to = self.dialog.next_hop();
        }
    }
}

//! Reads vendor blocks out of metadata extensions, and what vendors put into SIP headers (A12).

use super::{CallDirection, Fact, VendorId, VendorIdKind, ucid};
use crate::message::header::NameAddr;
use crate::metadata::{Content, Element, Extension, Picture, user_of};

/// What vendor blocks and headers say, before it is tied to participants.
#[derive(Debug, Default)]
pub(super) struct Stated {
    pub(super) caller: Option<Fact>,
    pub(super) callee: Option<Fact>,
    pub(super) dialled: Option<Fact>,
    pub(super) direction: Option<Fact<CallDirection>>,
    pub(super) queue: Option<Fact>,
    pub(super) queue_number: Option<Fact>,
    pub(super) recorded_party: Option<Fact>,
    pub(super) recorded_user: Option<Fact>,
    pub(super) agent_display_name: Option<Fact>,
    pub(super) diverted_from: Option<Fact>,
    pub(super) vendor_ids: Vec<VendorId>,
    /// Participants marked as calling or called party, by id.
    pub(super) calling: Vec<(String, bool)>,
}

/// SIP headers of the message that began the recording session.
#[derive(Clone, Copy)]
pub(super) struct Headers<'a>(pub(super) &'a [(String, String)]);

impl<'a> Headers<'a> {
    pub(super) fn get(self, names: &[&str]) -> Option<&'a str> {
        let found = self.0.iter().find(|(name, _)| names.iter().any(|n| name.eq_ignore_ascii_case(n)));
        found.map(|(_, value)| value.trim())
    }
}

pub(super) fn read(headers: Headers<'_>, picture: &Picture) -> Stated {
    let mut stated = Stated::default();
    let content = picture.content();
    for extension in extensions(content) {
        let root = &extension.element;
        if let Some(block) = root.find("metaswitchRecordingMetadata") {
            stated.metaswitch(block);
        }
        if let Some(block) = root.find("broadWorksRecordingMetadata") {
            stated.broadworks(block, headers);
        }
        if let Some(block) = root.find("callData") {
            stated.ribbon(block);
        }
        for (name, kind) in [
            ("ucid", VendorIdKind::Ucid),
            ("AvayaUCID", VendorIdKind::Ucid),
            ("GenesysUUID", VendorIdKind::GenesysUuid),
        ] {
            if let Some(element) = root.find(name) {
                stated.id(kind, element.trimmed(), name);
            }
        }
    }
    for participant in &content.participants {
        for extension in &participant.extensions {
            stated.acme(&participant.id, &extension.element);
        }
    }
    stated.headers(headers);
    for session in &content.sessions {
        for id in &session.sip_session_ids {
            let kind =
                if is_session_id(id) { VendorIdKind::SipSessionId } else { VendorIdKind::OriginalCallId };
            stated.id(kind, id, "sipSessionID");
        }
    }
    stated
}

/// Extensions wherever they stand.
fn extensions(content: &Content) -> impl Iterator<Item = &Extension> {
    (content.extensions.iter())
        .chain(content.groups.iter().flat_map(|e| &e.extensions))
        .chain(content.sessions.iter().flat_map(|e| &e.extensions))
        .chain(content.participants.iter().flat_map(|e| &e.extensions))
        .chain(content.streams.iter().flat_map(|e| &e.extensions))
}

impl Stated {
    /// Metaswitch (A13-05): terminating means inbound; the recorded party is the agent's.
    fn metaswitch(&mut self, block: &Element) {
        self.caller = text(block, "callingPartyNumber", "metaswitch/callingPartyNumber");
        self.dialled = text(block, "dialedDigits", "metaswitch/dialedDigits");
        self.recorded_party = text(block, "recordedParty", "metaswitch/recordedParty");
        self.agent_display_name = text(block, "userName", "metaswitch/userName");
        let terminating = block.find("callType").map(|call_type| call_type.trimmed().to_ascii_lowercase());
        self.direction = match terminating.as_deref() {
            Some("terminating") => Some(Fact::stated(CallDirection::Inbound, "metaswitch/callType")),
            Some("originating") => Some(Fact::stated(CallDirection::Outbound, "metaswitch/callType")),
            _ => None,
        };
        if self.direction.as_ref().is_some_and(|fact| fact.value == CallDirection::Inbound) {
            self.callee.clone_from(&self.recorded_party);
        }
    }

    /// `BroadWorks` (A13-06): termCall is inbound, origCall outbound; the queue is in acd; From names the user.
    fn broadworks(&mut self, block: &Element, headers: Headers<'_>) {
        let calls = [("termCall", CallDirection::Inbound), ("origCall", CallDirection::Outbound)];
        for (name, direction) in calls {
            let Some(call) = block.find(name) else { continue };
            self.direction = Some(Fact::stated(direction, &format!("broadworks/{name}")));
            self.caller = user(call, "callingPartyNumber", "broadworks/callingPartyNumber");
            self.callee = user(call, "calledPartyNumber", "broadworks/calledPartyNumber");
            self.dialled =
                user(call, "dialedDigits", "broadworks/dialedDigits").or_else(|| self.callee.clone());
        }
        self.recorded_user = text(block, "userID", "broadworks/userID");
        if let Some(acd) = block.find("acd") {
            self.queue = text(acd, "acdName", "broadworks/acdName");
            self.queue_number = user(acd, "acdNumber", "broadworks/acdNumber");
        }
        if let Some(from) = headers.get(&["From", "f"]).and_then(|from| NameAddr::parse(from).ok()) {
            let name = from.name();
            self.agent_display_name = (!name.is_empty()).then(|| Fact::stated(name, "From"));
        }
        for (name, kind) in [
            ("extTrackingID", VendorIdKind::BroadWorksTrackingId),
            ("callID", VendorIdKind::BroadWorksCallId),
        ] {
            if let Some(element) = block.find(name) {
                self.id(kind, element.trimmed(), &format!("broadworks/{name}"));
            }
        }
    }

    /// Ribbon (A13-04): the call's own headers as text; the caller is in fromhdr.
    fn ribbon(&mut self, block: &Element) {
        self.caller = user(block, "fromhdr", "callData/fromhdr");
        self.callee = user(block, "tohdr", "callData/tohdr");
        self.dialled.clone_from(&self.callee);
        for (name, kind) in [("callid", VendorIdKind::OriginalCallId), ("gcid", VendorIdKind::Gcid)] {
            if let Some(element) = block.find(name) {
                self.id(kind, element.trimmed(), &format!("callData/{name}"));
            }
        }
    }

    /// Oracle: which participant called, what was dialled, and chosen headers of the call.
    fn acme(&mut self, participant: &str, root: &Element) {
        let Some(calling) = root.find("callingParty") else { return };
        let is_calling = calling.trimmed().eq_ignore_ascii_case("true");
        self.calling.push((participant.to_owned(), is_calling));
        if !is_calling {
            return;
        }
        self.dialled = user(root, "request-uri", "apkt/request-uri").or(self.dialled.take());
        let header = |label: &str| {
            let block = root.find("extensiondata").unwrap_or(root);
            let mut headers = block.children_named("header");
            let header =
                headers.find(|h| h.attribute(&["label"]).is_some_and(|l| l.eq_ignore_ascii_case(label)));
            let value = header?.children_named("value").find_map(|value| user_in(value.trimmed()))?;
            Some(Fact::stated(value, &format!("apkt/{label}")))
        };
        self.caller = header("P-Asserted-Identity").or(self.caller.take());
        self.diverted_from = header("Diversion").or(self.diverted_from.take());
    }

    fn headers(&mut self, headers: Headers<'_>) {
        // RFC 7433 allows several, comma separated; the first one is the call's.
        if let Some(uui) = headers.get(&["User-to-User"]) {
            let first = uui.split(',').next().unwrap_or_default();
            if ucid(first).starts_with("00FA") || ucid(first).starts_with("04FA") {
                self.id(VendorIdKind::Ucid, first, "User-to-User");
            }
        }
        for (names, kind) in [
            (&["Cisco-Guid"][..], VendorIdKind::CiscoGuid),
            (&["X-Genesys-CallUUID"][..], VendorIdKind::GenesysUuid),
            (&["Session-ID"][..], VendorIdKind::SipSessionId),
        ] {
            if let Some(value) = headers.get(names) {
                self.id(kind, value, names[0]);
            }
        }
        if self.diverted_from.is_none() {
            let value = headers.get(&["Diversion"]).and_then(user_in);
            self.diverted_from = value.map(|user| Fact::stated(user, "Diversion"));
        }
    }

    fn id(&mut self, kind: VendorIdKind, raw: &str, source: &str) {
        let raw = raw.trim();
        let value = if kind == VendorIdKind::Ucid { ucid(raw) } else { raw.to_owned() };
        let known = self.vendor_ids.iter().any(|id| id.kind == kind && id.id.value == value);
        if !value.is_empty() && !known {
            self.vendor_ids.push(VendorId { kind, id: Fact::stated(value, source), raw: raw.to_owned() });
        }
    }
}

/// Text of the first element with that name.
fn text(block: &Element, name: &str, source: &str) -> Option<Fact> {
    let text = block.find(name)?.trimmed();
    (!text.is_empty()).then(|| Fact::stated(text, source))
}

/// User or number in the first element with that name, which holds a URI or a name-addr.
fn user(block: &Element, name: &str, source: &str) -> Option<Fact> {
    Some(Fact::stated(user_in(block.find(name)?.trimmed())?, source))
}

/// User or number in a URI, a name-addr (header parameters and all), or a bare number.
pub(super) fn user_in(text: &str) -> Option<String> {
    let uri = NameAddr::parse(text).map_or_else(|_| text.to_owned(), |name_addr| name_addr.uri);
    user_of(&uri).map(str::to_owned)
}

/// RFC 7989 §5: 32 hexadecimal digits, maybe `;remote=`. Some clients put a Call-ID here (A12, OpenSIPS).
fn is_session_id(text: &str) -> bool {
    let local = text.split(';').next().unwrap_or_default().trim();
    local.len() == 32 && local.bytes().all(|b| b.is_ascii_hexdigit())
}

//! Recording sessions of an earlier run go on (A9-12): what is journaled of each, and how each stands again.
//!
//! A session goes on if its dialog, its ports and its plan can be had again; else it is forgotten, and its calls end.

use std::collections::{BTreeMap, BTreeSet};

use calls::card;
use calls::id::CallId;
use calls::tracker::SessionText;
use rtp::srtp;
use serde::{Deserialize, Serialize};
use siprec::{Endpoint, Remembered, SessionId};

use super::session::{Session, Tools};
use super::translate::Headers;

/// How a session is to go on, as SIP sees it.
#[derive(Debug, Clone)]
pub(super) struct Remembrance {
    pub(super) sip: Remembered,
    /// What its metadata says, as one document.
    pub(super) document: Option<Vec<u8>>,
    /// Which communication session the headers of its INVITE tell of.
    pub(super) headers_of: Option<String>,
}

/// As it is journaled. It holds keys: the journal is encrypted.
#[derive(Serialize, Deserialize)]
struct Kept {
    sip: Remembered,
    #[serde(default)]
    document: Option<String>,
    #[serde(default)]
    headers_of: Option<String>,
    cname: String,
    /// The calls it brings, each with its communication session.
    #[serde(default)]
    parts: Vec<(String, CallId)>,
    /// How far the sources of protected streams had come, by line.
    #[serde(default)]
    heard: Vec<srtp::State>,
}

impl Remembrance {
    /// The text to journal. Of a session one of whose calls was dark it holds no card number (C2-04).
    pub(super) fn to_text(
        &self,
        cname: String,
        parts: Vec<(String, CallId)>,
        heard: Vec<srtp::State>,
        was_dark: bool,
    ) -> SessionText {
        let Self { sip, document, headers_of } = self.clone();
        let document = document.map(|text| String::from_utf8_lossy(&text).into_owned());
        let mut kept = Kept { sip, document, headers_of, cname, parts, heard };
        if was_dark {
            kept.sip.rewrite_headers(card::strike_out);
            let safe = kept.document.as_deref().and_then(card::strike_out);
            kept.document = safe.or(kept.document);
        }
        SessionText(serde_json::to_string(&kept).expect("it is made of texts, numbers and lists"))
    }
}

/// A session that stands again.
pub(super) struct Resumed {
    pub(super) id: SessionId,
    pub(super) session: Session,
    pub(super) headers: Headers,
    pub(super) calls: Vec<CallId>,
}

/// What came of the sessions of an earlier run.
#[derive(Debug, Default)]
pub(super) struct GoneOn {
    /// The calls that go on.
    pub(super) calls: BTreeSet<CallId>,
    /// Sessions that do not, by name, and why.
    pub(super) lost: BTreeMap<String, String>,
}

/// Lets a session stand again. `tools_of` gives what a session by this trunk works with.
///
/// # Errors
/// Why it cannot.
pub(super) fn resume(
    endpoint: &mut Endpoint,
    now: siprec::Now,
    name: &str,
    text: &SessionText,
    tools_of: impl FnOnce(Option<&str>) -> Tools,
) -> Result<Resumed, String> {
    let kept: Kept = serde_json::from_str(&text.0).map_err(|error| format!("it cannot be read: {error}"))?;
    let Kept { sip, document, headers_of, cname, parts, heard } = kept;
    let tools = tools_of(sip.trunk());
    let documents = document.as_deref().map(str::as_bytes);
    let id = endpoint.resume(now, &sip, documents).map_err(|error| error.to_string())?;
    let known = endpoint.session(id).ok_or("it is gone")?;
    let plan = known.plan().ok_or("nothing was agreed")?;
    let headers = Headers::again(sip.headers().to_vec(), headers_of);
    let calls = parts.iter().map(|(_, call)| *call).collect();
    let peer = sip.peer().ip();
    let session = Session::again(id, name.to_owned(), (peer, cname, tools), parts, |terms| {
        let lines = terms.lines_again(plan, sip.media(), &heard)?;
        Ok((lines, heard))
    });
    let session = session.map_err(|error: std::io::Error| format!("its ports cannot be had: {error}"));
    match session {
        Ok(session) => Ok(Resumed { id, session, headers, calls }),
        Err(why) => {
            let reason = "The recorder was started anew".to_owned();
            endpoint.handle(now, siprec::Input::Command(siprec::Command::Close { session: id, reason }));
            Err(why)
        }
    }
}

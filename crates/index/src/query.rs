//! Questions about recordings, and the pages they are answered in.
//!
//! Belongs here: what can be asked, paging. Does not: SQL.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use access::Scope;
use calls::id::{CallId, RecordingId};
use calls::time::Wall;

use crate::remark::RemarkKind;

/// How many rows a page holds unless the query says otherwise.
pub const PAGE_DEFAULT: u32 = 50;

/// How many rows a page can hold at most; what a list on a screen or a script's loop needs, and still a few
/// hundred kilobytes.
pub const PAGE_MAX: u32 = 500;

/// A search for recordings. Every condition given must hold; a blank text is no condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The agent's number, name (in any case) or device, matched whole. The tracker knows the other names of an
    /// agent; ask it first and give the number here.
    pub agent: Option<String>,
    /// The call they are of.
    pub call: Option<CallId>,
    /// A number, however it is written: its digits are compared with the ends of caller, callee, device and
    /// party numbers, so that an extension or a number without its country code finds the long form.
    pub number: Option<String>,
    /// Only recordings that started at or after this.
    pub from: Option<Wall>,
    /// Only recordings that started before this.
    pub to: Option<Wall>,
    /// Words over names, numbers, addresses, fields and remarks. All must occur, each as the beginning of a word; case
    /// and accents do not matter. Any text is a valid search; the first [`crate::text::WORDS_MAX`] words count.
    pub text: Option<String>,
    /// An id that another system gave the call, such as a UCID in any spelling; SIP's Call-ID of the recording session;
    /// the WFO call instance.
    pub known_as: Option<String>,
    /// A category it was put into, matched whole, in any case.
    pub category: Option<String>,
    /// Only recordings that have a remark of this kind.
    pub remarked: Option<RemarkKind>,
    /// Exact values of the user fields, by number 1 to 15.
    pub user: BTreeMap<u8, String>,
    /// Whose recordings may be found at all (F-API-1).
    pub scope: Scope,
    /// Whether copies are wanted too all of which another recording holds (A9-09). Those of one call always are.
    pub copies: bool,
    /// Where the page before ended: [`Page::next`].
    pub cursor: Option<String>,
    /// Rows wanted, 1 to [`PAGE_MAX`].
    pub limit: u32,
}

impl Default for Query {
    /// All recordings, newest first, [`PAGE_DEFAULT`] of them.
    fn default() -> Self {
        Self {
            agent: None,
            call: None,
            number: None,
            from: None,
            to: None,
            text: None,
            known_as: None,
            category: None,
            remarked: None,
            user: BTreeMap::new(),
            scope: Scope::All,
            copies: false,
            cursor: None,
            limit: PAGE_DEFAULT,
        }
    }
}

/// What is a recording's own, or nearly so: a name by which somebody may ask for it (wfo-api section 9 row 24).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// Its numeric key.
    Ident(i64),
    /// Its id.
    Recording(RecordingId),
    /// The PBX's id of its call: the field `callid`, or SIP's Call-ID of the recording session.
    CallId(String),
    /// An id that another system gave its call, in any spelling; or our own id of the call.
    GlobalId(String),
    /// The exact value of a user field, by number 1 to 15.
    User(u8, String),
}

/// One page of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, newest first.
    pub items: Vec<T>,
    /// Give this as [`Query::cursor`] to get the rows after these; absent on the last page.
    pub next: Option<String>,
}

/// The place of a row in the order of lists ([`crate::moment`]). Rows that are put later never move it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) moment: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{:016x}", self.moment)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = text.strip_prefix('m').filter(|digits| digits.len() == 16).ok_or(())?;
        if !digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(());
        }
        Ok(Self { moment: u64::from_str_radix(digits, 16).map(u64::cast_signed).map_err(|_| ())? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_survives_its_text(moment in any::<i64>()) {
            let cursor = Cursor { moment };
            prop_assert_eq!(cursor.to_string().parse::<Cursor>(), Ok(cursor));
        }

        #[test]
        fn any_other_text_is_refused_without_a_panic(text in "\\PC{0,40}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }
}

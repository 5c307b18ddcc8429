//! One entry: who, from where, what, to what, and with what result.

use sha2::{Digest as _, Sha256};

use crate::chain::Hash;

/// The longest text of an entry, in bytes; [`Entry::fit`] cuts what is longer.
pub const TEXT_MAX_BYTES: usize = 2_000;

/// Stands before what is hashed of an entry, so that it is a hash of nothing else.
const DOMAIN: &[u8] = b"sidetone audit entry 1\n";

/// What something has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was not allowed, or made no sense.
    Refused,
    /// The recorder could not.
    Failed,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Done, Self::Refused, Self::Failed];

    /// The label as it is stored and shown.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// Reads the label.
    pub fn from_label(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.label() == text)
    }
}

/// What is on record of one act. A text that is not known is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When, in ns since 1970-01-01T00:00:00Z without leap seconds.
    pub at_ns: i64,
    /// What kind of somebody it was: `person`, `program`, `peer`, `local` (nobody was asked for a login), `recorder`.
    pub kind: String,
    /// The name of the login or key.
    pub who: String,
    /// In which role.
    pub role: String,
    /// From where: the network address.
    pub source: String,
    /// What was done, a noun and a verb: `recording.listen`.
    pub action: String,
    /// What it has come to: the label of an [`Outcome`].
    pub outcome: String,
    /// What was answered: an HTTP status, the code of an XML face.
    pub answer: String,
    /// The recording it was done to, by its id.
    pub recording: String,
    /// The call, by its id.
    pub call: String,
    /// What else: `agent 1`, `hold 4`.
    pub about: String,
    /// How: form and range, words of a search, how much was heard.
    pub detail: String,
    /// Why, as who did it says (C5-06).
    pub reason: String,
}

impl Entry {
    /// The texts, in the order in which they are hashed, with the names they have in every form.
    pub fn texts(&self) -> [(&'static str, &str); 12] {
        [
            ("kind", &self.kind),
            ("who", &self.who),
            ("role", &self.role),
            ("source", &self.source),
            ("action", &self.action),
            ("outcome", &self.outcome),
            ("answer", &self.answer),
            ("recording", &self.recording),
            ("call", &self.call),
            ("about", &self.about),
            ("detail", &self.detail),
            ("reason", &self.reason),
        ]
    }

    /// Cuts texts that are too long, and shows characters that could steer a terminal or forge a line as escapes (F-LOG-1).
    pub fn fit(&mut self) {
        let texts = [
            &mut self.kind,
            &mut self.who,
            &mut self.role,
            &mut self.source,
            &mut self.action,
            &mut self.outcome,
            &mut self.answer,
            &mut self.recording,
            &mut self.call,
            &mut self.about,
            &mut self.detail,
            &mut self.reason,
        ];
        for text in texts {
            if text.contains(steers) {
                let shown = text.chars().flat_map(|c| if steers(c) { escaped(c) } else { vec![c] });
                *text = shown.collect();
            }
            if text.len() > TEXT_MAX_BYTES {
                text.truncate(text.floor_char_boundary(TEXT_MAX_BYTES - 3));
                text.push_str("...");
            }
        }
    }

    /// The hash of what it says, as the entry of this number.
    pub fn content(&self, number: u64) -> Hash {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        hash.update(number.to_be_bytes());
        hash.update(self.at_ns.to_be_bytes());
        for (_, text) in self.texts() {
            // A text of 4 GiB does not come this far.
            hash.update(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
            hash.update(text.as_bytes());
        }
        Hash(hash.finalize().into())
    }
}

fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}')
}

fn escaped(c: char) -> Vec<char> {
    c.escape_unicode().collect()
}

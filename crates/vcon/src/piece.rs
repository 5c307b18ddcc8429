//! The pieces a vCon comes in.

use serde::Serialize;

/// A piece of a vCon's text, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text as it stands.
    Text(String),
    /// Here stands the sound of the recording at this place, in [`crate::Base64Url`].
    Sound(usize),
}

/// Puts pieces together.
#[derive(Debug, Default)]
pub(crate) struct Pieces(Vec<Piece>);

impl Pieces {
    pub(crate) fn text(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Piece::Text(before)) => before.push_str(text),
            _ => self.0.push(Piece::Text(text.to_owned())),
        }
    }

    pub(crate) fn json(&mut self, value: &impl Serialize) {
        self.text(&json(value));
    }

    /// An object with a last member whose value, a string, comes later.
    pub(crate) fn object_with_sound(&mut self, object: &impl Serialize, recording: usize) {
        self.open_object(object);
        self.text(r#","body":""#);
        self.0.push(Piece::Sound(recording));
        self.text("\"}");
    }

    /// An object without its last brace.
    pub(crate) fn open_object(&mut self, object: &impl Serialize) {
        let text = json(object);
        self.text(text.strip_suffix('}').unwrap_or(&text));
    }

    pub(crate) fn done(self) -> Vec<Piece> {
        self.0
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data with text keys can be written")
}

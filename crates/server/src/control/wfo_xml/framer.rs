//! From a stream of bytes to messages: one XML document each, ended by CR LF (wfo-api section 4.1).
//!
//! The end of a document is the end of its root, not the end of a line: clients put line ends inside, and some forget the last
//! one. A message that is not whole is told by the same tag: the first closing tag of the root's name ends it, whatever stands
//! open, so that the next message is read as what it is.
//!
//! What cannot be the beginning of a message ends the connection: what follows would be guesswork, and a web page that makes
//! a browser post to this port begins with the browser's own lines (F-CSRF).

/// The most bytes of one message.
pub(super) const MESSAGE_LIMIT_BYTES: usize = 64 * 1024;

/// Cuts messages out of a stream.
#[derive(Debug, Default)]
pub(super) struct Framer {
    bytes: Vec<u8>,
    /// How many of them are looked at.
    seen: usize,
    state: State,
    /// The name of the root, once its tag is open.
    root: Option<Vec<u8>>,
}

/// Where in the document the byte stands that comes next.
#[derive(Debug, Default, Clone, Copy)]
enum State {
    /// Before its first byte.
    #[default]
    Before,
    /// Between tags.
    Text,
    /// After `<`.
    Opened,
    /// After `<!`, whose text begins there.
    Declared(usize),
    /// In a comment; how many `-` came last.
    Comment(u8),
    /// In a CDATA section; how many `]` came last.
    Data(u8),
    /// In `<?`; whether `?` came last.
    Instruction(bool),
    /// In a tag whose name begins there.
    Tag { name: usize, named: Option<usize>, closes: bool, quote: Option<u8>, slash: bool },
}

/// What is next in the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// One whole message.
    Message(Vec<u8>),
    /// More bytes are needed.
    More,
    /// Nothing more can be read.
    Broken(Broken),
}

/// Why nothing more can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// Something else than a document.
    #[error(
        "a message is an XML document, such as <REQUEST><TYPE>TEST</TYPE><REQUESTID>1</REQUESTID></REQUEST>"
    )]
    NoDocument,
    /// A document type, the door to attacks by entities (F-XML-1).
    #[error("a message has no document type and declares no entities")]
    Declaration,
    /// More than [`MESSAGE_LIMIT_BYTES`].
    #[error("a message has at most {MESSAGE_LIMIT_BYTES} bytes")]
    TooLong,
}

impl Framer {
    /// Takes what came.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether no message has begun.
    pub(super) fn is_idle(&self) -> bool {
        self.bytes.iter().all(u8::is_ascii_whitespace)
    }

    /// What is next.
    pub(super) fn next(&mut self) -> Next {
        while let Some(byte) = self.bytes.get(self.seen).copied() {
            if self.seen == MESSAGE_LIMIT_BYTES {
                return Next::Broken(Broken::TooLong);
            }
            let at = self.seen;
            self.seen += 1;
            match self.step(byte, at) {
                Ok(false) => {}
                Ok(true) => return Next::Message(self.cut()),
                Err(broken) => return Next::Broken(broken),
            }
        }
        Next::More
    }

    fn cut(&mut self) -> Vec<u8> {
        let rest = self.bytes.split_off(self.seen);
        let message = std::mem::replace(&mut self.bytes, rest);
        *self = Self { bytes: std::mem::take(&mut self.bytes), ..Self::default() };
        message
    }

    /// Takes one byte; whether the message ends with it.
    fn step(&mut self, byte: u8, at: usize) -> Result<bool, Broken> {
        let state = self.state;
        self.state = match state {
            State::Before => return self.begin(byte, at),
            State::Text => match byte {
                b'<' => State::Opened,
                _ if self.root.is_none() && !byte.is_ascii_whitespace() => return Err(Broken::NoDocument),
                _ => State::Text,
            },
            State::Opened => match byte {
                b'!' => State::Declared(at + 1),
                b'?' => State::Instruction(false),
                b'/' if self.root.is_none() => return Err(Broken::NoDocument),
                b'/' => State::Tag { name: at + 1, named: None, closes: true, quote: None, slash: false },
                _ => State::Tag { name: at, named: None, closes: false, quote: None, slash: false },
            },
            State::Declared(from) => match &self.bytes[from..=at] {
                b"--" => State::Comment(0),
                b"[CDATA[" => State::Data(0),
                begun if b"--".starts_with(begun) || b"[CDATA[".starts_with(begun) => state,
                _ => return Err(Broken::Declaration),
            },
            State::Comment(2..) if byte == b'>' => State::Text,
            State::Comment(dashes) => State::Comment(if byte == b'-' { dashes.saturating_add(1) } else { 0 }),
            State::Data(2..) if byte == b'>' => State::Text,
            State::Data(closing) => State::Data(if byte == b']' { closing.saturating_add(1) } else { 0 }),
            State::Instruction(true) if byte == b'>' => State::Text,
            State::Instruction(_) => State::Instruction(byte == b'?'),
            State::Tag { .. } => return Ok(self.tag(byte, at)),
        };
        Ok(false)
    }

    /// White space, and the mark of byte order that some editors write, may stand before a document.
    fn begin(&mut self, byte: u8, at: usize) -> Result<bool, Broken> {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        if byte == b'<' {
            self.state = State::Opened;
        } else if at == 0 && byte.is_ascii_whitespace() {
            // What stood between two messages is of neither.
            let blanks = self.bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.bytes.drain(..blanks);
            self.seen = 0;
        } else if !(self.bytes[..=at] == MARK[..(at + 1).min(3)] || byte.is_ascii_whitespace()) {
            return Err(Broken::NoDocument);
        }
        Ok(false)
    }

    fn tag(&mut self, byte: u8, at: usize) -> bool {
        let State::Tag { name, named, closes, quote, slash } = self.state else { return false };
        let ends_name = byte.is_ascii_whitespace() || byte == b'/' || byte == b'>';
        let named = named.or(ends_name.then_some(at));
        let quote = match (quote, byte) {
            (Some(open), byte) if open == byte => None,
            (Some(open), _) => Some(open),
            (None, b'"' | b'\'') if !closes && named.is_some() => Some(byte),
            (None, _) => None,
        };
        if byte != b'>' || quote.is_some() {
            self.state = State::Tag { name, named, closes, quote, slash: byte == b'/' };
            return false;
        }
        self.state = State::Text;
        let called = &self.bytes[name..named.unwrap_or(at)];
        match &self.root {
            Some(root) => closes && called.eq_ignore_ascii_case(root),
            None => {
                self.root = Some(called.to_vec());
                slash
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(framer: &mut Framer) -> (Vec<String>, Next) {
        let mut messages = Vec::new();
        loop {
            match framer.next() {
                Next::Message(bytes) => messages.push(String::from_utf8(bytes).unwrap()),
                other => return (messages, other),
            }
        }
    }

    fn messages(text: &str) -> (Vec<String>, Next) {
        let mut framer = Framer::default();
        framer.push(text.as_bytes());
        all(&mut framer)
    }

    const TEST: &str = "<REQUEST><TYPE>TEST</TYPE><REQUESTID>1</REQUESTID></REQUEST>";

    #[test]
    fn several_messages_of_one_segment_come_out_in_order() {
        let (found, next) = messages(&format!("{TEST}\r\n{TEST}\n\n  {TEST}{TEST}\r\n<REQ"));
        assert_eq!((found.len(), next), (4, Next::More));
        assert!(found.iter().all(|message| message == TEST), "{found:?}");
    }

    #[test]
    fn line_ends_comments_data_and_quotes_inside_end_nothing() {
        let odd = "<?xml version=\"1.0\"?>\r\n<!-- </REQUEST> -->\r\n<request a='</REQUEST>'>\r\n <TYPE>TEST</TYPE>\r\n\
                   <USER1><![CDATA[</REQUEST>]] ]]]></USER1><?x </REQUEST>??>\r\n</REQUEST\r\n>";
        let (found, next) = messages(&format!("{odd}\r\n{TEST}\r\n"));
        assert_eq!((found, next), (vec![odd.to_owned(), TEST.to_owned()], Next::More));
    }

    #[test]
    fn a_message_that_is_not_well_formed_does_not_take_the_next_with_it() {
        let (found, _) = messages(&format!("<REQUEST><TYPE>TEST</REQUEST>\r\n<REQUEST/>\r\n{TEST}"));
        assert_eq!(found, ["<REQUEST><TYPE>TEST</REQUEST>", "<REQUEST/>", TEST]);
    }

    #[test]
    fn what_is_no_document_breaks_the_stream_at_its_first_byte() {
        for text in
            ["POST / HTTP/1.1\r\n", "\u{0}", "</REQUEST>", "<!-- --> x", "{}", "\u{feff}x", "\u{201c}"]
        {
            assert_eq!(messages(text), (vec![], Next::Broken(Broken::NoDocument)), "{text:?}");
        }
        let (found, next) = messages(&format!("{TEST}\r\nGET /"));
        assert_eq!((found.len(), next), (1, Next::Broken(Broken::NoDocument)));
    }

    #[test]
    fn a_document_type_breaks_the_stream_before_anything_of_it_is_read() {
        for text in ["<!DOCTYPE a [<!ENTITY b \"c\">]><REQUEST>", "<REQUEST><!ENTITY", "<![INCLUDE["] {
            assert_eq!(messages(text).1, Next::Broken(Broken::Declaration), "{text}");
        }
    }

    #[test]
    fn a_mark_of_byte_order_may_stand_before_the_document() {
        assert_eq!(messages(&format!("\u{feff}{TEST}")).0, [format!("\u{feff}{TEST}")]);
    }

    #[test]
    fn a_message_without_end_breaks_the_stream_at_the_limit() {
        let mut framer = Framer::default();
        let mut pushed = 0;
        let next = loop {
            match framer.next() {
                Next::More => framer.push(&[b'<'; 1_024]),
                next => break next,
            }
            pushed += 1_024;
        };
        assert_eq!(next, Next::Broken(Broken::TooLong));
        assert!(pushed <= MESSAGE_LIMIT_BYTES + 1_024);
        let longest = MESSAGE_LIMIT_BYTES - "<A></A>".len();
        let (found, _) = messages(&format!("<A>{}</A>", "x".repeat(longest)));
        assert_eq!(found.len(), 1);
        assert_eq!(messages(&format!("<A>{}</A>", "x".repeat(longest + 1))).1, Next::Broken(Broken::TooLong));
    }

    #[test]
    fn blanks_without_end_take_no_room() {
        let mut framer = Framer::default();
        for _ in 0..200 {
            framer.push(&[b'\n'; 1_024]);
            assert_eq!(framer.next(), Next::More);
            assert!(framer.is_idle() && framer.bytes.is_empty());
        }
    }

    proptest! {
        #[test]
        fn how_a_stream_is_parted_changes_nothing(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "<REQUEST>", "</REQUEST>", "<TYPE>", "</TYPE>", "TEST", "\r\n", "<!--", "-->", "<![CDATA[", "]]>", "<?", "?>",
                "\"", "'", "<a b='", ">", "/>", "<", "\u{feff}", " ", "x", "</request >", "<REQUEST a=\"",
            ]), 0..40),
            cut in 1_usize..9,
        ) {
            let text = pieces.concat();
            let whole = messages(&text);
            let mut framer = Framer::default();
            let mut parted = (Vec::new(), Next::More);
            for piece in text.as_bytes().chunks(cut) {
                framer.push(piece);
                let (found, next) = all(&mut framer);
                parted.0.extend(found);
                parted.1 = next;
                if parted.1 != Next::More {
                    break;
                }
            }
            prop_assert_eq!(whole, parted);
        }
    }
}

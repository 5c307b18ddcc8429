//! Cuts a TCP or TLS stream into messages (RFC 3261 §18.3, RFC 5626 §3.5.1).

use super::{Fault, Headers, MAX_HEAD_BYTES, MAX_STREAM_MESSAGE_BYTES, ParseError, Request, parse};

/// One thing found in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The bytes of one message, for [`super::parse`].
    Message(Vec<u8>),
    /// A double CRLF between messages: the other side asks whether the connection lives. Answer one CRLF.
    Ping,
}

/// The stream cannot be cut any further: answer if there is something to answer, then close the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stream cannot be cut into messages: {fault}")]
pub struct FramingError {
    /// What is wrong.
    pub fault: Fault,
    /// The request at whose head the stream broke, as far as it could be read, without body.
    pub salvaged: Option<Box<Request>>,
}

/// Collects bytes and gives whole messages. Holds at most one message and one read's worth of bytes.
#[derive(Debug, Default)]
pub struct Framer {
    bytes: Vec<u8>,
    /// Everything before this place is known to hold no end of head.
    searched: usize,
    /// Length of the whole message once its head has been read.
    wanted: Option<usize>,
    broken: bool,
}

impl Framer {
    /// Takes bytes from the connection. Bytes after an error are dropped.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.broken {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// How many bytes wait for the rest of their message.
    pub fn waiting_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The next message, if all of it is there. Call until it gives `None`.
    ///
    /// # Errors
    /// Once, when the head is too large, has no end, or states no usable `Content-Length` (which RFC 3261 §20.14
    /// demands on streams). Afterwards the framer is empty and stays so.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FramingError> {
        if self.wanted.is_none() {
            if self.skip_blank() {
                return Ok(Some(Frame::Ping));
            }
            let Some(head) = self.head_end() else {
                return if self.bytes.len() > MAX_HEAD_BYTES {
                    let fault = Fault::HeadTooLarge { limit: MAX_HEAD_BYTES, unit: "bytes" };
                    Err(self.break_off(fault, MAX_HEAD_BYTES))
                } else {
                    Ok(None)
                };
            };
            if head > MAX_HEAD_BYTES {
                let fault = Fault::HeadTooLarge { limit: MAX_HEAD_BYTES, unit: "bytes" };
                return Err(self.break_off(fault, head));
            }
            match self.length(head) {
                Ok(length) => self.wanted = Some(length),
                Err(fault) => return Err(self.break_off(fault, head)),
            }
        }
        let Some(wanted) = self.wanted.filter(|wanted| self.bytes.len() >= *wanted) else { return Ok(None) };
        let rest = self.bytes.split_off(wanted);
        let message = core::mem::replace(&mut self.bytes, rest);
        (self.wanted, self.searched) = (None, 0);
        Ok(Some(Frame::Message(message)))
    }

    /// Drops line breaks before a message; true for each pair of them.
    fn skip_blank(&mut self) -> bool {
        if self.bytes.starts_with(b"\r\n\r\n") {
            self.bytes.drain(..4);
            self.searched = 0;
            return true;
        }
        // A start line follows a single line break: the break was padding (RFC 3261 §7.5).
        loop {
            let padding = match self.bytes.as_slice() {
                [b'\n', ..] => 1,
                [b'\r', b'\n', next, ..] if *next != b'\r' => 2,
                _ => return false,
            };
            self.bytes.drain(..padding);
            self.searched = 0;
        }
    }

    /// The place behind the empty line that ends the head.
    fn head_end(&mut self) -> Option<usize> {
        let start = self.searched;
        for at in start..self.bytes.len() {
            if self.bytes[at] != b'\n' {
                continue;
            }
            match self.bytes.get(at + 1..) {
                Some([b'\n', ..]) => return Some(at + 2),
                Some([b'\r', b'\n', ..]) => return Some(at + 3),
                _ => {}
            }
        }
        self.searched = self.bytes.len().saturating_sub(2);
        None
    }

    fn length(&self, head: usize) -> Result<usize, Fault> {
        let headers = read_head(&self.bytes[..head]);
        let body = parse::content_length(&headers)?.ok_or(Fault::Missing("Content-Length"))?;
        let length = head.saturating_add(body);
        if length > MAX_STREAM_MESSAGE_BYTES {
            return Err(Fault::TooLarge { limit: MAX_STREAM_MESSAGE_BYTES });
        }
        Ok(length)
    }

    fn break_off(&mut self, fault: Fault, head: usize) -> FramingError {
        let salvaged = match parse(&self.bytes[..head.min(self.bytes.len())]) {
            Ok(super::Message::Request(request)) => Some(Box::new(request)),
            Ok(super::Message::Response(_)) => None,
            Err(ParseError { salvaged, .. }) => salvaged,
        };
        *self = Self { broken: true, ..Self::default() };
        FramingError { fault, salvaged }
    }
}

/// The `Content-Length` lines of a head; other lines do not matter for the cut.
fn read_head(head: &[u8]) -> Headers {
    let mut headers = Headers::default();
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split('\n').map(|line| line.trim_end_matches('\r')).skip(1).peekable();
    while let Some(line) = lines.next() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let name = name.trim();
        if line.starts_with([' ', '\t'])
            || !(name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("l"))
        {
            continue;
        }
        let mut value = value.trim().to_owned();
        while let Some(more) = lines.next_if(|next| next.starts_with([' ', '\t'])) {
            value = format!("{value} {}", more.trim()).trim().to_owned();
        }
        headers.push("Content-Length", value);
    }
    headers
}

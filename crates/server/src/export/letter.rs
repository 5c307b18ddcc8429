//! A letter with a zip in it, made while it leaves: what stands before the zip, the zip in base64, what stands behind it.
//!
//! Pure: the library writes every header, so that nothing that was asked for can add one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use calls::time::Wall;
use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Attachment, Body, Mailbox, Message, MultiPart, SinglePart};

/// The most characters of a subject; a line of a list of letters.
const MAX_SUBJECT_CHARS: usize = 200;

/// The most characters of what is written to who gets it.
const MAX_BODY_CHARS: usize = 10_000;

/// The most who get one letter.
const MAX_RECIPIENTS: usize = 10;

/// Bytes that stand in one line of base64 (RFC 2045 section 6.8).
const LINE_BYTES: usize = 57;

/// Stands where the zip will. Random enough: what somebody writes is encoded otherwise, or stands before it.
const MARK: &[u8] = b"c2lkZXRvbmU6IHRoZSB6aXAgc3RhbmRzIGhlcmU";

/// What is written to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub(super) to: Vec<Address>,
    subject: String,
    body: String,
}

/// A part of a letter that cannot be: its name on the wire, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterFault {
    /// `emailaddress`, `subject` or `body`.
    pub part: &'static str,
    /// What would be right, as a sentence.
    pub right: String,
}

impl Letter {
    /// A letter to those who may get one: whose domain, or whole address, is among `allowed` (`*` for everybody).
    ///
    /// # Errors
    /// [`LetterFault`]; it holds no address.
    pub fn new(to: &str, subject: &str, body: &str, allowed: &[String]) -> Result<Self, LetterFault> {
        let fault = |part, right: String| Err(LetterFault { part, right });
        let mut addresses = Vec::new();
        for text in to.split([',', ';']).map(str::trim).filter(|text| !text.is_empty()) {
            let Ok(address) = text.parse::<Address>() else {
                let right =
                    "emailaddress must be an address such as kim@example.com, or several parted by commas";
                return fault("emailaddress", right.to_owned());
            };
            let is_allowed = |allowed: &String| {
                allowed == "*"
                    || allowed.eq_ignore_ascii_case(address.domain())
                    || allowed.eq_ignore_ascii_case(text)
            };
            if !allowed.iter().any(is_allowed) {
                let right = "no recording may be sent to this emailaddress; smtp.allow_recipients names the domains and \
                             addresses to which it may";
                return fault("emailaddress", right.to_owned());
            }
            addresses.push(address);
        }
        if addresses.is_empty() || addresses.len() > MAX_RECIPIENTS {
            return fault("emailaddress", format!("emailaddress must name 1 to {MAX_RECIPIENTS} addresses"));
        }
        if subject.chars().count() > MAX_SUBJECT_CHARS || subject.chars().any(char::is_control) {
            let right = format!("subject must be one line of at most {MAX_SUBJECT_CHARS} characters");
            return fault("subject", right);
        }
        let is_control = |c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t');
        if body.chars().count() > MAX_BODY_CHARS || body.chars().any(is_control) {
            let right = format!("body must be a text of at most {MAX_BODY_CHARS} characters");
            return fault("body", right);
        }
        let subject = if subject.trim().is_empty() { "Recordings" } else { subject };
        let body = if body.trim().is_empty() { "The recordings are attached." } else { body };
        Ok(Self { to: addresses, subject: subject.to_owned(), body: body.to_owned() })
    }

    /// To whom it goes, for the log of listens.
    pub(super) fn way(&self) -> String {
        let to: Vec<String> = self.to.iter().map(ToString::to_string).collect();
        format!("mail to {}", to.join(" "))
    }

    /// The letter from this sender: its envelope, and its text before and behind the zip.
    ///
    /// # Errors
    /// What the library says.
    pub(super) fn around(
        &self,
        from: &Address,
        (at, id): (Wall, &str),
        file: &str,
    ) -> Result<(Envelope, Vec<u8>, Vec<u8>), String> {
        let zip: ContentType = "application/zip".parse().map_err(|error| format!("{error:?}"))?;
        let mark = Body::dangerous_pre_encoded(MARK.to_vec(), ContentTransferEncoding::Base64);
        let parts = MultiPart::mixed()
            .singlepart(SinglePart::plain(self.body.clone()))
            .singlepart(Attachment::new(file.to_owned()).body(mark, zip));
        let mut builder = Message::builder()
            .from(Mailbox::new(None, from.clone()))
            .subject(self.subject.clone())
            .message_id(Some(format!("<{id}@{}>", from.domain())))
            .date(system_time(at));
        for to in &self.to {
            builder = builder.to(Mailbox::new(None, to.clone()));
        }
        let message = builder.multipart(parts).map_err(|error| error.to_string())?;
        let text = message.formatted();
        // The last one: what was written stands before it.
        let place =
            text.windows(MARK.len()).rposition(|part| part == MARK).ok_or("it has no place for the zip")?;
        let behind = text[place + MARK.len()..].to_vec();
        Ok((message.envelope().clone(), text[..place].to_vec(), behind))
    }
}

fn system_time(at: Wall) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.as_ms()).unwrap_or(0))
}

/// Bytes into lines of base64, however they are cut.
#[derive(Debug, Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Takes bytes and gives the lines that are full.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.rest.extend_from_slice(bytes);
        let full = self.rest.len() / LINE_BYTES * LINE_BYTES;
        let lines = lines_of(&self.rest[..full]);
        self.rest.drain(..full);
        lines
    }

    /// The last line, if there is one.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        lines_of(&std::mem::take(&mut self.rest))
    }
}

fn lines_of(bytes: &[u8]) -> Vec<u8> {
    let mut text = String::with_capacity(bytes.len() * 78 / LINE_BYTES + 80);
    for line in bytes.chunks(LINE_BYTES) {
        STANDARD.encode_string(line, &mut text);
        text.push_str("\r\n");
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn allowed() -> Vec<String> {
        vec!["example.com".to_owned(), "one@example.net".to_owned()]
    }

    fn around(letter: &Letter) -> (Envelope, String, String) {
        let from = "recorder@example.com".parse().unwrap();
        let (envelope, before, behind) =
            letter.around(&from, (Wall::from_ms(0), "id-1"), "export.zip").unwrap();
        (envelope, String::from_utf8(before).unwrap(), String::from_utf8(behind).unwrap())
    }

    #[test]
    fn it_goes_to_those_who_may_get_one_and_to_nobody_else() {
        let letter = Letter::new("a@example.com; B@EXAMPLE.COM,one@example.net", "", "", &allowed()).unwrap();
        let (envelope, before, behind) = around(&letter);
        assert_eq!(envelope.to().len(), 3);
        assert!(before.contains("Subject: Recordings\r\n") && before.contains("application/zip"), "{before}");
        assert!(before.ends_with("\r\n\r\n") && behind.starts_with("\r\n--"), "{before} | {behind}");
        for to in [
            "two@example.net",
            "a@example.com.evil.test",
            "a@sub.example.com",
            "@",
            "",
            " ; ",
            "a b@example.com",
        ] {
            assert_eq!(Letter::new(to, "", "", &allowed()).unwrap_err().part, "emailaddress", "{to}");
        }
        let eleven = ["a@example.com"; 11].join(",");
        assert!(Letter::new(&eleven, "", "", &allowed()).is_err());
        assert!(Letter::new("a@example.test", "", "", &["*".to_owned()]).is_ok());
        assert!(Letter::new("a@example.com", "", "", &[]).is_err());
    }

    #[test]
    fn nothing_that_is_asked_for_adds_a_header() {
        for subject in ["a\r\nBcc: x@example.com", "a\nb", "a\0"] {
            assert_eq!(Letter::new("a@example.com", subject, "", &allowed()).unwrap_err().part, "subject");
        }
        for to in ["a@example.com\r\nBcc: x@evil.test", "a@example.com>\r\nDATA", "\"a\r\nb\"@example.com"] {
            assert_eq!(Letter::new(to, "", "", &allowed()).unwrap_err().part, "emailaddress");
        }
    }

    proptest! {
        #[test]
        fn any_letter_that_is_taken_has_its_own_headers_only(subject in "\\PC{0,60}", body in "(\\PC|[\r\n\t]){0,200}") {
            let Ok(letter) = Letter::new("a@example.com", &subject, &body, &allowed()) else { return Ok(()) };
            let (envelope, before, _) = around(&letter);
            prop_assert_eq!(envelope.to().len(), 1);
            let head = before.split("\r\n\r\n").next().unwrap();
            let names: Vec<&str> = head
                .split("\r\n")
                .filter(|line| !line.starts_with([' ', '\t']))
                .map(|line| line.split(':').next().unwrap())
                .collect();
            prop_assert_eq!(names, ["From", "Subject", "Message-ID", "Date", "To", "MIME-Version", "Content-Type"]);
            prop_assert!(head.is_ascii());
        }

        #[test]
        fn base64_is_the_same_however_the_bytes_are_cut(bytes in proptest::collection::vec(any::<u8>(), 0..600), cut in 1..100_usize) {
            let mut lines = Lines::default();
            let mut text: Vec<u8> = bytes.chunks(cut).flat_map(|piece| lines.push(piece)).collect();
            text.extend(lines.finish());
            let text = String::from_utf8(text).unwrap();
            prop_assert!(text.lines().all(|line| line.len() <= 76));
            let joined: String = text.split("\r\n").collect();
            prop_assert_eq!(STANDARD.decode(joined).unwrap(), bytes);
        }
    }
}

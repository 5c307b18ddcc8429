//! Answers and events as XML text.

use std::fmt::Write as _;

use super::code::{Code, Fault};

/// What a request has come to.
pub(super) type Outcome = Result<Done, Fault>;

/// A request that was obeyed.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) code: Code,
    /// What it asked for, as elements.
    pub(super) data: Xml,
    /// Parameters that were sent and not used.
    pub(super) ignored: Vec<String>,
}

impl Done {
    /// Done, with this to tell.
    pub(super) fn with(code: Code, data: Xml) -> Self {
        Self { code, data, ignored: Vec::new() }
    }

    /// Done.
    pub(super) fn ok() -> Self {
        Self::with(Code::OK, Xml::default())
    }
}

/// How many parameters that were not used are named.
const MAX_NAMED: usize = 32;

/// The RESULT document, without the end of the message.
pub(super) fn result(request_id: &str, request_type: &str, outcome: &Outcome) -> String {
    let mut xml = Xml::default();
    xml.open("RESULT");
    xml.element("REQUESTID", request_id);
    xml.element("REQUESTTYPE", request_type);
    let (kind, code, message) = match outcome {
        Ok(done) => (done.code.label(), done.code, done.code.label().to_owned()),
        Err(fault) => ("ERROR", fault.code, format!("{}: {}", fault.code.label(), fault.what)),
    };
    xml.element("RESULTTYPE", kind);
    xml.element("RESULTCODE", &code.number().to_string());
    xml.element("RESULTMSG", &message);
    if let Ok(done) = outcome {
        xml.0.push_str(&done.data.0);
        if !done.ignored.is_empty() {
            let named = done.ignored.iter().take(MAX_NAMED).map(String::as_str).collect::<Vec<_>>();
            xml.element("IGNORED", &named.join(","));
        }
    }
    xml.close("RESULT");
    xml.0
}

/// XML in the making.
#[derive(Debug, Default)]
pub(super) struct Xml(pub(super) String);

impl Xml {
    pub(super) fn open(&mut self, name: &str) {
        // Writing into a String cannot fail.
        let _ = write!(self.0, "<{name}>");
    }

    pub(super) fn close(&mut self, name: &str) {
        let _ = write!(self.0, "</{name}>");
    }

    /// An element with a text.
    pub(super) fn element(&mut self, name: &str, text: &str) {
        self.open(name);
        self.text(text);
        self.close(name);
    }

    /// A text. What XML 1.0 cannot hold becomes U+FFFD; the end of a line stays within it, as clients read lines.
    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '\r' => self.0.push_str("&#13;"),
                '\n' => self.0.push_str("&#10;"),
                c if is_xml(c) => self.0.push(c),
                _ => self.0.push('\u{fffd}'),
            }
        }
    }
}

/// Whether XML 1.0 has such a character (its section 2.2).
pub(super) fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_test_is_the_documented_one() {
        let answer = result("1", "TEST", &Ok(Done::ok()));
        assert_eq!(
            answer,
            "<RESULT><REQUESTID>1</REQUESTID><REQUESTTYPE>TEST</REQUESTTYPE><RESULTTYPE>API_OK</RESULTTYPE>\
             <RESULTCODE>20</RESULTCODE><RESULTMSG>API_OK</RESULTMSG></RESULT>"
        );
    }

    #[test]
    fn an_error_has_its_word_its_number_and_its_label_with_more() {
        let fault = Fault::new(Code::DEVICE_INVALID, "no device \"<1>\u{1}\"");
        let answer = result("7", "CALLSTOP", &Err(fault));
        assert!(
            answer.contains(
                "<RESULTTYPE>ERROR</RESULTTYPE><RESULTCODE>8</RESULTCODE>\
                 <RESULTMSG>API_DEVICE_INVALID: no device \"&lt;1&gt;\u{fffd}\"</RESULTMSG>"
            ),
            "{answer}"
        );
    }

    #[test]
    fn no_text_ends_the_line_or_the_document() {
        let mut xml = Xml::default();
        xml.element("USER1", "a\r\n</USER1>&\u{0}\u{ffff}");
        assert_eq!(xml.0, "<USER1>a&#13;&#10;&lt;/USER1&gt;&amp;\u{fffd}\u{fffd}</USER1>");
    }
}

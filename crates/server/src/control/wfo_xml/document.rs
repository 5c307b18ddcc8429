//! One message as XML: a REQUEST whose elements are its parameters, and nothing deeper (F-XML-1).
//!
//! No document type, no entities but the five of XML, no characters that XML has not, two levels. Attributes are not looked
//! at.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, Event};

use super::answer::is_xml;
use super::code::Fault;
use super::parameters::Parameters;

/// Reads a message.
pub(super) fn read(bytes: &[u8]) -> Result<Parameters, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|bad| {
        Fault::format(format!("the message is not UTF-8 at byte {}; send it in UTF-8", bad.valid_up_to()))
    })?;
    let text = text.trim_start_matches('\u{feff}');
    if let Some((at, c)) = text.char_indices().find(|(_, c)| !is_xml(*c)) {
        let code = u32::from(c);
        return Err(Fault::format(format!("XML has no character {code:#x}, which stands at byte {at}")));
    }
    let mut reader = Reader::from_str(text);
    // "Angle brackets and symbols may misbehave" (wfo-api section 4.3): names such as `AT&T` come as they are.
    reader.config_mut().allow_dangling_amp = true;
    let mut request = Request::default();
    loop {
        let at = reader.buffer_position();
        let event = reader.read_event().map_err(|error| {
            Fault::format(format!("the message is no well-formed XML at byte {at}: {error}"))
        })?;
        match event {
            Event::Start(start) => request.open(start.name().as_ref())?,
            Event::Empty(start) => {
                request.open(start.name().as_ref())?;
                request.close()?;
            }
            Event::End(_) => request.close()?,
            Event::Text(text) => request.text(&text)?,
            Event::CData(data) => request.text(&data)?,
            Event::GeneralRef(reference) => request.text(&resolve(&reference)?)?,
            Event::DocType(_) => return Err(Fault::format("a message has no document type")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    if request.is_whole {
        Ok(request.parameters)
    } else {
        Err(Fault::format("the message ends within REQUEST"))
    }
}

#[derive(Default)]
struct Request {
    is_open: bool,
    is_whole: bool,
    /// The parameter whose element is open, and its text so far.
    parameter: Option<(String, String)>,
    parameters: Parameters,
}

impl Request {
    fn open(&mut self, name: &str) -> Result<(), Fault> {
        if let Some((outer, _)) = &self.parameter {
            return Err(Fault::format(format!("{} holds another element; a text is right", safe(outer))));
        }
        if self.is_open {
            self.parameter = Some((name.to_owned(), String::new()));
        } else if name.eq_ignore_ascii_case("REQUEST") && !self.is_whole {
            self.is_open = true;
        } else {
            return Err(Fault::format(format!("the document is {}, and must be one REQUEST", safe(name))));
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        match self.parameter.take() {
            Some((name, value)) => self.parameters.add(&name, value),
            None => {
                (self.is_open, self.is_whole) = (false, true);
                Ok(())
            }
        }
    }

    fn text(&mut self, text: &str) -> Result<(), Fault> {
        match &mut self.parameter {
            Some((_, value)) => value.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(Fault::format("there is text outside the elements of REQUEST")),
        }
        Ok(())
    }
}

fn resolve(reference: &BytesRef<'_>) -> Result<String, Fault> {
    let wrong = || {
        let what = "the message names a character or entity that XML has not; &amp; &lt; &gt; &quot; &apos; are there";
        Fault::format(what)
    };
    match reference.resolve_char_ref() {
        Ok(Some(c)) if is_xml(c) => Ok(c.to_string()),
        Ok(Some(_)) | Err(_) => Err(wrong()),
        Ok(None) => resolve_xml_entity(reference).map(str::to_owned).ok_or_else(wrong),
    }
}

/// A name as it may be repeated to the client.
pub(super) fn safe(name: &str) -> String {
    name.chars().take(64).map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(text: &str) -> String {
        read(text.as_bytes()).expect_err(text).what
    }

    #[test]
    fn names_know_no_case_and_no_order_and_values_are_texts() {
        let text = "<?xml version=\"1.0\" encoding=\"utf-8\"?><Request x='1'>\r\n<requestid> 7 </requestid><!-- a -->\
                    <User1>Smith &amp; <![CDATA[<Sons>]]> AT&T &#xe9;</User1><type>Test</type><USER2/></Request>\r\n";
        let mut parameters = read(text.as_bytes()).unwrap();
        assert_eq!(parameters.take("REQUESTID").as_deref(), Some("7"));
        assert_eq!(parameters.take("TYPE").as_deref(), Some("Test"));
        assert_eq!(parameters.take("USER1").as_deref(), Some("Smith & <Sons> AT&T \u{e9}"));
        assert_eq!(parameters.take("USER2"), None, "blank");
    }

    #[test]
    fn each_fault_says_what_is_wrong_and_repeats_no_value() {
        assert!(said("<TEST><REQUESTID>1</REQUESTID></TEST>").contains("the document is TEST"));
        assert!(said("<REQUEST><A><B>4111</B></A></REQUEST>").contains("A holds another element"));
        assert!(said("<REQUEST><A>4111</A><a>4111</a></REQUEST>").contains("A stands in it twice"));
        assert!(said("<REQUEST>4111</REQUEST>").contains("text outside"));
        assert!(said("<REQUEST><TYPE>TEST</REQUEST>").contains("no well-formed XML"));
        assert!(said("<REQUEST><TYPE>TEST</TYPE>").contains("ends within REQUEST"));
        assert!(said("<REQUEST></REQUEST><REQUEST></REQUEST>").contains("one REQUEST"));
        assert!(said("<REQUEST><A>&x;</A></REQUEST>").contains("entity"));
        assert!(said("<REQUEST><A>&#0;</A></REQUEST>").contains("character"));
        assert!(said("<REQUEST><A>\u{1}</A></REQUEST>").contains("character 0x1"));
        assert!(said("<!DOCTYPE a><REQUEST></REQUEST>").contains("document type"));
        let latin = read(b"<REQUEST><USER1>\xe9</USER1></REQUEST>").unwrap_err();
        assert!(latin.what.contains("not UTF-8 at byte 16"), "{latin:?}");
        for text in ["<REQUEST><A><B>4111</B></A></REQUEST>", "<REQUEST><A>4111</A><a>4111</a></REQUEST>"] {
            assert!(!said(text).contains("4111"));
        }
    }

    #[test]
    fn deep_nesting_and_many_elements_are_refused_early() {
        let deep = format!("<REQUEST>{}", "<a>".repeat(10_000));
        assert!(said(&deep).contains("holds another element"));
        let many: String = (0..10_000).map(|n| format!("<a{n}/>")).collect();
        assert!(said(&format!("<REQUEST>{many}</REQUEST>")).contains("more than"));
    }

    proptest! {
        #[test]
        fn any_near_request_is_read_or_refused_and_answered_with_one_line(
            text in "<REQUEST>(<TYPE>CALLUPDATE</TYPE>)?(<REQUESTID>[0-9]{0,20}</REQUESTID>)?(<(DEVICEID|USER1|KEEPDAYS|\\PC{1,3})/?>|</(DEVICEID|USER1|KEEPDAYS)>|&(amp|#[0-9]{1,8}|x)?;?|<!\\[CDATA\\[|\\]\\]>|<!--|-->|\\PC){0,12}</REQUEST>",
            query in "(type=|requestid=|deviceid=|user1=|&|%[0-9a-f]{2}|\\PC){0,12}",
        ) {
            for answer in super::super::check_stream(text.as_bytes(), 5).into_iter().chain([super::super::check_query(&query)]) {
                prop_assert!(!answer.is_empty() && !answer.contains(['\r', '\n']), "{}", answer);
            }
        }
    }
}

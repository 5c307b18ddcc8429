//! SIP and its bodies.

use siprec::message::header::{CSeq, MinSe, NameAddr, Params, SessionExpires, SessionUuid, Via, list};
use siprec::message::{Frame, Framer, Message, parse};
use siprec::{body, excerpt, metadata, sdp};

/// What parses prints, and what was printed parses to the same.
pub(crate) fn message(input: &[u8]) {
    let Ok(first) = parse(input) else { return };
    let again = parse(&print(&first)).expect("what was printed parses");
    match (first, again) {
        (Message::Request(first), Message::Request(again)) => {
            assert_eq!((first.method, first.uri, first.body), (again.method, again.uri, again.body));
        }
        (Message::Response(first), Message::Response(again)) => {
            assert_eq!((first.status, first.body), (again.status, again.body));
        }
        (first, again) => panic!("{first:?} became {again:?}"),
    }
}

fn print(message: &Message) -> Vec<u8> {
    match message {
        Message::Request(request) => request.to_bytes(),
        Message::Response(response) => response.to_bytes(),
    }
}

/// A stream is cut into the same messages however it arrives: whole, or in pieces (the input says where).
pub(crate) fn split(input: &[u8]) {
    let Some((&step, stream)) = input.split_first() else { return };
    let whole = frames([stream]);
    let pieces = frames(stream.chunks(usize::from(step) + 1));
    assert_eq!(whole, pieces, "in pieces of {}", usize::from(step) + 1);
}

/// The frames of a stream, and whether it broke.
fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Frame>, bool) {
    let mut framer = Framer::default();
    let mut frames = Vec::new();
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

/// A message's body in parts, by the headers of the message.
pub(crate) fn mime(input: &[u8]) {
    let (content_type, disposition, bytes) = match parse(input) {
        Ok(Message::Request(request)) => {
            let header = |name| request.headers.get(name).map(str::to_owned);
            (header("Content-Type"), header("Content-Disposition"), request.body)
        }
        _ => (Some("multipart/mixed;boundary=\"b\"".to_owned()), None, input.to_vec()),
    };
    if let Ok(parts) = body::split(content_type.as_deref(), disposition.as_deref(), &bytes) {
        let found = parts.sdp.map_or(0, |part| part.len()) + parts.metadata.map_or(0, |part| part.len());
        assert!(found <= bytes.len(), "parts are no bigger than the body");
    }
}

/// A description reads, and reading it twice gives the same.
pub(crate) fn sdp(input: &[u8]) {
    let Ok(offer) = sdp::Description::parse(input) else { return };
    assert_eq!(offer.labels().len(), offer.lines.len());
    assert_eq!(sdp::Description::parse(input).ok(), Some(offer));
}

/// A message that may be kept holds no key (A10-05), and no more than its limit.
pub(crate) fn excerpted(input: &[u8]) {
    let sdp = excerpt::excerpt_sdp(input);
    let message = parse(input).map(|message| excerpt::excerpt(&message)).unwrap_or_default();
    for text in [sdp, message] {
        assert!(text.len() <= excerpt::MAX_TEXT_BYTES + 32, "{} bytes", text.len());
        for (at, key) in text.to_ascii_lowercase().match_indices("inline:") {
            assert!(text[at + key.len()..].starts_with(excerpt::LEFT_OUT), "a key is left: {text}");
        }
    }
}

/// What is read of a document survives being printed; printing drops what no document may hold, and then settles.
pub(crate) fn metadata(input: &[u8]) {
    let Ok(document) = metadata::parse(input) else { return };
    let print_again = |printed: &[u8]| {
        let document = metadata::parse(printed).expect("what was printed parses");
        metadata::print(&document)
    };
    let second = print_again(&metadata::print(&document));
    assert_eq!(String::from_utf8_lossy(&print_again(&second)), String::from_utf8_lossy(&second));
}

/// Header values: what is read and printed reads to the same.
pub(crate) fn header(input: &[u8]) {
    let Some((&kind, value)) = input.split_first() else { return };
    let text = String::from_utf8_lossy(value);
    let text = text.as_ref();
    match kind % 7 {
        0 => settles(text, Via::parse),
        1 => settles(text, NameAddr::parse),
        2 => settles(text, CSeq::parse),
        3 => settles(text, SessionExpires::parse),
        4 => settles(text, |text| SessionUuid::parse(text).ok_or("no UUID")),
        5 => settles(text, |text| Ok(Params::parse(text))),
        _ => {
            let _ = MinSe::parse(text);
            let _ = siprec::message::uri::Uri::parse(text);
            let elements: Vec<&str> = list::split(text).collect();
            assert_eq!(list::split(&elements.join(",")).collect::<Vec<_>>(), elements);
        }
    }
}

/// A value that was read, printed and read again prints the same from then on.
fn settles<T: std::fmt::Display>(text: &str, parse: impl Fn(&str) -> Result<T, &'static str>) {
    let Ok(first) = parse(text) else { return };
    let printed = first.to_string();
    let again = parse(&printed).unwrap_or_else(|why| panic!("{printed:?} was printed: {why}"));
    assert_eq!(again.to_string(), printed, "{text:?}");
}

/// An offer and our answer to it: the same lines in the same order, and the answer reads (A2-01, A2-06).
pub(crate) fn answer(input: &[u8]) {
    let Ok(offer) = sdp::Description::parse(input) else { return };
    let plan = sdp::plan(&offer, &sdp::Policy::default());
    let origin = sdp::Origin { session_id: 1, version: 1, address: [192, 0, 2, 1].into() };
    let key = Some(sdp::MasterKey::new(vec![7; 30]));
    let media = vec![Some(sdp::LocalMedia { rtp_port: 20_000, rtcp_port: 20_001, key }); offer.lines.len()];
    let printed = sdp::print_answer(&offer, &plan, &origin, &media);
    let answer = sdp::Description::parse(&printed)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&printed)));
    assert_eq!(answer.lines.len(), offer.lines.len());
    for ((planned, offered), answered) in plan.lines.iter().zip(&offer.lines).zip(&answer.lines) {
        let is_accepted = matches!(planned.verdict, sdp::Verdict::Accepted(_));
        assert_eq!(is_accepted, answered.port != 0, "{offered:?} {answered:?}");
        assert!(!is_accepted || offered.port != 0, "port 0 is answered with port 0: {offered:?}");
    }
}

/// An answer to a challenge never lets anybody in who does not know the password, and what is read of it can be printed.
pub(crate) fn digest(input: &[u8]) {
    use siprec::digest::{Credentials, Judgement, Verifier, Words};
    let Ok(text) = core::str::from_utf8(input) else { return };
    let credentials = Credentials::of_password("sbc", "sidetone", "secret");
    let judgement = Verifier::new([7; 32]).judge(siprec::Now::ZERO, &credentials, "INVITE", text);
    assert_eq!(judgement, Judgement::Wrong);
    if let Some(words) = Words::parse(text) {
        assert!(words.get("response").is_none_or(|response| response.len() <= text.len()));
    }
}

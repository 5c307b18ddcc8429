//! Ten thousand messages by the grammar of RFC 3261, valid in every odd way it allows, half of them with one rule broken
//! (E2-26): the valid ones are understood, the broken ones are answered or counted, and nothing else happens.

use crate::peer::{Recorder, peer, sdp};

/// Numbers that repeat for a seed (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

/// Blank where blank may be: none, some, or a fold.
fn sws(numbers: &mut Numbers) -> &'static str {
    numbers.pick(&["", "", " ", "\t", "  ", " \r\n ", "\r\n\t"])
}

fn lws(numbers: &mut Numbers) -> &'static str {
    numbers.pick(&[" ", " ", "\t", "  \t", " \r\n ", "\r\n\t \t"])
}

/// `token` of section 25.1.
fn token(numbers: &mut Numbers) -> String {
    let alphabet = b"abcXYZ0189-.!%*_+`'~";
    (0..1 + numbers.below(12)).map(|_| char::from(alphabet[numbers.below(alphabet.len())])).collect()
}

fn quoted(numbers: &mut Numbers) -> String {
    let inside = numbers.pick(&[
        "",
        "plain",
        "\\\"",
        "\\\\",
        "a, b; c <d>",
        "\u{5d0}\u{4e16}\u{1f3a7}",
        "tab\there",
        "a=b?",
    ]);
    format!("\"{inside}\"")
}

fn params(numbers: &mut Numbers) -> String {
    (0..numbers.below(4))
        .map(|at| {
            let value = match numbers.below(4) {
                0 => String::new(),
                1 => format!("{}={}{}", sws(numbers), sws(numbers), quoted(numbers)),
                _ => format!("={}", token(numbers)),
            };
            // Names differ, as they must (section 7.3.1).
            format!("{};{}x{at}{}{value}", sws(numbers), sws(numbers), token(numbers))
        })
        .collect()
}

fn uri(numbers: &mut Numbers) -> String {
    let user = numbers.pick(&["", "a@", "%61%00@", "a;b=c@", "+1-555-0100@", "a&b=c+d$e,f?g/h@", "a:pw@"]);
    let host =
        numbers.pick(&["example.com", "192.0.2.1", "[2001:db8::1]", "a-b.example.com.", "192.0.2.1:5061"]);
    let tail = numbers.pick(&["", ";lr", ";transport=udp", ";x=%2F;y", ";user=phone"]);
    format!("{}:{user}{host}{tail}", numbers.pick(&["sip", "sips", "SIP", "sIp"]))
}

fn address(numbers: &mut Numbers, tag: &str) -> String {
    let name = match numbers.below(4) {
        0 => String::new(),
        1 => format!("{} {}{}", token(numbers), token(numbers), lws(numbers)),
        _ => format!("{}{}", quoted(numbers), sws(numbers)),
    };
    format!("{name}<{}>{tag}{}", uri(numbers), params(numbers))
}

/// A header line in one of its spellings.
fn line(numbers: &mut Numbers, names: &[&str], value: &str) -> String {
    let name: String = numbers
        .pick(names)
        .chars()
        .map(|c| if numbers.below(3) == 0 { c.to_ascii_uppercase() } else { c })
        .collect();
    let before = numbers.pick(&["", "", " ", "\t"]);
    format!("{name}{before}:{}{value}\r\n", lws(numbers))
}

/// The lines of a valid request outside of any dialog, the essential ones first.
fn lines(numbers: &mut Numbers, method: &str, number: usize) -> Vec<String> {
    let via = format!(
        "SIP{0}/{0}2.0{0}/{0}UDP{1}198.51.100.11{2};branch=z9hG4bK{number}{3}",
        numbers.pick(&["", " "]),
        lws(numbers),
        numbers.pick(&["", ":5060"]),
        params(numbers)
    );
    let tag = format!(";tag={}", token(numbers));
    let from = address(numbers, &tag);
    let to = address(numbers, "");
    let (call_id, cseq) = (
        format!("{number}{}@x", token(numbers)),
        format!("{}{}{method}", numbers.below(99_999), lws(numbers)),
    );
    let mut lines = vec![
        line(numbers, &["Via", "v"], &via),
        line(numbers, &["From", "f"], &from),
        line(numbers, &["To", "t"], &to),
        line(numbers, &["Call-ID", "i"], &call_id),
        line(numbers, &["CSeq"], &cseq),
    ];
    let hops = numbers.below(256).to_string();
    lines.push(line(numbers, &["Max-Forwards"], &hops));
    for _ in 0..numbers.below(5) {
        let (name, value) = (
            format!("X-{}", token(numbers)),
            numbers.pick(&["", ";;,,;", "\u{43d}\u{43e}", "a\r\n b", "\"x"]),
        );
        lines.push(line(numbers, &[&name], value));
    }
    lines
}

/// A message, and how its essential line was broken, if it was.
fn message(numbers: &mut Numbers, number: usize) -> (String, &'static str, Option<&'static str>) {
    let method = numbers.pick(&["OPTIONS", "INVITE", "REGISTER", "MESSAGE", "JUMP"]);
    let mut head = lines(numbers, method, number);
    let essential = numbers.below(5);
    let name = ["Via", "From", "To", "Call-ID", "CSeq"][essential];
    let broken = (numbers.below(2) == 0).then(|| {
        let repeated = head[essential].clone();
        // A Call-ID may hold brackets and quotes that do not match.
        let faults: &[&str] = if name == "Call-ID" { &["", " a b"] } else { &["", " <", " \"", " \"x\" <"] };
        match numbers.below(if name == "Via" { 2 } else { 3 }) {
            0 => drop(head.remove(essential)),
            1 => head[essential] = format!("{name}:{}\r\n", numbers.pick(faults)),
            _ => head.push(repeated),
        }
        name
    });
    // The order of lines is free.
    for at in (1..head.len()).rev() {
        head.swap(at, numbers.below(at + 1));
    }
    // That of the Vias is not; and where the first is broken, a second would be the first.
    if broken != Some("Via") && numbers.below(3) == 0 {
        let second = "SIP/2.0/TCP b.example.com;branch=z9hG4bKb, SIP/2.0/UNKNOWN c.example.com";
        head.push(line(numbers, &["Via", "v"], second));
    }
    let mut body = String::new();
    if method == "INVITE" {
        body = sdp(1, "sendonly", 30_000);
        head.push(
            "Contact: <sip:src@198.51.100.11:5060>;+sip.src\r\nRequire: siprec\r\nc: application/sdp\r\n"
                .into(),
        );
    }
    let length = body.len().to_string();
    head.push(line(numbers, &["Content-Length", "l"], &length));
    let start = format!("{method} sip:recorder@203.0.113.10 SIP/2.0\r\n");
    (format!("{start}{}\r\n{body}", head.concat()), method, broken)
}

#[test]
fn ten_thousand_messages_by_the_grammar_are_understood_or_refused_as_they_deserve() {
    let mut numbers = Numbers(0x4475);
    let mut taken = 0;
    for number in 0..10_000 {
        let (text, method, broken) = message(&mut numbers, number);
        let mut recorder = Recorder::strict();
        let before = recorder.endpoint.counters();
        recorder.udp_from(peer(), &text);
        let finals: Vec<u16> = recorder
            .responses()
            .iter()
            .map(|response| response.status)
            .filter(|status| *status >= 200)
            .collect();
        let dropped = recorder.endpoint.counters().unreadable_dropped - before.unreadable_dropped;
        assert_eq!(finals.len() as u64 + dropped, 1, "{number}: {finals:?}, {dropped} dropped\n{text}");
        let expected = match (broken, method) {
            (Some(_), _) => [400].as_slice(),
            (None, "REGISTER" | "MESSAGE") => &[405],
            (None, "JUMP") => &[501],
            (None, _) => &[200],
        };
        let is_dropped = broken.is_some() && finals.is_empty();
        assert!(is_dropped || finals == expected, "{number}: {broken:?} {finals:?}\n{text}");
        taken += recorder.endpoint.sessions().count();
    }
    assert!(taken > 500, "{taken} recording sessions among them");
}

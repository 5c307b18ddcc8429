//! Files and bodies that people write.

use calls::schedule::hours::Civil;
use calls::time::Wall;

/// An agents file is read whole, or refused at lines that exist.
pub(crate) fn agents_file(input: &[u8]) {
    match calls::agents_file::parse(input) {
        Ok(agents) => assert!(agents.len() <= calls::agents_file::MAX_AGENTS),
        Err(error) => {
            let lines = input.split(|&byte| byte == b'\n' || byte == b'\r').count() as u64;
            assert!(!error.faults.is_empty());
            for fault in &error.faults {
                assert!(
                    (1..=lines + 1).contains(&fault.line) && !fault.what.is_empty(),
                    "{error} of {lines} lines"
                );
            }
        }
    }
}

/// A list of leaked passwords after the digits that are looked for: what reading it line by line finds is found, if it is a list in
/// order, and any other is searched to an end.
pub(crate) fn hash_list(input: &[u8]) {
    let Some((wanted, list)) = input.split_first_chunk::<40>() else { return };
    let found = sidetone::identity::find_hash(&list, wanted);
    let checked = sidetone::identity::check_hashes(&list);
    let text = list.strip_suffix(b"\n").unwrap_or(list);
    let lines = text.split(|byte| *byte == b'\n').map(|line| line.split_first_chunk::<40>());
    let lines: Option<Vec<_>> = lines.collect();
    let Some(lines) = lines else { return };
    let is_count = |rest: &[u8]| matches!(rest, [b':', count @ ..] if (1..=18).contains(&count.len()) && count.iter().all(u8::is_ascii_digit));
    let is_good = |(digits, rest): &(&[u8; 40], &[u8])| {
        digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F')) && is_count(rest)
    };
    if lines.iter().all(is_good) && lines.is_sorted_by(|one, other| one.0 < other.0) {
        assert!(checked.is_ok(), "{checked:?}");
        let there = lines.iter().any(|(digits, _)| *digits == wanted);
        assert_eq!(found.expect("it is a list").is_some(), there);
    }
}

/// The parameters of a command, in the URI and in a body of either form: taken, or refused with a sentence.
pub(crate) fn wfo_json(input: &[u8]) {
    let Some((&form, body)) = input.split_first() else { return };
    let answers = [
        sidetone::control::check_parameters("", form % 2 == 1, body),
        sidetone::control::check_parameters(&String::from_utf8_lossy(body), false, b""),
    ];
    for sentence in answers.into_iter().filter_map(Result::err) {
        assert!(!sentence.trim().is_empty());
    }
}

/// A stream of XML messages is cut the same however it is parted, and each is answered with one line; so is a query.
pub(crate) fn wfo_xml(input: &[u8]) {
    let Some((&step, stream)) = input.split_first() else { return };
    let whole = sidetone::control::check_stream(stream, usize::MAX);
    assert_eq!(whole, sidetone::control::check_stream(stream, usize::from(step % 16) + 1));
    let query = sidetone::control::check_query(&String::from_utf8_lossy(stream));
    // Thousands of messages fit into one input, and each has an answer that is longer.
    let answers = whole.iter().filter(|answer| answer.starts_with("<RESULT>")).take(64);
    for answer in answers.chain([&query]) {
        assert!(answer.ends_with("</RESULT>") && !answer.contains(['\r', '\n']));
        assert_eq!(
            sidetone::control::check_stream(answer.as_bytes(), 7).len(),
            1,
            "an answer is one message"
        );
    }
}

/// A settings file is read, or refused with a sentence.
pub(crate) fn settings(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Err(sentence) = sidetone::config::File::parse(&text) {
        assert!(!sentence.trim().is_empty());
    }
}

/// A WAV file that somebody wants played is read, or refused; all its channels are as long as each other.
pub(crate) fn wav(input: &[u8]) {
    match audio::file::wav::read(input) {
        Ok(sound) => {
            let frames = sound.channels.first().map_or(0, Vec::len);
            assert!(sound.channels.iter().all(|channel| channel.len() == frames));
            assert!(frames <= input.len());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// How a schedule chooses and for which calls, as JSON: refused, or read back as it is written, and asked of a call.
pub(crate) fn schedule(input: &[u8]) {
    use calls::schedule::{Kind, MatchRule, Traits};
    if let Ok(kind) = serde_json::from_slice::<Kind>(input) {
        let text = serde_json::to_vec(&kind).expect("it can be written");
        assert_eq!(serde_json::from_slice::<Kind>(&text).expect("it reads back"), kind);
    }
    let Ok(rule) = serde_json::from_slice::<MatchRule>(input) else { return };
    let text = serde_json::to_vec(&rule).expect("it can be written");
    assert_eq!(serde_json::from_slice::<MatchRule>(&text).expect("it reads back"), rule);
    let call = Traits {
        gate: "Billing".to_owned(),
        ani: "+15550100".to_owned(),
        dnis: String::from_utf8_lossy(input).into_owned(),
        ..Traits::default()
    };
    let failed = rule.first_failed(&call, || Civil::in_utc("UTC", Wall::EPOCH));
    assert!(failed.is_none_or(|sentence| !sentence.is_empty()));
}

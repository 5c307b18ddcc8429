//! Times, as people write them.

use calls::time::Wall;

/// An instant (RFC 3339).
pub(super) fn instant(text: &str) -> Result<Wall, String> {
    let wrong = || format!("\"{text}\" is no time: say it as 2026-03-02T09:00:00Z");
    crate::control::time::parse_rfc3339(text).ok_or_else(wrong)
}

/// Seconds, or minutes and seconds, as milliseconds.
pub(super) fn milliseconds(text: &str) -> Result<u64, String> {
    let wrong =
        || format!("\"{text}\" is no time in a recording: say seconds, as 12.5, or minutes:seconds, as 1:02");
    let (minutes, seconds) = match text.split_once(':') {
        Some((minutes, seconds)) => (minutes.parse::<u32>().map_err(|_| wrong())?, seconds),
        None => (0, text),
    };
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || part.len() > 3 {
        return Err(wrong());
    }
    let seconds: u32 = whole.parse().map_err(|_| wrong())?;
    let part: u64 = format!("{part:0<3}").parse().map_err(|_| wrong())?;
    Ok((u64::from(minutes) * 60 + u64::from(seconds)) * 1_000 + part)
}

/// Minutes, seconds and their thousandths.
pub(super) fn clock(ms: u64) -> String {
    format!("{}:{:02}.{:03}", ms / 60_000, ms / 1_000 % 60, ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, ms) in
            [("0", 0), ("12.5", 12_500), ("1:02", 62_000), ("61:02.125", 3_662_125), ("7.05", 7_050)]
        {
            assert_eq!(milliseconds(text), Ok(ms), "{text}");
        }
        for text in ["", ":", "1:", "-1", "1.2345", "1:02:03", "ten", "1,5", "99999999999"] {
            let wrong = milliseconds(text).unwrap_err();
            assert!(wrong.contains("say seconds, as 12.5, or minutes:seconds"), "{wrong}");
        }
        assert_eq!(clock(3_662_125), "61:02.125");
    }
}

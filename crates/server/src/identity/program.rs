//! What somebody logs in with, so that they know it again among their logins. It is what programs say of themselves, and proves
//! nothing.

/// The longest name that is kept of a program that is no browser we know.
const NAME_MAX_CHARS: usize = 40;

/// Browsers by what they say (RFC 9110 section 10.1.5). Each says that it is those after it too.
const BROWSERS: [(&str, &str); 6] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// Systems, likewise.
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// Names a program by its `User-Agent`; `unknown` if that says nothing.
pub(super) fn named(said: &str) -> String {
    let known = |names: &[(&str, &'static str)]| {
        names.iter().find(|(mark, _)| said.contains(mark)).map(|(_, name)| *name)
    };
    match (known(&BROWSERS), known(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, _) => {
            let first = said.split(['/', ' ']).next().unwrap_or_default();
            let plain =
                first.chars().filter(|c| c.is_ascii_graphic()).take(NAME_MAX_CHARS).collect::<String>();
            if plain.is_empty() { "unknown".to_owned() } else { plain }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_named_as_people_call_them() {
        for (said, name) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
                "Safari on macOS",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            ("curl/8.14.1", "curl"),
            ("", "unknown"),
            ("/1.0", "unknown"),
            ("<b>\u{202e}x/1", "<b>x"),
        ] {
            assert_eq!(named(said), name, "{said}");
        }
        assert_eq!(named(&"x".repeat(4_000)).len(), NAME_MAX_CHARS);
    }
}

//! The log, on standard error: one event, one line, whatever somebody has managed to have written into it (F-LOG-1).

use std::io::{IsTerminal as _, Result, Stderr, Write};

use super::plain;

/// Starts the log; what `RUST_LOG` does not say is as `default` has it.
pub(super) fn start(default: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let colours = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours);
    // A second start in one process, as in tests, changes nothing.
    let _ = log.with_writer(move || OneLine { to: std::io::stderr(), colours }).try_init();
}

/// Gets each event at once, with its line's end, and lets no other control character through.
struct OneLine<W = Stderr> {
    to: W,
    /// Whether escape sequences are ours, for colours.
    colours: bool,
}

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> Result<usize> {
        let (line, end) = event.strip_suffix(b"\n").map_or((event, &b""[..]), |line| (line, &b"\n"[..]));
        let text = String::from_utf8_lossy(line);
        let steers = |c: char| {
            let of_colours = self.colours && c == '\u{1b}';
            plain::steers(c) && c != '\t' && !of_colours
        };
        self.to.write_all(plain::without(&text, steers).as_bytes())?;
        self.to.write_all(end)?;
        Ok(event.len())
    }

    fn flush(&mut self) -> Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(event: &str, colours: bool) -> String {
        let mut log = OneLine { to: Vec::new(), colours };
        log.write_all(event.as_bytes()).unwrap();
        String::from_utf8(log.to).unwrap()
    }

    #[test]
    fn an_event_is_one_line_whatever_stands_in_it() {
        assert_eq!(written("INFO a call\n", false), "INFO a call\n");
        let forged = "INFO Kim\r\n2026 ERROR forged\u{1b}[2K\u{202e}\u{2028}x\u{85}\n";
        let said = "INFO Kim\\r\\n2026 ERROR forged\\u{1b}[2K\\u{202e}\\u{2028}x\\u{85}\n";
        assert_eq!(written(forged, false), said);
        assert_eq!(written("\u{1b}[32mINFO\u{1b}[0m a\nb\n", true), "\u{1b}[32mINFO\u{1b}[0m a\\nb\n");
        assert_eq!(written("Zoë\tthe rest", false), "Zoë\tthe rest");
    }
}

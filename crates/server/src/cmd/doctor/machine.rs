//! The machine: clock, open files, memory, programs beside.

use calls::time::Wall;

use super::report::Report;
use super::server::Running;
use crate::clock::{self, Clock};
use crate::config::Config;
use crate::observe::machine::{memory_limit_bytes, open_files_limit};
use crate::playback::Ffmpeg;
use crate::recorder::raise_open_files;

/// 2025-01-01: no machine with this program is older.
const TOO_EARLY: Wall = Wall::from_ms(1_735_689_600_000);

/// 2100-01-01.
const TOO_LATE: Wall = Wall::from_ms(4_102_444_800_000);

/// Files beside those of streams.
const OTHER_FILES: u64 = 256;

/// With fewer streams than this, a recorder is of little use.
const FEW_STREAMS: u64 = 100;

pub(super) fn look(report: &mut Report, config: &Config, running: Option<&Running>) {
    clock(report, Clock::start().now(), clock::is_synchronised());
    raise_open_files();
    let limit =
        running.and_then(|running| running.metric("sidetone_open_files_limit")).or(open_files_limit());
    open_files(report, limit.unwrap_or(u64::MAX), config.rtp_ports.pairs() as u64);
    if let Some(bytes) = config.limits.memory_bytes.or(memory_limit_bytes()) {
        let mib = bytes >> 20;
        if mib < 256 {
            report.warn("memory", format!("the recorder may take {mib} MiB"), "give it 256 MiB or more");
        } else {
            report.ok("memory", format!("the recorder may take {mib} MiB"));
        }
    }
    ffmpeg(report, &config.ffmpeg);
    passwords(report, config);
    confinement(report, nix::unistd::geteuid().is_root(), crate::cmd::confined::hides_files());
}

/// What new passwords are compared with.
fn passwords(report: &mut Report, config: &Config) {
    let said = match &config.passwords.leaked {
        Some(list) => format!(
            "new ones are compared with the list of leaked ones, {} MiB, and with the common ones",
            list.bytes().div_ceil(1 << 20)
        ),
        None => "new ones are compared with the common ones; login.leaked_passwords names a list of leaked ones, and none is named"
            .to_owned(),
    };
    report.ok("passwords", said);
}

/// Who could do harm with what.
fn confinement(report: &mut Report, as_root: bool, hides_files: bool) {
    if as_root {
        report.warn(
            "user",
            "this runs as root: a recorder that does so gives the machine away with itself",
            "give it a user of its own, as packaging/sidetone.service does",
        );
    } else {
        report.ok("user", "not root");
    }
    if !hides_files {
        report.warn(
            "decoder",
            "this kernel cannot hide files from ffmpeg (no Landlock): one that is broken into could read recordings and keys",
            "run Linux 5.13 or later with landlock among its security modules; network and memory are confined all the same",
        );
    }
}

fn clock(report: &mut Report, now: Wall, synchronised: Option<bool>) {
    let todo = "run a time service (chrony, systemd-timesyncd): times of recordings are evidence";
    if now < TOO_EARLY || now > TOO_LATE {
        return report.fail(
            "clock",
            "the system's date cannot be right",
            "set it, then start the recorder again",
        );
    }
    match synchronised {
        Some(true) => report.ok("clock", "the system's clock is kept by a time source"),
        Some(false) => {
            report.warn("clock", "the kernel says that the system's clock is not synchronised", todo)
        }
        None => report.warn("clock", "the kernel does not say whether its clock is synchronised", todo),
    }
}

fn open_files(report: &mut Report, limit: u64, port_pairs: u64) {
    let streams = (limit.saturating_sub(OTHER_FILES) / 2).min(port_pairs);
    let said = format!(
        "{limit} files may be open: {streams} streams at a time, where the media ports are enough for {port_pairs}"
    );
    let todo = "raise the limit: LimitNOFILE= in the systemd unit, or ulimit -n";
    if streams < FEW_STREAMS.min(port_pairs) {
        report.fail("open files", said, todo);
    } else if streams < port_pairs {
        report.warn("open files", said, todo);
    } else {
        report.ok("open files", said);
    }
}

fn ffmpeg(report: &mut Report, ffmpeg: &Ffmpeg) {
    match ffmpeg.version() {
        Some(version) => report.ok("ffmpeg", format!("{version} is installed: G.729 can be heard")),
        None => report.warn(
            "ffmpeg",
            "it is not installed: G.729 is recorded, and cannot be heard here",
            "install ffmpeg if an SBC sends G.729",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::doctor::report::State;

    #[test]
    fn a_clock_nobody_keeps_is_a_warning_and_an_absurd_one_a_failure() {
        let mut report = Report::default();
        let now = Wall::from_ms(1_800_000_000_000);
        clock(&mut report, now, Some(true));
        assert_eq!(report.last().state, State::Ok);
        clock(&mut report, now, Some(false));
        assert_eq!(report.last().state, State::Warning);
        assert!(report.last().said.contains("not synchronised"));
        clock(&mut report, Wall::from_ms(86_400_000), Some(true));
        assert_eq!(report.last().state, State::Failed);
    }

    #[test]
    fn a_low_limit_of_open_files_is_said_in_streams() {
        let mut report = Report::default();
        open_files(&mut report, 1_048_576, 5_000);
        assert_eq!(report.last().state, State::Ok);
        open_files(&mut report, 4_096, 5_000);
        assert_eq!(report.last().state, State::Warning);
        assert!(report.last().said.contains("1920 streams"), "{}", report.last().said);
        open_files(&mut report, 300, 5_000);
        assert_eq!(report.last().state, State::Failed);
    }
}

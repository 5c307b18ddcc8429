//! What the kernel says of a process: CPU time, memory, bytes written.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// CPU time of a process so far: all its threads, living and ended, user and system.
pub(crate) fn cpu(pid: u32) -> Duration {
    let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(pid).unwrap_or(0)));
    let time = clock.and_then(clock_gettime);
    time.map_or(Duration::ZERO, Duration::from)
}

/// CPU time of each living thread of a process, by the thread's name.
pub(crate) fn cpu_by_thread(pid: u32) -> BTreeMap<String, Duration> {
    let mut sums = BTreeMap::<String, Duration>::new();
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return sums };
    for thread in threads.flatten() {
        let name = read(&thread.path().join("comm")).trim().to_owned();
        // The first number of schedstat is the time on a core, in nanoseconds.
        let text = read(&thread.path().join("schedstat"));
        let ns = text.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0);
        *sums.entry(name).or_default() += Duration::from_nanos(ns);
    }
    sums
}

/// Resident memory, bytes.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let text = read(Path::new(&format!("/proc/{pid}/status")));
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}

/// Bytes the process has caused to be sent to the disk.
pub(crate) fn written_bytes(pid: u32) -> u64 {
    let text = read(Path::new(&format!("/proc/{pid}/io")));
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|line| line.parse().ok()).unwrap_or(0)
}

/// Bytes in all files under a folder.
pub(crate) fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let entries = entries.flatten().filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)));
    entries.map(|(path, meta)| if meta.is_dir() { folder_bytes(&path) } else { meta.len() }).sum()
}

/// The machine, for the head of a report.
pub(crate) fn machine() -> String {
    let cpu = read(Path::new("/proc/cpuinfo"));
    let of = |key: &str| {
        let line = cpu.lines().find(|line| line.starts_with(key));
        line.and_then(|line| line.split(": ").nth(1)).unwrap_or("?").to_owned()
    };
    let memory = read(Path::new("/proc/meminfo"));
    let kib = memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    let kernel = read(Path::new("/proc/sys/kernel/osrelease"));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read(Path::new("/proc/loadavg"));
    format!(
        "{} (family {}, model {}), {cores} cores, {} MiB, Linux {}, load before the run {}",
        of("model name"),
        of("cpu family"),
        of("model\t"),
        kib.unwrap_or(0) / 1_024,
        kernel.trim(),
        load.split(' ').next().unwrap_or("?"),
    )
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

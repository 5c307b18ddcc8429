//! What the process takes of the machine, and how much it may: read from `/proc` and the control group.

use nix::sys::resource::{Resource, getrlimit};

/// Of the memory there is, what the process may take unless told otherwise: four fifths.
const SHARE: (u64, u64) = (4, 5);

/// Memory the process takes, bytes.
pub fn memory_bytes() -> Option<u64> {
    kib_of(&std::fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// Memory the process may take, bytes: a share of what its control group or else the machine has.
pub fn memory_limit_bytes() -> Option<u64> {
    let group = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = group.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/").trim_end_matches('/');
    let read = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let machine = std::fs::read_to_string("/proc/meminfo").ok();
    let machine = machine.and_then(|meminfo| kib_of(&meminfo, "MemTotal:"));
    let found = [
        read(&format!("/sys/fs/cgroup{group}/memory.max")),
        read("/sys/fs/cgroup/memory.max"),
        read("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        machine,
    ];
    found.into_iter().flatten().min().map(|bytes| bytes / SHARE.1 * SHARE.0)
}

/// Bytes the process has had written to disks so far.
pub fn written_bytes() -> Option<u64> {
    let io = std::fs::read_to_string("/proc/self/io").ok()?;
    io.lines().find_map(|line| line.strip_prefix("write_bytes:"))?.trim().parse().ok()
}

/// Since when the machine runs, as a name of its own; empty if it does not tell.
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// Files the process has open.
pub fn open_files() -> Option<u64> {
    std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64)
}

/// Files the process may have open.
pub fn open_files_limit() -> Option<u64> {
    getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft)
}

/// A line of `/proc` such as `VmRSS:  1234 kB`, bytes.
fn kib_of(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_some_and_may_take_more() {
        let (taken, limit) = (memory_bytes().unwrap(), memory_limit_bytes().unwrap());
        assert!(taken > 0 && taken < limit, "{taken} of {limit}");
        assert!(open_files().unwrap() > 2 && open_files_limit().unwrap() > 2);
    }

    #[test]
    fn the_machine_says_its_memory_in_kib() {
        assert_eq!(kib_of("MemFree: 1 kB\nMemTotal:       16 kB\n", "MemTotal:"), Some(16_384));
        assert_eq!(kib_of("", "MemTotal:"), None);
    }
}

//! `sidetone confined PROGRAM`: becomes another program that can do nothing but read its input, compute, and write its
//! output. The recorder starts ffmpeg so; nobody types it.
//!
//! A decoder in C reads what strangers have sent (F-RTP-3). Whoever takes it over finds no network, no keys, no
//! recordings, no room to write, no second program, and an end to its time and memory. It is a start of our own because a
//! process may bind only itself, and between fork and exec nothing is safe to call.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, Scope,
};
use nix::sys::resource::{Resource, setrlimit};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

use super::Failure;

/// Seconds of one core: an hour of sound takes a few.
const CPU_S: u64 = 900;

/// Memory, with what libraries reserve and do not use.
const MEMORY_BYTES: u64 = 2 << 30;

/// Open files, libraries while they are loaded included.
const OPEN_FILES: u64 = 64;

/// Folders of programs and libraries. What is missing here is left out.
const PROGRAMS: [&str; 6] = ["/usr", "/bin", "/lib", "/lib64", "/nix/store", "/etc/ld.so.cache"];

/// What else programs read at their start; nothing in it is secret.
const READ: [&str; 5] =
    ["/dev/null", "/dev/urandom", "/etc/ld.so.conf", "/proc/cpuinfo", "/sys/devices/system/cpu"];

/// Arguments of `sidetone confined`.
#[derive(Debug, clap::Args)]
pub(super) struct Confined {
    /// The program, found as a shell would.
    program: PathBuf,
    /// Its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl Confined {
    pub(super) fn run(self) -> Result<(), Failure> {
        let program = found(&self.program);
        let none = |what: &'static str| {
            move |error: &dyn std::fmt::Display| format!("{what} cannot be set: {error}")
        };
        limit().map_err(|error| none("limits")(&error))?;
        nix::sys::prctl::set_no_new_privs().map_err(|error| none("its privileges")(&error))?;
        see_nothing_but(&program).map_err(|error| none("what it sees")(&error))?;
        let filter = without_network().map_err(|error| none("its system calls")(&error))?;
        seccompiler::apply_filter(&filter).map_err(|error| none("its system calls")(&error))?;
        let error = Command::new(&program).args(self.arguments).exec();
        Err(format!("{} cannot be started: {error}", program.display()))
    }
}

/// The file that a name in the `PATH` means.
fn found(program: &Path) -> PathBuf {
    if program.components().count() > 1 {
        return program.to_owned();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&folders).map(|folder| folder.join(program));
    places.find(|place| place.is_file()).unwrap_or_else(|| program.to_owned())
}

fn limit() -> nix::Result<()> {
    for (resource, most) in [
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_FSIZE, 0),
        (Resource::RLIMIT_CPU, CPU_S),
        (Resource::RLIMIT_AS, MEMORY_BYTES),
        (Resource::RLIMIT_NOFILE, OPEN_FILES),
    ] {
        setrlimit(resource, most, most)?;
    }
    Ok(())
}

/// Programs may be read and run, and nothing else be seen. A kernel that cannot hold to all of it holds to what it can;
/// `sidetone doctor` says so.
fn see_nothing_but(program: &Path) -> Result<(), RulesetError> {
    let abi = ABI::V6;
    let (run, read) = (AccessFs::from_read(abi), AccessFs::ReadFile | AccessFs::ReadDir);
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?;
    let programs = PROGRAMS.iter().map(Path::new).chain([program]).map(|path| (path, run));
    for (path, access) in programs.chain(READ.iter().map(|path| (Path::new(path), read))) {
        let Ok(place) = PathFd::new(path) else { continue };
        let access = if path.is_dir() { access } else { access & AccessFs::from_file(abi) };
        rules = rules.add_rule(PathBeneath::new(place, access))?;
    }
    rules.restrict_self().map(drop)
}

/// Whether this kernel hides files from a confined program.
pub(super) fn hides_files() -> bool {
    let rules = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    rules.handle_access(AccessFs::from_all(ABI::V1)).and_then(Ruleset::create).is_ok()
}

/// Sockets of any kind, other processes and the kernel's less trodden paths answer EPERM.
fn without_network() -> Result<BpfProgram, seccompiler::BackendError> {
    let denied = [
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_getfd,
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_io_uring_setup,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_mount,
        libc::SYS_memfd_create,
        libc::SYS_shmget,
        libc::SYS_msgget,
    ];
    let rules = denied.into_iter().map(|call| (call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(u32::try_from(libc::EPERM).unwrap_or(1));
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?.try_into()
}

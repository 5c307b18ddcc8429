//! The files in `packaging/`, as systemd's own programs see them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sim::debian;

/// How exposed the service may be, in tenths of systemd's scale from 0 to 10; what it says of it is 12.
const EXPOSURE_TENTHS: &str = "15";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging")
}

fn systemd(program: &str, arguments: &[&str]) -> Output {
    Command::new(debian::program(program, "systemd")).args(arguments).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_service_can_be_loaded_and_gives_away_little() {
    let unit = std::fs::read_to_string(folder().join("sidetone.service")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sidetone.service");
    // What is started must be there.
    std::fs::write(&path, unit.replace("/usr/local/bin/sidetone", env!("CARGO_BIN_EXE_sidetone"))).unwrap();
    let path = path.to_str().unwrap();
    let loaded = systemd("systemd-analyze", &["verify", path]);
    assert!(loaded.status.success() && loaded.stderr.is_empty(), "{}", text(&loaded.stderr));
    let threshold = format!("--threshold={EXPOSURE_TENTHS}");
    let judged = systemd("systemd-analyze", &["security", "--offline=true", "--no-pager", &threshold, path]);
    assert!(judged.status.success(), "{}", text(&judged.stdout));
}

/// What systemd says of the service with this drop-in.
fn loaded_with(dropped: &str) -> Output {
    let unit = std::fs::read_to_string(folder().join("sidetone.service")).unwrap();
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("sidetone.service");
    std::fs::write(&path, unit.replace("/usr/local/bin/sidetone", env!("CARGO_BIN_EXE_sidetone"))).unwrap();
    std::fs::create_dir(root.path().join("sidetone.service.d")).unwrap();
    std::fs::write(root.path().join("sidetone.service.d/token.conf"), dropped).unwrap();
    systemd("systemd-analyze", &["verify", path.to_str().unwrap()])
}

#[test]
fn what_a_token_needs_can_be_loaded_whatever_of_it_is_wanted() {
    let dropped = std::fs::read_to_string(folder().join("token.conf")).unwrap();
    // A line that is commented out has no blank behind its mark.
    let is_off = |line: &&str| line.starts_with('#') && !line.starts_with("# ");
    let off: Vec<&str> = dropped.lines().filter(is_off).collect();
    assert!(off.iter().any(|line| line.starts_with("#DeviceAllow=")), "{off:?}");
    assert!(off.iter().any(|line| line.starts_with("#ReadWritePaths=")), "{off:?}");
    let all = off.iter().fold(dropped.clone(), |text, line| text.replace(line, &line[1..]));
    for wanted in [&dropped, &all] {
        assert!(wanted.lines().any(|line| line == "RestrictAddressFamilies=AF_UNIX"), "{wanted}");
        let loaded = loaded_with(wanted);
        assert!(loaded.status.success() && loaded.stderr.is_empty(), "{}", text(&loaded.stderr));
    }
    let wrong = loaded_with(&dropped.replace("AF_UNIX", "AF_NOTHING"));
    assert!(text(&wrong.stderr).contains("AF_NOTHING"), "a drop-in is read: {}", text(&wrong.stderr));
}

#[test]
fn the_user_and_the_folder_of_settings_can_be_made() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("etc")).unwrap();
    let at = format!("--root={}", root.path().display());
    let made = systemd("systemd-sysusers", &[&at, folder().join("sysusers.conf").to_str().unwrap()]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let users = std::fs::read_to_string(root.path().join("etc/passwd")).unwrap();
    let user = users.lines().find(|line| line.starts_with("sidetone:")).expect("the user of the service");
    assert!(user.ends_with("/nologin"), "{user}");
    let named = std::fs::read_to_string(folder().join("tmpfiles.conf")).unwrap();
    assert!(named.lines().any(|line| line == "d /etc/sidetone 0750 root sidetone -"), "{named}");
}

//! baresip (Debian's `baresip-core`): a phone with a voice.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{PATIENCE, Running, free_port};
use crate::debian;

/// A phone that talks to somebody, for a while.
#[derive(Debug)]
pub struct Baresip {
    running: Running,
}

impl Baresip {
    /// Has the phone of `number` call `to` through `proxy`, say what is in the WAV file `voice`, and hang up after so
    /// many seconds. With `codec` as SDP names it, such as `PCMA`.
    ///
    /// # Panics
    /// When it is not installed, or cannot be run.
    pub fn call(
        folder: &Path,
        number: &str,
        proxy: SocketAddr,
        voice: &Path,
        codec: &str,
        seconds: u32,
    ) -> Self {
        let home = folder.join("baresip");
        std::fs::create_dir_all(&home).expect("there is room");
        let write = |name: &str, text: String| std::fs::write(home.join(name), text).expect("there is room");
        let settings = SETTINGS
            .replace("{port}", &free_port().to_string())
            .replace("{voice}", &voice.display().to_string())
            .replace("{heard}", &home.join("heard.wav").display().to_string())
            .replace("{modules}", &modules().display().to_string());
        write("config", settings);
        write(
            "accounts",
            format!("<sip:{number}@127.0.0.1>;regint=0;outbound=\"sip:{proxy}\";audio_codecs={codec}\n"),
        );
        write("contacts", String::new());
        let mut command = Command::new(debian::program("baresip", "baresip-core"));
        command.arg("-f").arg(&home).args(["-e", &format!("/dial sip:recorder@{proxy}")]);
        command.args(["-t", &seconds.to_string()]);
        Self { running: Running::start("baresip", command, folder) }
    }

    /// Waits until it has hung up and ended, and gives what it said.
    ///
    /// # Panics
    /// When it does not end.
    pub fn wait(mut self) -> String {
        self.running.wait(PATIENCE + Duration::from_secs(10));
        self.running.said()
    }
}

/// Where Debian keeps its modules.
fn modules() -> PathBuf {
    PathBuf::from("/usr/lib/baresip/modules")
}

const SETTINGS: &str = "\
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
audio_source aufile,{voice}
audio_player aufile,{heard}
module_path {modules}
module g711.so
module aufile.so
module_tmp account.so
module_app menu.so
";

//! Kamailio: a SIP proxy between recording clients and the recorder, which has rtpengine relay their media.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use super::{Running, free_port, loopback};
use crate::debian;

/// How media is to reach the recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaProfile {
    /// In the clear.
    Avp,
    /// SRTP, with keys in SDP.
    Savp,
}

impl MediaProfile {
    fn as_str(self) -> &'static str {
        match self {
            Self::Avp => "RTP/AVP",
            Self::Savp => "RTP/SAVP SDES-off-AES_CM_128_HMAC_SHA1_32",
        }
    }
}

/// A proxy that runs.
#[derive(Debug)]
pub struct Kamailio {
    /// Where it is called, over UDP and TCP.
    pub sip: SocketAddr,
    running: Running,
}

impl Kamailio {
    /// Starts one that sends every call to `recorder`, which it reaches over `transport` (`udp` or `tcp`), its media
    /// through the rtpengine at `control`. A caller that is no recording client is marked as one.
    ///
    /// # Panics
    /// When it is not installed, or does not start.
    pub fn start(
        folder: &Path,
        recorder: SocketAddr,
        transport: &str,
        control: SocketAddr,
        profile: MediaProfile,
    ) -> Self {
        let sip = loopback(free_port());
        let settings = SETTINGS
            .replace("{sip}", &sip.to_string())
            .replace("{modules}", MODULES)
            .replace("{control}", &control.to_string())
            .replace("{recorder}", &format!("sip:{recorder};transport={transport}"))
            .replace("{profile}", profile.as_str());
        let path = folder.join("kamailio.cfg");
        std::fs::write(&path, settings).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut command = Command::new(debian::program("kamailio", "kamailio"));
        // In the foreground with its children, little memory, and nothing outside of the folder.
        command.args(["-DD", "-E", "-m", "64", "-M", "8", "-f"]).arg(&path);
        command.arg("-w").arg(folder).arg("-Y").arg(folder).arg("-P").arg(folder.join("kamailio.pid"));
        let mut running = Running::start("kamailio", command, folder);
        running.wait_until(|_| TcpStream::connect(sip).is_ok());
        Self { sip, running }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.running.said()
    }
}

/// Where Debian keeps its modules.
const MODULES: &str =
    "/usr/lib/x86_64-linux-gnu/kamailio/modules/:/usr/lib/aarch64-linux-gnu/kamailio/modules/";

const SETTINGS: &str = r#"#!KAMAILIO
debug=1
log_stderror=yes
children=2
tcp_children=2
auto_aliases=no
listen=udp:{sip}
listen=tcp:{sip}
mpath="{modules}"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "textopsx.so"
loadmodule "siputils.so"
loadmodule "rtpengine.so"
modparam("rtpengine", "rtpengine_sock", "udp:{control}")

request_route {
    if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (has_totag()) {
        loose_route();
        if (is_method("INVITE|UPDATE") && has_body("application/sdp")) route(MEDIA);
        if (is_method("BYE")) rtpengine_delete();
        t_relay();
        exit;
    }
    if (is_method("CANCEL")) { t_relay(); exit; }
    if (is_method("INVITE")) {
        if (!is_present_hf("Require")) { append_hf("Require: siprec\r\n"); msg_apply_changes(); }
        route(MEDIA);
    }
    record_route();
    $du = "{recorder}";
    t_relay();
}

route[MEDIA] {
    rtpengine_offer("replace-origin {profile}");
    t_on_reply("ANSWER");
}

onreply_route[ANSWER] {
    if (has_body("application/sdp")) rtpengine_answer("replace-origin RTP/AVP");
}
"#;

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

/// What stands behind the proxy, and how it is reached.
#[derive(Debug, Clone, Copy)]
pub struct Front<'a> {
    /// The recorder.
    pub recorder: SocketAddr,
    /// How it is reached: `udp`, `tcp` or `tls`.
    pub transport: &'a str,
    /// The rtpengine that relays media, where it takes commands, and how media is to come out of it.
    pub relay: Option<(SocketAddr, MediaProfile)>,
    /// What the proxy shows and believes over TLS.
    pub tls: Option<Shown<'a>>,
}

/// Files of TLS, PEM.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The certificate that is shown to the recorder.
    pub certificate: &'a Path,
    /// Its key.
    pub key: &'a Path,
    /// The authority of the recorder's certificate.
    pub ca: &'a Path,
}

/// A proxy that runs.
#[derive(Debug)]
pub struct Kamailio {
    /// Where it is called, over UDP and TCP.
    pub sip: SocketAddr,
    running: Running,
}

impl Kamailio {
    /// Starts one that sends every call to the recorder, and stays in the way of the dialog. A caller that is no
    /// recording client is marked as one.
    ///
    /// # Panics
    /// When it is not installed, or does not start.
    pub fn start(folder: &Path, front: Front<'_>) -> Self {
        let sip = loopback(free_port());
        let Front { recorder, transport, .. } = front;
        let (relay, offer, answer) = match front.relay {
            None => (String::new(), String::new(), ""),
            Some((control, profile)) => (
                RELAY.replace("{control}", &control.to_string()),
                format!("rtpengine_offer(\"replace-origin {}\");", profile.as_str()),
                "if (has_body(\"application/sdp\")) rtpengine_answer(\"replace-origin RTP/AVP\");",
            ),
        };
        let settings = SETTINGS
            .replace("{tls}", &front.tls.map(|shown| tls(folder, shown)).unwrap_or_default())
            .replace("{relay}", &relay)
            .replace("{offer}", &offer)
            .replace("{answer}", answer)
            .replace(
                "{delete}",
                if relay.is_empty() { "" } else { "if (is_method(\"BYE\")) rtpengine_delete();" },
            )
            .replace("{sip}", &sip.to_string())
            .replace("{modules}", MODULES)
            .replace("{recorder}", &format!("sip:{recorder};transport={transport}"));
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

/// Settings of TLS, and the file they name.
fn tls(folder: &Path, shown: Shown<'_>) -> String {
    let Shown { certificate, key, ca } = shown;
    let (certificate, key, ca) = (certificate.display(), key.display(), ca.display());
    let both =
        format!("method = TLSv1.2+\ncertificate = {certificate}\nprivate_key = {key}\nca_list = {ca}\n");
    let path = folder.join("tls.cfg");
    let text = format!("[server:default]\n{both}[client:default]\n{both}verify_certificate = yes\n");
    std::fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    TLS.replace("{listen}", &loopback(free_port()).to_string()).replace("{file}", &path.display().to_string())
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
{tls}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "textopsx.so"
loadmodule "siputils.so"
{relay}

request_route {
    if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (has_totag()) {
        loose_route();
        if (is_method("INVITE|UPDATE") && has_body("application/sdp")) route(MEDIA);
        {delete}
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
    {offer}
    t_on_reply("ANSWER");
}

onreply_route[ANSWER] {
    {answer}
    return;
}
"#;

const RELAY: &str = r#"loadmodule "rtpengine.so"
modparam("rtpengine", "rtpengine_sock", "udp:{control}")"#;

const TLS: &str = r#"enable_tls=yes
listen=tls:{listen}
loadmodule "tls.so"
modparam("tls", "config", "{file}")"#;

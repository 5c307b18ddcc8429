//! `sidetone serve`: run the recorder until it is told to stop.
//!
//! SIGINT ends every call. SIGTERM, which a service manager sends for a restart, leaves calls to the next start (A9-12).

use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, log, runtime};
use crate::config::{Config, Flags};
use crate::control::Heard;
use crate::recorder::Recorder;

/// Arguments of `sidetone serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    #[command(flatten)]
    flags: Flags,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        log::start("info");
        keep_out_of_dumps();
        let mut config = Config::load(&self.flags).map_err(|error| error.to_string())?;
        let own = std::env::current_exe()
            .map_err(|error| format!("where this program is cannot be found: {error}"))?;
        config.ffmpeg = config.ffmpeg.confined_by(own);
        if nix::unistd::geteuid().is_root() {
            tracing::warn!(
                "running as root: whoever breaks in owns the machine; give the recorder a user of its own, as \
                 packaging/sidetone.service does"
            );
        }
        runtime()?.block_on(serve(config))
    }
}

/// Sound and keys are in memory for a moment: no core file, and nobody else of this user looks into it (C2-05).
fn keep_out_of_dumps() {
    use nix::sys::resource::{Resource, setrlimit};
    let done = setrlimit(Resource::RLIMIT_CORE, 0, 0).and_then(|()| nix::sys::prctl::set_dumpable(false));
    if let Err(error) = done {
        tracing::warn!(%error, "what is in memory may be dumped when the recorder crashes");
    }
}

#[expect(clippy::print_stdout, reason = "the addresses are what the person who typed it waits for")]
async fn serve(config: Config) -> Result<(), Failure> {
    let data = config.data.clone();
    if let Some(why) = super::apart::is_of_two(&data)? {
        return Err(why);
    }
    let scheme = if config.http_tls.is_some() { "https" } else { "http" };
    let mut interrupted = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut terminated = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let recorder =
        Recorder::start_with(config, super::ask::person()).await.map_err(|error| error.to_string())?;
    println!(
        "sidetone records. SIP {} (UDP, TCP){}, HTTP {scheme}://{}{}, data in {}",
        recorder.sip.udp,
        recorder.sip.tls.map(|tls| format!(", {tls} (TLS)")).unwrap_or_default(),
        recorder.http,
        heard(&recorder.wfo_xml),
        data.display()
    );
    tokio::select! {
        _ = interrupted.recv() => {
            tracing::info!("stopping: calls are ended and recordings sealed");
            recorder.stop().await;
        }
        _ = terminated.recv() => {
            tracing::info!("stopping: calls are left as they are, for the next start to go on with");
            recorder.rest().await;
        }
    }
    Ok(())
}

/// Where the API Server of WFO is heard, as a part of a sentence.
fn heard(wfo_xml: &Heard) -> String {
    let named = [
        ("WFO XML ", wfo_xml.commands),
        ("WFO XML events ", wfo_xml.events),
        ("WFO XML web http://", wfo_xml.web),
        ("WFO XML web https://", wfo_xml.web_tls),
    ];
    let named = named.into_iter().filter_map(|(name, address)| Some(format!(", {name}{}", address?)));
    named.collect()
}

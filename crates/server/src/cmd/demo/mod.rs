//! `sidetone demo`: the whole story in eight seconds. A recorder, a real SIPREC call for agent 1, the five WFO
//! commands over HTTP while it talks, and the sealed recording looked at closely.

mod proof;
mod scene;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use calls::agents_file;
use calls::id::RecordingId;
use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, log, runtime};
use crate::config::Config;
use crate::recorder::{Recorder, seed};
use proof::Finding;
use scene::Scene;

/// The agents of the demonstration.
const AGENTS: &str = "id,phone,username,system_username,crm_username,name\n\
                      1,4678,rpike,CORP\\rpike,rowan,Rowan Pike\n\
                      2,4102,wito,CORP\\wito,wren,Wren Ito\n";

/// How long a stopped recording may take to be found.
const SEAL_PATIENCE: Duration = Duration::from_secs(10);

/// Arguments of `sidetone demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// End after the scene; succeed only if everything was seen.
    #[arg(long)]
    once: bool,
    /// The data folder [default: a new one among the temporary files].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where HTTP is heard [default: 127.0.0.1:8080, or another port if that is taken].
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// Spoil the scene, to see that the demonstration notices.
    #[arg(long, value_enum, hide = true)]
    sabotage: Option<Sabotage>,
}

/// Ways to spoil the scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Sabotage {
    /// The blackout begins when the first word of the secret is already out.
    LateBlackout,
    /// The agent's leg sends nothing.
    MissingLeg,
    /// The fields are not written.
    NoTag,
}

impl Demo {
    pub(super) fn run(self) -> Result<(), Failure> {
        log::start("warn");
        runtime()?.block_on(self.play())
    }

    async fn play(self) -> Result<(), Failure> {
        let mut interrupted = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
        let (data, is_ours) = self.folder()?;
        let recorder = self.start(&data).await?;
        say(&format!("A recorder runs: SIP {} (UDP, TCP), HTTP http://{}", recorder.sip.udp, recorder.http));
        let told = tokio::select! {
            told = tell(&recorder, self.sabotage, &data) => told,
            _ = interrupted.recv() => Err("interrupted".to_owned()),
        };
        let outcome = match told {
            Ok(recording) if !self.once => {
                let http = recorder.http;
                say(&format!("\nLook:    http://{http}/"));
                say(&format!("Listen:  http://{http}/v1/recordings/{recording}/audio"));
                say("The recorder goes on; place a call of your own, or send commands. Ctrl-C ends it.");
                let _ = interrupted.recv().await;
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(failure) => Err(failure),
        };
        recorder.stop().await;
        if is_ours {
            // What the demonstration recorded is of no use to anybody.
            let _ = std::fs::remove_dir_all(&data);
        }
        outcome
    }

    fn folder(&self) -> Result<(PathBuf, bool), Failure> {
        if let Some(data) = &self.data {
            return Ok((data.clone(), false));
        }
        let random = seed().map_err(|error| error.to_string())?;
        let name = random[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Ok((std::env::temp_dir().join(format!("sidetone-demo-{name}")), true))
    }

    async fn start(&self, data: &std::path::Path) -> Result<Recorder, Failure> {
        let loopback = |port| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        let mut config = Config::of_fresh_install(data.to_owned());
        config.sip = loopback(0);
        config.http = self.http.unwrap_or_else(|| {
            let usual = loopback(8080);
            if TcpListener::bind(usual).is_ok() { usual } else { loopback(0) }
        });
        let recorder = Recorder::start(config).await.map_err(|error| error.to_string())?;
        let agents = agents_file::parse(AGENTS.as_bytes()).map_err(|error| error.to_string())?;
        recorder.desk.put_agents(agents).await.map_err(|error| error.to_string())?;
        Ok(recorder)
    }
}

/// Plays the scene and looks at what it left. The recording's id, if everything was as it should be.
async fn tell(
    recorder: &Recorder,
    sabotage: Option<Sabotage>,
    data: &std::path::Path,
) -> Result<RecordingId, Failure> {
    let scene = Scene::new(sabotage)?;
    let call = scene.play(recorder).await?;
    let recording = call.recordings.first().ok_or("the call was not recorded")?.id;
    sealed(recorder, recording).await?;
    say("\nThe recording is sealed. What is in it:");
    let findings = proof::look(recorder, recording, &scene, data).await?;
    for Finding { what, good, seen } in &findings {
        say(&format!("  {} {what}: {seen}", if *good { "ok " } else { "NOT" }));
    }
    let wrong = findings.iter().filter(|finding| !finding.good).count();
    if wrong == 0 {
        Ok(recording)
    } else {
        Err(format!("{wrong} of {} things are not as they should be", findings.len()))
    }
}

/// Waits until the recording has its row.
async fn sealed(recorder: &Recorder, recording: RecordingId) -> Result<(), Failure> {
    let waiting = async {
        while recorder.index.recording(recording).await.map_err(|error| error.to_string())?.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    };
    let waited = tokio::time::timeout(SEAL_PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| Err(format!("the recording was not sealed within {SEAL_PATIENCE:?}")))
}

#[expect(clippy::print_stdout, reason = "a demonstration says what it does")]
fn say(line: &str) {
    println!("{line}");
}

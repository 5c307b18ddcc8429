//! `sidetone call`: a SIPREC client for tests.

mod target;

use std::sync::Arc;
use std::time::Duration;

use rtp::srtp::Suite;
use tokio::task::JoinSet;

use self::target::{LoginArguments, Target, Tls};
use super::{Failure, log, runtime};
use crate::caller::{Pacer, Placed, Plan, PressedKeys, Sound, local_address, place};
use crate::clock::Clock;
use crate::recorder::seed;

/// The most calls of one run.
const MAX_CALLS: u32 = 10_000;

/// Arguments of `sidetone call`.
#[derive(Debug, clap::Args)]
pub(super) struct Call {
    /// The recorder, such as sip:127.0.0.1:5060, sip:127.0.0.1:5060;transport=tcp or sip:host:5061;transport=tls.
    #[arg(long, default_value = "sip:127.0.0.1:5060", value_name = "URI")]
    to: String,
    #[command(flatten)]
    tls: Tls,
    #[command(flatten)]
    login: LoginArguments,
    /// The agent's phone.
    #[arg(long, default_value = "4678")]
    agent_phone: String,
    /// The other party's number.
    #[arg(long, default_value = "+15550100")]
    number: String,
    /// How long to talk.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// What the other party says: tone:440 or a WAV file.
    #[arg(long, default_value = "tone:440")]
    left: String,
    /// What the agent says: tone:880 or a WAV file.
    #[arg(long, default_value = "tone:880")]
    right: String,
    /// pcmu, pcma, g722, l16, l16/16000 or opus.
    #[arg(long, default_value = "pcmu")]
    codec: String,
    /// Protect the media (SRTP with keys in SDP), by the suite all have unless another is named.
    #[arg(long, value_name = "SUITE", num_args = 0..=1, default_missing_value = "AES_CM_128_HMAC_SHA1_80")]
    srtp: Option<String>,
    /// Keys the other party presses while talking (RFC 4733), such as 1234#.
    #[arg(long)]
    keys: Option<String>,
    /// How many calls.
    #[arg(long, default_value_t = 1)]
    calls: u32,
    /// How many of them to begin in a second.
    #[arg(long, default_value_t = 10.0)]
    ramp: f64,
}

impl Call {
    #[expect(clippy::print_stdout, reason = "what became of the calls is what the command is for")]
    pub(super) fn run(self) -> Result<(), Failure> {
        log::start("warn");
        let target = Target::read(&self.to)?;
        let (recorder, signalling) = (target.address, self.tls.signalling(&target)?);
        let possible = (1..=MAX_CALLS).contains(&self.calls) && self.ramp > 0.0 && self.ramp.is_finite();
        if !possible {
            return Err(format!("--calls must be 1 to {MAX_CALLS}, and --ramp more than 0"));
        }
        let plan = Plan {
            recorder,
            signalling,
            login: self.login.read()?,
            local: local_address(recorder)?,
            agent_phone: self.agent_phone.clone(),
            number: self.number.clone(),
            talk: Duration::from_secs(self.seconds),
            left: Arc::new(Sound::from_text(&self.left).map_err(|error| error.to_string())?),
            right: Arc::new(Sound::from_text(&self.right).map_err(|error| error.to_string())?),
            codec: self.codec.parse().map_err(|error: crate::caller::SoundError| error.to_string())?,
            srtp: self.srtp.as_deref().map(suite).transpose()?,
            keys: self.keys.clone().map(|keys| PressedKeys { keys, after: Duration::from_secs(1) }),
            seed: [0; 32],
        };
        for sound in [&plan.left, &plan.right] {
            // Here, where it may take a while, and no call is up yet.
            sound.encoded(plan.codec).map_err(|error| error.to_string())?;
        }
        let placed =
            runtime()?.block_on(place_all(plan, self.calls, Duration::from_secs_f64(1.0 / self.ramp)))?;
        for call in &placed {
            println!(
                "recorded: Call-ID {}, answered after {} ms, packets sent {:?}",
                call.sip_call_id,
                call.answered_after.as_millis(),
                call.packets_sent
            );
        }
        Ok(())
    }
}

/// The suite of that name.
fn suite(name: &str) -> Result<Suite, Failure> {
    let names = Suite::ALL.map(Suite::name).join(", ");
    Suite::from_name(name).ok_or_else(|| format!("there is no SRTP suite {name}; there are {names}"))
}

async fn place_all(plan: Plan, calls: u32, apart: Duration) -> Result<Vec<Placed>, Failure> {
    let clock = Clock::start();
    let pacer = Pacer::start(clock).map_err(|error| error.to_string())?;
    let mut running = JoinSet::new();
    for number in 0..calls {
        let plan = Plan { seed: seed().map_err(|error| error.to_string())?, ..plan.clone() };
        let pacer = pacer.clone();
        running.spawn(async move {
            tokio::time::sleep(apart * number).await;
            place(&plan, clock, &pacer).await
        });
    }
    let (mut placed, mut failed) = (Vec::new(), Vec::new());
    while let Some(ended) = running.join_next().await {
        match ended {
            Ok(Ok(call)) => placed.push(call),
            Ok(Err(error)) => failed.push(error.to_string()),
            Err(panic) => failed.push(panic.to_string()),
        }
    }
    match failed.first() {
        Some(first) => Err(format!("{} of {calls} calls failed, the first so: {first}", failed.len())),
        None => Ok(placed),
    }
}

//! The scene: who says what and when, and which command is sent at which moment.

use std::sync::Arc;
use std::time::Duration;

use calls::call::Call;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{Failure, Sabotage, say};
use crate::caller::{CallError, Codec, Pacer, Placed, Plan, Sound, place};
use crate::recorder::{Recorder, seed};

/// Samples in a second.
pub(super) const RATE_HZ: u64 = 8_000;

/// The customer's tone and the agent's.
pub(super) const TONES_HZ: [u32; 2] = [440, 880];

/// When something happens, in milliseconds after the call was answered.
const START_MS: u64 = 500;
const UPDATE_MS: u64 = 1_000;
const DARK_MS: u64 = 2_000;
/// The secret: noise that can be told from anything else.
pub(super) const SECRET_MS: [u64; 2] = [2_500, 4_500];
const LIGHT_MS: u64 = 5_000;
const STOP_MS: u64 = 7_000;
const HANG_UP_MS: u64 = 8_000;

/// How late the blackout is when it is sabotaged: one word is out.
const LATE_MS: u64 = 400;

/// What is played.
pub(super) struct Scene {
    sabotage: Option<Sabotage>,
    /// What each leg says, in samples.
    legs: [Vec<i16>; 2],
}

/// A command and its moment.
struct Cue {
    at_ms: u64,
    path: &'static str,
    body: Value,
    says: &'static str,
}

impl Scene {
    pub(super) fn new(sabotage: Option<Sabotage>) -> Result<Self, Failure> {
        let random = seed().map_err(|error| error.to_string())?;
        let legs = [0, 1].map(|leg| speech(TONES_HZ[leg], noise_seed(&random, leg)));
        Ok(Self { sabotage, legs })
    }

    /// The samples of the secret, as each leg says it.
    pub(super) fn secrets(&self) -> [&[i16]; 2] {
        let [from, until] = SECRET_MS.map(|ms| usize::try_from(ms * RATE_HZ / 1_000).unwrap_or_default());
        [&self.legs[0][from..until], &self.legs[1][from..until]]
    }

    /// Plays the scene. The call as the recorder knows it when it is over.
    pub(super) async fn play(&self, recorder: &Recorder) -> Result<Call, Failure> {
        let pacer = Pacer::start(recorder.clock).map_err(|error| error.to_string())?;
        let plan = self.plan(recorder)?;
        let clock = recorder.clock;
        let talking = tokio::spawn(async move { place(&plan, clock, &pacer).await });
        let call = arrived(recorder).await?;
        say(
            "\nAn SBC sends a call for 4678 over SIPREC: two legs, a customer (440 Hz) and agent 1 (880 Hz).",
        );
        let began = clock.since_start();
        let bar = progress();
        for cue in self.cues() {
            let due = began + Duration::from_millis(cue.at_ms);
            while clock.since_start() < due {
                bar.set_position(since_ms(began, clock.since_start()));
                tokio::time::sleep((due - clock.since_start()).min(Duration::from_millis(100))).await;
            }
            let answer = post(&format!("http://{}{}", recorder.http, cue.path), cue.body.clone()).await?;
            let at_s = f64::from(u32::try_from(cue.at_ms).unwrap_or_default()) / 1_000.0;
            bar.suspend(|| {
                say(&format!(
                    "{at_s:4.1} s  POST {} {}\n        200  {}{}",
                    cue.path, cue.body, cue.says, answer
                ))
            });
        }
        let placed: Result<Placed, CallError> = talking.await.map_err(|error| error.to_string())?;
        bar.finish_and_clear();
        let placed = placed.map_err(|error| error.to_string())?;
        say(&format!(
            "{:4.1} s  The SBC hangs up. It sent {:?} packets.",
            HANG_UP_MS as f64 / 1_000.0,
            placed.packets_sent
        ));
        let after = recorder.desk.call(call.id).await.map_err(|error| error.to_string())?;
        after.ok_or_else(|| "the recorder does not know the call any more".to_owned())
    }

    fn plan(&self, recorder: &Recorder) -> Result<Plan, Failure> {
        let sound = |leg: usize| Arc::new(Sound::from_samples(self.legs[leg].clone()));
        let right =
            if self.sabotage == Some(Sabotage::MissingLeg) { Sound::nothing() } else { (*sound(1)).clone() };
        Ok(Plan {
            recorder: recorder.sip.udp,
            signalling: crate::caller::Signalling::Udp,
            login: None,
            local: recorder.sip.udp.ip(),
            agent_phone: "4678".to_owned(),
            number: "+15550100".to_owned(),
            talk: Duration::from_millis(HANG_UP_MS),
            left: sound(0),
            right: Arc::new(right),
            codec: Codec::Pcmu,
            srtp: None,
            keys: None,
            seed: seed().map_err(|error| error.to_string())?,
        })
    }

    /// The five commands of the WFO example, in its order.
    fn cues(&self) -> Vec<Cue> {
        let by_id = json!({"AgentIdentifier": "Id", "Value": "1"});
        let by_phone = json!({"AgentIdentifier": "Phone", "Value": "4678"});
        let mut tagged = by_phone.clone();
        if self.sabotage != Some(Sabotage::NoTag) {
            tagged["CallMetadata"] = json!({"user2": "1234567890"});
        } else {
            tagged["CallMetadata"] = json!({});
        }
        let late =
            if self.sabotage == Some(Sabotage::LateBlackout) { SECRET_MS[0] + LATE_MS } else { DARK_MS };
        let cue = |at_ms, path, body: &Value, says| Cue { at_ms, path, body: body.clone(), says };
        vec![
            cue(START_MS, "/api/Record/StartForAgent", &by_id, "it is recorded already; "),
            cue(UPDATE_MS, "/api/Record/UpdateForAgent", &tagged, "tagged; "),
            cue(late, "/api/Blackout/StartForAgent", &by_id, "dark on both legs, and that is on disk; "),
            cue(LIGHT_MS, "/api/Blackout/StopForAgent", &by_id, "light again; "),
            cue(STOP_MS, "/api/Record/StopForAgent", &by_phone, "stopped; the call goes on; "),
        ]
    }
}

/// A tone, with noise in the place of the secret.
fn speech(tone_hz: u32, mut noise: u64) -> Vec<i16> {
    let tone = Sound::tone(tone_hz);
    let frames = usize::try_from((HANG_UP_MS + 1_000) * RATE_HZ / 1_000).unwrap_or_default();
    let mut samples: Vec<i16> = tone.samples().iter().copied().cycle().take(frames).collect();
    let [from, until] = SECRET_MS.map(|ms| usize::try_from(ms * RATE_HZ / 1_000).unwrap_or_default());
    for sample in &mut samples[from..until] {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Loud enough that no two frames are encoded alike.
        *sample = i16::try_from(noise >> 50).unwrap_or_default() - 8_192;
    }
    samples
}

fn noise_seed(random: &[u8; 32], leg: usize) -> u64 {
    random[leg * 8..leg * 8 + 8].iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

/// Waits until the call is up.
async fn arrived(recorder: &Recorder) -> Result<Call, Failure> {
    for _ in 0..200 {
        let calls = recorder.desk.calls().await.map_err(|error| error.to_string())?;
        if let Some(call) = calls.into_iter().find(|call| call.is_live() && call.has_media()) {
            return Ok(call);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err("the call did not arrive within 4 s".to_owned())
}

/// Sends a command and says in short what the answer shows.
async fn post(url: &str, body: Value) -> Result<String, Failure> {
    let (url, at) = (url.to_owned(), url.to_owned());
    let sent = tokio::task::spawn_blocking(move || {
        let mut answer = ureq::post(&url).send_json(body)?;
        answer.body_mut().read_json::<Value>()
    });
    let answer = sent.await.map_err(|error| error.to_string())?.map_err(|error| format!("{at}: {error}"))?;
    let call = &answer["ActiveCall"];
    let state =
        call["Recordings"].as_array().and_then(|all| all.last()).map(|last| last["RecordingState"].clone());
    Ok(format!(
        "agent {} on {}: {}",
        answer["AgentId"],
        answer["AgentPhone"].as_str().unwrap_or_default(),
        state.as_ref().and_then(Value::as_str).unwrap_or("no recording")
    ))
}

fn progress() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos:>4} of {len} ms")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(HANG_UP_MS).with_style(style)
}

fn since_ms(began: Duration, now: Duration) -> u64 {
    u64::try_from(now.saturating_sub(began).as_millis()).unwrap_or(u64::MAX)
}

//! Ten minutes of two channels at 8 kHz into each form that is made here: talk with pauses, as calls are.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock and prints"
)]

use audio::Rate;
use audio::file::{Encoder, Form, Shape};
use std::time::Instant;

const SECONDS: u32 = 600;
/// Frames handed over at a time: eight seconds, as the server does.
const WINDOW: usize = 8 * 8_000;

fn main() {
    let samples = talk();
    for form in Form::ALL {
        let shape = Shape { channels: 2, rate: Rate::Narrow, frames: None };
        let Ok(Some(mut encoder)) = Encoder::new(form, shape) else { continue };
        let (mut out, mut bytes) = (Vec::new(), 0);
        let begun = Instant::now();
        for window in samples.chunks(2 * WINDOW) {
            out.clear();
            encoder.push(window, &mut out);
            bytes += out.len();
        }
        out.clear();
        encoder.finish(&mut out);
        bytes += out.len();
        let spent = begun.elapsed();
        println!(
            "{form}: {bytes} bytes, {} % of the samples, {:.0} times real time",
            bytes * 100 / (samples.len() * 2),
            f64::from(SECONDS) / spent.as_secs_f64()
        );
    }
}

/// Two voices by turns: a hum with overtones that swells and fades over noise, and silence.
fn talk() -> Vec<i16> {
    let mut noise = 1_u32;
    let mut voice = move |n: u32, base_hz: f64| {
        let t = f64::from(n) / 8_000.0;
        let swell = (t * 3.1).sin().max(0.0);
        let tones = (1..8).map(|k| (t * base_hz * f64::from(k) * std::f64::consts::TAU).sin() / f64::from(k));
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let hiss = f64::from(noise >> 16) / 65_536.0 - 0.5;
        #[expect(clippy::cast_possible_truncation, reason = "float to integer saturates")]
        let sample = (swell * (tones.sum::<f64>() * 4_000.0 + hiss * 800.0)) as i16;
        sample
    };
    (0..SECONDS * 8_000)
        .flat_map(|n| {
            let speaks = (n / 40_000) % 2;
            let (left, right) = (voice(n, 120.0), voice(n, 210.0));
            if speaks == 0 { [left, 0] } else { [0, right] }
        })
        .collect()
}

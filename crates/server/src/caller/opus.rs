//! Opus for test calls, encoded by an installed ffmpeg: packets of one size, 20 ms at 32 kbit/s.

use std::io::Write;
use std::process::{Command, Stdio};

use super::SoundError;

/// Bytes of a packet.
pub(super) const PACKET_BYTES: usize = 80;

/// The packets of a sound at 8 kHz that is repeated without end: those of its second round.
pub(super) fn encode(samples: &[i16]) -> Result<Vec<u8>, SoundError> {
    if samples.is_empty() {
        return Ok(Vec::new());
    }
    let rounds = [samples, samples, &samples[..samples.len().min(super::FRAME_SAMPLES)]].concat();
    let bytes: Vec<u8> = rounds.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let file = ffmpeg(&bytes).map_err(|error| SoundError::Encoder(error.to_string()))?;
    let packets = audio::file::ogg::opus_packets(&file).unwrap_or_default();
    let whole = samples.len() / super::FRAME_SAMPLES;
    let round = packets.get(whole..2 * whole).unwrap_or_default();
    if round.is_empty() || round.iter().any(|packet| packet.len() != PACKET_BYTES) {
        return Err(SoundError::Encoder(format!("it gave {} packets", packets.len())));
    }
    Ok(round.concat())
}

fn ffmpeg(samples: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-f", "s16le", "-ar", "8000", "-ac", "1", "-i", "pipe:0"]);
    command.args(["-c:a", "libopus", "-vbr", "off", "-b:a", "32k", "-frame_duration", "20"]);
    command.args(["-application", "voip", "-f", "ogg", "pipe:1"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.take().map(|mut input| input.write_all(samples)));
        child.wait_with_output()
    })?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(std::io::Error::other(output.status.to_string()))
    }
}

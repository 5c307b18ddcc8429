//! Opus for test calls, encoded by an installed ffmpeg: packets of one size, 20 ms at 32 kbit/s.

use super::SoundError;
use crate::playback::Ffmpeg;

/// Samples as they go in.
const FROM: [&str; 6] = ["-f", "s16le", "-ar", "8000", "-ac", "1"];

/// Packets of one size.
const INTO: [&str; 12] = [
    "-c:a",
    "libopus",
    "-vbr",
    "off",
    "-b:a",
    "32k",
    "-frame_duration",
    "20",
    "-application",
    "voip",
    "-f",
    "ogg",
];

/// Bytes of a packet.
pub(super) const PACKET_BYTES: usize = 80;

/// The packets of a sound at 8 kHz that is repeated without end: those of its second round.
pub(super) fn encode(samples: &[i16]) -> Result<Vec<u8>, SoundError> {
    if samples.is_empty() {
        return Ok(Vec::new());
    }
    let rounds = [samples, samples, &samples[..samples.len().min(super::FRAME_SAMPLES)]].concat();
    let bytes: Vec<u8> = rounds.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let file = Ffmpeg::default().turn(&FROM, &bytes, &INTO);
    let file = file.map_err(|error| SoundError::Encoder(error.to_string()))?;
    let packets = audio::file::ogg::opus_packets(&file).unwrap_or_default();
    let whole = samples.len() / super::FRAME_SAMPLES;
    let round = packets.get(whole..2 * whole).unwrap_or_default();
    if round.is_empty() || round.iter().any(|packet| packet.len() != PACKET_BYTES) {
        return Err(SoundError::Encoder(format!("it gave {} packets", packets.len())));
    }
    Ok(round.concat())
}

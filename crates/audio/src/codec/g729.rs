//! G.729: frames of 10 bytes for 10 ms, and a silence frame of 2 bytes that may come last (RFC 3551 §4.5.6, B3-01).
//!
//! Belongs here: how a payload is cut into frames. Does not: what the frames say, which is decoded elsewhere.

/// Bytes of a frame of speech.
pub const FRAME_BYTES: usize = 10;

/// Samples of a frame, of speech or of silence.
pub const FRAME_SAMPLES: usize = 80;

/// Bytes of a silence frame (annex B).
const SILENCE_BYTES: usize = 2;

/// RTP clock ticks in a payload of so many bytes.
pub(super) fn ticks(payload_bytes: usize) -> usize {
    let silence = payload_bytes % FRAME_BYTES >= SILENCE_BYTES;
    FRAME_SAMPLES * (payload_bytes / FRAME_BYTES + usize::from(silence))
}

/// The frames of speech in a payload; what is left over is silence, or nothing.
pub fn speech(payload: &[u8]) -> &[u8] {
    &payload[..payload.len() / FRAME_BYTES * FRAME_BYTES]
}

/// The samples of a payload, of whose frames of speech these are the samples: silence where there are none, and for its
/// silence frame.
pub(super) fn samples(payload_bytes: usize, speech: &[i16]) -> impl Iterator<Item = i16> + '_ {
    speech.iter().copied().chain(std::iter::repeat(0)).take(ticks(payload_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_frames_of_speech_and_at_most_one_of_silence() {
        for (bytes, ticks_of, speech_of) in
            [(0, 0, 0), (1, 0, 0), (2, 80, 0), (10, 80, 10), (20, 160, 20), (22, 240, 20), (21, 160, 20)]
        {
            assert_eq!((ticks(bytes), speech(&vec![7; bytes]).len()), (ticks_of, speech_of), "{bytes} bytes");
            assert_eq!(samples(bytes, &[1, 2]).count(), ticks_of);
        }
        assert!(samples(12, &[5; 80]).eq([5; 80].into_iter().chain([0; 80])));
    }
}

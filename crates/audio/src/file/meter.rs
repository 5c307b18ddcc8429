//! How far a file has come that is still being read, by the time its sound lasts.

use super::Form;
use super::flac::{BLOCK_FRAMES, frame_number};
use super::mp3;

/// No head that tells a time is longer: that of an MP3, FLAC or Ogg page, or the head of a file.
const HEAD_BYTES: usize = 64;

/// Follows a file of ours as its bytes come, and says how much sound they are. Foreign files are followed as far as they are
/// like ours.
#[derive(Debug)]
pub struct Meter {
    form: Form,
    /// The bytes whose meaning may depend on those to come.
    tail: Vec<u8>,
    /// Bytes that came before the tail.
    before: u64,
    /// Frames in a second, or bytes in one of MP3, once the head was read.
    pace: u64,
    ms: u64,
}

impl Meter {
    /// Nothing has come yet.
    #[must_use]
    pub fn new(form: Form) -> Self {
        Self { form, tail: Vec::new(), before: 0, pace: 0, ms: 0 }
    }

    /// Takes the next bytes, and says how much sound all are so far, ms.
    pub fn push(&mut self, bytes: &[u8]) -> u64 {
        self.tail.extend_from_slice(bytes);
        if self.before == 0 && self.tail.len() >= HEAD_BYTES {
            self.pace = self.read_pace();
        }
        match self.form {
            Form::Wav | Form::Mp3 => {
                let all = self.before + self.tail.len() as u64;
                self.ms = (all * 1_000).checked_div(self.pace).unwrap_or(0);
            }
            Form::Flac | Form::OggOpus => {
                let starts = self.tail.len().saturating_sub(HEAD_BYTES);
                for at in 0..starts {
                    if let Some(ms) = self.time_at(at) {
                        self.ms = ms;
                    }
                }
            }
        }
        let done = self.tail.len().saturating_sub(HEAD_BYTES);
        self.before += done as u64;
        self.tail.drain(..done);
        self.ms
    }

    fn read_pace(&self) -> u64 {
        let head = &self.tail;
        match self.form {
            Form::Wav => u64::from(u32::from_le_bytes([head[28], head[29], head[30], head[31]])),
            Form::Mp3 => u64::from(mp3::bits_of(head) / 8),
            // 20 bits behind the mark, the block's head, and four sizes.
            Form::Flac => u64::from(u32::from_be_bytes([0, head[18], head[19], head[20]]) >> 4),
            Form::OggOpus => 48_000,
        }
    }

    /// The time at the head of a page or frame, if there is one, and it is near the last.
    fn time_at(&self, at: usize) -> Option<u64> {
        let head = &self.tail[at..at + HEAD_BYTES];
        let frames = match self.form {
            Form::OggOpus => {
                let granule = head.strip_prefix(b"OggS\0")?.get(1..)?.first_chunk::<8>()?;
                u64::from_le_bytes(*granule)
            }
            _ => u64::from(frame_number(head)?) * BLOCK_FRAMES as u64,
        };
        let ms = frames.checked_mul(1_000)?.checked_div(self.pace)?;
        // What only looks like a head says anything.
        (self.ms..=self.ms + 60_000).contains(&ms).then_some(ms)
    }
}

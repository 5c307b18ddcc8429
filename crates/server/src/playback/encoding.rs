//! Samples become a file in the form that is asked for.

use audio::file::{Encoder, Form, Shape, mp3, wav};

use super::pipe::Pipe;
use super::{Ffmpeg, FfmpegError, SoundError};

/// A file in the making. Takes windows of samples and gives bytes; holds a few hundred kilobytes, whatever the length.
pub struct Encoding(Made);

enum Made {
    /// By our own encoders.
    Here(Encoder),
    /// MP3, by ffmpeg; the head that stands before what it gives, until it is given out.
    ByFfmpeg { pipe: Box<Pipe>, head: Vec<u8>, bytes: Vec<u8> },
}

impl Encoding {
    /// Begins a file. Where the length of the sound is known, it has to be what [`Shape::frames`] says.
    ///
    /// # Errors
    /// [`SoundError::TooLong`] for what a WAV file cannot hold, [`SoundError::Mp3`] if there is no ffmpeg to make MP3.
    pub fn begin(form: Form, shape: Shape, ffmpeg: &Ffmpeg) -> Result<Self, SoundError> {
        if let Some(encoder) = Encoder::new(form, shape)? {
            return Ok(Self(Made::Here(encoder)));
        }
        let (rate, channels) = (shape.rate.hz().to_string(), shape.channels.clamp(1, 2).to_string());
        let bits = mp3::bits_a_second(&shape).to_string();
        let from = ["-f", "s16le", "-ar", &rate, "-ac", &channels, "-probesize", "32"];
        // Sides are not joined; no tags, for what ffmpeg would write of the length is not known to it.
        let into: [&str; 17] = [
            "-c:a",
            "libmp3lame",
            "-b:a",
            &bits,
            "-joint_stereo",
            "0",
            "-write_xing",
            "0",
            "-id3v2_version",
            "0",
            "-fflags",
            "+bitexact",
            "-flush_packets",
            "1",
            "-f",
            "mp3",
            "-y",
        ];
        let pipe = Pipe::start(ffmpeg, &from, &into).map_err(SoundError::Mp3)?;
        Ok(Self(Made::ByFfmpeg { pipe: Box::new(pipe), head: mp3::head(&shape), bytes: Vec::new() }))
    }

    /// Takes samples, two channels interleaved, and appends the bytes that are ready.
    ///
    /// # Errors
    /// [`SoundError::Mp3`].
    pub fn push(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Result<(), SoundError> {
        match &mut self.0 {
            Made::Here(encoder) => encoder.push(samples, out),
            Made::ByFfmpeg { pipe, head, bytes } => {
                out.append(head);
                bytes.clear();
                wav::append_samples(bytes, samples);
                pipe.push(bytes, out).map_err(SoundError::Mp3)?;
            }
        }
        Ok(())
    }

    /// Appends the rest of the file.
    ///
    /// # Errors
    /// [`SoundError::Mp3`].
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), SoundError> {
        match self.0 {
            Made::Here(encoder) => encoder.finish(out),
            Made::ByFfmpeg { pipe, mut head, .. } => {
                out.append(&mut head);
                pipe.finish(out).map_err(SoundError::Mp3)?;
            }
        }
        Ok(())
    }

    /// Says whether a form can be made now.
    ///
    /// # Errors
    /// [`FfmpegError::Missing`] for MP3 without ffmpeg.
    pub fn available(form: Form, ffmpeg: &Ffmpeg) -> Result<(), FfmpegError> {
        if form == Form::Mp3 { ffmpeg.found() } else { Ok(()) }
    }
}

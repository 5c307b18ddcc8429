//! The bytes of a vCon as they leave.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures_util::stream;
use sha2::{Digest as _, Sha512};
use vcon::{Base64Url, Piece};

use super::Part;
use crate::control::error::Problem;
use crate::http::App;
use crate::identity::Place;
use crate::playback::SoundError;
use crate::trail::Heard;

/// How many bytes they are.
pub(super) fn length(pieces: &[Piece], parts: &[Part]) -> u64 {
    let bytes = |piece: &Piece| match piece {
        Piece::Text(text) => text.len() as u64,
        // Base64 without padding.
        Piece::Sound(place) => parts.get(*place).map_or(0, |part| (part.wav.total_bytes() * 4).div_ceil(3)),
    };
    pieces.iter().map(bytes).sum()
}

/// The hash of the sound of a recording as [`super::super::audio`] gives it out.
pub(super) async fn hashed(mut part: Part) -> Result<(Part, String), Problem> {
    let hashed = tokio::task::spawn_blocking(move || {
        let (mut hash, mut at) = (Sha512::new(), 0);
        loop {
            let bytes = part.sound.wav_bytes(&part.wav, at, u64::MAX)?;
            if bytes.is_empty() {
                return Ok::<_, SoundError>((part, vcon::content_hash(hash.finalize().into())));
            }
            at += bytes.len() as u64;
            hash.update(bytes);
        }
    });
    match hashed.await {
        Ok(Ok(hashed)) => Ok(hashed),
        Ok(Err(error)) => Err(Problem::from(error)),
        Err(panicked) => Err(Problem::failed("reading the recording", &panicked)),
    }
}

/// One vCon on its way.
struct Telling {
    app: Arc<App>,
    pieces: VecDeque<Piece>,
    parts: Vec<Part>,
    encoder: Base64Url,
    /// How far the sound that is told now has come.
    at: u64,
    damaged: u64,
    /// What is written down of each part whose sound leaves.
    heard: Vec<Option<Heard>>,
    /// Given back when the body is dropped.
    _place: Place,
}

pub(super) fn body(
    app: Arc<App>,
    pieces: Vec<Piece>,
    (parts, heard): (Vec<Part>, Vec<Option<Heard>>),
    place: Place,
) -> Body {
    let telling = Telling {
        app,
        pieces: pieces.into(),
        parts,
        encoder: Base64Url::default(),
        at: 0,
        damaged: 0,
        heard,
        _place: place,
    };
    Body::from_stream(stream::try_unfold(telling, |mut telling| async {
        match telling.pieces.front() {
            None => return Ok(None),
            Some(Piece::Text(_)) => {
                let Some(Piece::Text(text)) = telling.pieces.pop_front() else { return Ok(None) };
                return Ok(Some((Bytes::from(text), telling)));
            }
            Some(Piece::Sound(_)) => {}
        }
        // Decoding takes a while and files may be slow: neither belongs on a thread that others wait for.
        match tokio::task::spawn_blocking(move || telling.sound().map(|text| (text, telling))).await {
            Ok(Ok((text, telling))) => Ok(Some((Bytes::from(text), telling))),
            Ok(Err(error)) => {
                tracing::error!(%error, "a vCon breaks off");
                Err(std::io::Error::other(error))
            }
            Err(panicked) => Err(std::io::Error::other(panicked)),
        }
    }))
}

impl Telling {
    /// The next window of the sound at the front; its end, if there is none.
    fn sound(&mut self) -> Result<String, SoundError> {
        let Some(Piece::Sound(place)) = self.pieces.front() else { return Ok(String::new()) };
        let part = &mut self.parts[*place];
        let bytes = part.sound.wav_bytes(&part.wav, self.at, u64::MAX)?;
        if bytes.is_empty() {
            let recording = part.sound.manifest().recording;
            self.app.alarms.met_damage(&self.app.metrics, recording, part.sound.damaged() - self.damaged);
            (self.at, self.damaged) = (0, 0);
            self.pieces.pop_front();
            return Ok(std::mem::take(&mut self.encoder).end());
        }
        self.at += bytes.len() as u64;
        if let Some(heard) = self.heard.get_mut(*place).and_then(Option::as_mut) {
            heard.so_far(part.wav.ms_in(0..self.at));
        }
        Ok(self.encoder.push(&bytes))
    }
}

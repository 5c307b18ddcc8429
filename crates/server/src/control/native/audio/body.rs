//! Sound on its way to a listener: the next bytes are made when those before have left.

use std::ops::Range;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;

use crate::http::App;
use crate::playback::{Rendition, Sound, SoundError, Wav};

/// Where the bytes come from.
pub(super) enum Source {
    /// A part of a WAV file.
    Wav { sound: Box<Sound>, wav: Wav, rest: Range<u64> },
    /// A file in another form, from its beginning.
    Rendition(Box<Rendition>),
}

impl Source {
    fn next_bytes(&mut self) -> Result<Option<Vec<u8>>, SoundError> {
        match self {
            Self::Wav { rest, .. } if rest.is_empty() => Ok(None),
            Self::Wav { sound, wav, rest } => {
                let bytes = sound.wav_bytes(wav, rest.start, rest.end)?;
                rest.start += bytes.len() as u64;
                Ok(Some(bytes))
            }
            Self::Rendition(rendition) => rendition.next_bytes(),
        }
    }

    /// Damaged blocks met so far.
    fn damaged(&self) -> u64 {
        match self {
            Self::Wav { sound, .. } => sound.damaged(),
            Self::Rendition(rendition) => rendition.damaged(),
        }
    }
}

/// What a listener takes up, given back when the body is dropped.
pub(super) struct Places {
    /// Among those who listen.
    pub(super) _listener: OwnedSemaphorePermit,
    /// Among those an encoder runs for.
    pub(super) _encoder: Option<OwnedSemaphorePermit>,
}

/// One listener's way through a file.
struct Listener {
    app: Arc<App>,
    source: Source,
    damaged: u64,
    _places: Places,
}

pub(super) fn body(app: Arc<App>, source: Source, places: Places) -> Body {
    let listener = Listener { app, source, damaged: 0, _places: places };
    Body::from_stream(stream::try_unfold(listener, |mut listener| async {
        // Decoding takes a while and files may be slow: neither belongs on a thread that others wait for.
        let made = tokio::task::spawn_blocking(move || {
            let bytes = listener.source.next_bytes()?;
            let damaged = listener.source.damaged();
            listener.app.metrics.playback_damaged.add(damaged - listener.damaged);
            listener.damaged = damaged;
            Ok::<_, SoundError>(bytes.map(|bytes| (Bytes::from(bytes), listener)))
        });
        match made.await {
            Ok(Ok(next)) => Ok(next),
            Ok(Err(error)) => {
                tracing::error!(%error, "a recording breaks off while it is played");
                Err(std::io::Error::other(error))
            }
            Err(panicked) => Err(std::io::Error::other(panicked)),
        }
    }))
}

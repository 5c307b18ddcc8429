//! Sound on its way to a listener: the next bytes are made when those before have left.

use std::ops::Range;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures_util::stream;

use crate::http::App;
use crate::identity::Place;
use crate::playback::{Rendition, Sound, SoundError, Wav};
use crate::trail::Heard;

/// Where the bytes come from.
pub(super) enum Source {
    /// A part of a WAV file.
    Wav { sound: Box<Sound>, wav: Wav, first: u64, rest: Range<u64> },
    /// A file in another form, from its beginning.
    Rendition(Box<Rendition>),
}

impl Source {
    fn next_bytes(&mut self) -> Result<Option<Vec<u8>>, SoundError> {
        match self {
            Self::Wav { rest, .. } if rest.is_empty() => Ok(None),
            Self::Wav { sound, wav, rest, .. } => {
                let bytes = sound.wav_bytes(wav, rest.start, rest.end)?;
                rest.start += bytes.len() as u64;
                Ok(Some(bytes))
            }
            Self::Rendition(rendition) => rendition.next_bytes(),
        }
    }

    /// How much of the recording was given so far, and whether that is all of it.
    fn given(&self) -> (u64, bool) {
        match self {
            Self::Wav { wav, first, rest, .. } => (wav.ms_in(*first..rest.start), rest.is_empty()),
            Self::Rendition(rendition) => (rendition.given_ms(), rendition.is_over()),
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
    pub(super) _listener: Place,
    /// Among those an encoder runs for.
    pub(super) _encoder: Option<Place>,
}

/// One listener's way through a file.
struct Listener {
    app: Arc<App>,
    source: Source,
    damaged: u64,
    heard: Heard,
    _places: Places,
}

pub(super) fn body(app: Arc<App>, source: Source, places: Places, heard: Heard) -> Body {
    let listener = Listener { app, source, damaged: 0, heard, _places: places };
    Body::from_stream(stream::try_unfold(listener, |mut listener| async {
        // Decoding takes a while and files may be slow: neither belongs on a thread that others wait for.
        let made = tokio::task::spawn_blocking(move || {
            // Who asks for more has taken what was made before.
            listener.heard.so_far(listener.source.given().0);
            let bytes = listener.source.next_bytes()?;
            if let (ms, true) = listener.source.given() {
                listener.heard.so_far(ms);
            }
            let damaged = listener.source.damaged();
            let (app, recording) = (&listener.app, listener.heard.recording());
            app.alarms.met_damage(&app.metrics, recording, damaged - listener.damaged);
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

//! Sound in forms other than WAV.

use std::path::{Path, PathBuf};

use audio::file::{Form, wav};
use audio::tone::{is_silent, level_dbov, tone_share};
use axum::body::Body;
use axum::http::{Method, Request};
use http_body_util::BodyExt as _;
use sim::debian;
use tower::ServiceExt as _;

use crate::fake::{Answer, Recorder};
use crate::talk::Talk;

/// An answer saved under the name it bears.
fn saved(answer: &Answer, folder: &Path) -> PathBuf {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let disposition = answer.header("content-disposition");
    let name = disposition.split('"').nth(1).expect("a name in quotes");
    let path = folder.join(name);
    std::fs::write(&path, &answer.body).unwrap();
    path
}

/// The two channels of a file, at 8 kHz.
fn channels(path: &Path) -> [Vec<i16>; 2] {
    let heard = debian::heard(path, 8_000);
    [0, 1].map(|channel| heard.iter().skip(channel).step_by(2).copied().collect())
}

#[tokio::test]
async fn every_form_holds_the_same_sides_at_the_same_time_and_the_same_silence() {
    let recorder = Recorder::start().await;
    let folder = tempfile::tempdir().unwrap();
    let uri = format!("/v1/recordings/{}/audio", recorder.seal(1, &Talk::default()).await);
    let wav = recorder.get(&uri).await;
    assert_eq!(wav.header("x-content-duration"), "10.000");
    for (form, codec, kind) in [
        (Form::Flac, "flac", "audio/flac"),
        (Form::OggOpus, "opus", "audio/ogg"),
        (Form::Mp3, "mp3", "audio/mpeg"),
        (Form::Wav, "pcm_s16le", "audio/wav"),
    ] {
        let answer = recorder.get(&format!("{uri}?format={form}")).await;
        assert_eq!((answer.header("content-type"), answer.header("x-content-duration")), (kind, "10.000"));
        let path = saved(&answer, folder.path());
        assert_eq!(path.extension().unwrap(), form.extension());
        let probed = debian::ffprobe(&path);
        assert_eq!((probed.codec.as_str(), probed.channels), (codec, 2));
        // ffprobe counts also what a player leaves away: whole frames of MP3, the first moments of Opus.
        let excess_s = match form {
            Form::Mp3 => 0.16,
            Form::OggOpus => 0.007,
            _ => 0.001,
        };
        assert!((0.0..excess_s).contains(&(probed.seconds - 10.0)), "{form}: {probed:?}");
        let heard = channels(&path);
        for (channel, own, others) in [(&heard[0], 440.0, 880.0), (&heard[1], 880.0, 440.0)] {
            assert_eq!(channel.len(), 80_000, "{form}");
            for span in [800..31_500, 48_500..79_500] {
                assert!(tone_share(&channel[span.clone()], own) > 0.98, "{form}: {own} Hz");
                assert!(tone_share(&channel[span], others) < 0.001, "{form}: {others} Hz in the wrong ear");
            }
            // Codecs that lose some ring for a moment where sound stops.
            let dark = &channel[32_000 + 800..48_000 - 800];
            assert!(level_dbov(dark) < -70, "{form}: {} dBov in the dark", level_dbov(dark));
            // The edges are where they were.
            assert!(level_dbov(&channel[31_000..31_800]) > -25, "{form}: sound up to the dark");
            assert!(level_dbov(&channel[48_200..49_000]) > -25, "{form}: sound from its end on");
            assert!(level_dbov(&channel[47_000..47_700]) < -60, "{form}: no sound before its end");
        }
        // Within half a period of the tone they lie alike to the sample; the edges above leave no more than one period.
        let exact = wav::read(&wav.body).unwrap().channels;
        for (heard, said) in heard.iter().zip(&exact) {
            let alike = |lag: usize| -> i64 {
                let said = &said[100..31_000];
                said.iter()
                    .zip(&heard[96 + lag..])
                    .map(|(said, heard)| i64::from(*said) * i64::from(*heard))
                    .sum()
            };
            assert_eq!((0..9).max_by_key(|lag| alike(*lag)), Some(4), "{form}");
        }
        if form == Form::Flac {
            assert!(heard.iter().eq(exact.iter()) && is_silent(&heard[0][32_000..48_000]));
            assert_eq!(debian::soxi(&path), (8_000, 2, 80_000));
        }
    }
}

#[tokio::test]
async fn a_part_in_time_in_another_rate_and_mixed_is_that_part() {
    let recorder = Recorder::start().await;
    let folder = tempfile::tempdir().unwrap();
    let uri = format!("/v1/recordings/{}/audio", recorder.seal(1, &Talk::default()).await);
    let part = "from_ms=2500&to_ms=3750";
    let samples = wav::read(&recorder.get(&format!("{uri}?{part}")).await.body).unwrap().channels;
    let flac = saved(&recorder.get(&format!("{uri}?{part}&format=FLAC")).await, folder.path());
    assert!(channels(&flac).iter().eq(samples.iter()));
    for (form, rate_hz) in [("opus", 48_000), ("mp3", 16_000)] {
        let answer = recorder.get(&format!("{uri}?{part}&format={form}&channels=1&rate={rate_hz}")).await;
        assert_eq!(answer.header("x-content-duration"), "1.250");
        let path = saved(&answer, folder.path());
        let probed = debian::ffprobe(&path);
        assert_eq!((probed.rate_hz, probed.channels), (rate_hz, 1), "{form}");
        let heard = debian::heard(&path, 8_000);
        assert!(heard.len().abs_diff(10_000) <= 1, "{form}: {}", heard.len());
        assert!(tone_share(&heard, 440.0) > 0.4 && tone_share(&heard, 880.0) > 0.4);
    }
}

#[tokio::test]
async fn what_has_no_byte_ranges_says_so_and_gives_the_whole() {
    let recorder = Recorder::start().await;
    let id = recorder.seal(1, &Talk::default()).await;
    for form in ["flac", "opus", "mp3"] {
        let uri = format!("/v1/recordings/{id}/audio?format={form}");
        let whole = recorder.get(&uri).await;
        assert_eq!(whole.header("accept-ranges"), "none");
        let ask = async |name: &str, value: &str| {
            let request = Request::get(&uri).header(name, value).body(Body::empty()).unwrap();
            recorder.send(request).await
        };
        let answer = ask("range", "bytes=10-20").await;
        assert_eq!((answer.status.as_u16(), answer.header("content-range")), (200, ""));
        assert!(answer.body == whole.body, "the same sound gives the same bytes");
        let etag = whole.header("etag");
        assert!(etag.starts_with("W/\""), "{etag}");
        assert_eq!(ask("if-none-match", etag).await.status, 304);
        let listens = recorder.index.listens(id).await.unwrap().len();
        let head = recorder.method(Method::HEAD, &uri).await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
        for name in ["content-type", "content-disposition", "etag", "x-content-duration", "content-length"] {
            assert_eq!(head.header(name), whole.header(name), "{name}");
        }
        let heard = recorder.index.listens(id).await.unwrap();
        assert_eq!(heard.len(), listens, "nobody listened");
        assert_eq!(heard[0].what, format!("{form}, channels as recorded, ms 0 to end"));
    }
}

#[tokio::test]
async fn without_an_ffmpeg_there_is_no_mp3_and_everything_else() {
    let recorder = Recorder::start().await.with_ffmpeg("/nowhere/ffmpeg".into());
    let id = recorder.seal(1, &Talk::default()).await;
    let uri = format!("/v1/recordings/{id}/audio?format=");
    let answer = recorder.get(&format!("{uri}mp3")).await;
    assert_eq!(answer.status, 501);
    let detail = answer.detail();
    assert!(detail.contains("/nowhere/ffmpeg") && detail.contains("flac"), "{detail}");
    assert_eq!(recorder.method(Method::HEAD, &format!("{uri}mp3")).await.status, 501);
    assert_eq!(recorder.index.listens(id).await.unwrap(), []);
    for form in ["wav", "opus", "flac"] {
        assert_eq!(recorder.get(&format!("{uri}{form}")).await.status, 200, "{form}");
    }
}

/// A program that leaves its process number beside it and becomes another.
fn that_becomes(folder: &Path, what: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join("ffmpeg");
    let text = format!("#!/bin/sh\necho $$ >> {}\nexec {what}\n", folder.join("pids").display());
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// The processes that were started and are still there.
fn left(folder: &Path) -> (usize, usize) {
    let pids = std::fs::read_to_string(folder.join("pids")).unwrap();
    let left = pids.lines().filter(|pid| Path::new("/proc").join(pid).exists());
    (pids.lines().count(), left.count())
}

#[tokio::test]
async fn who_stops_listening_leaves_no_encoder_behind() {
    let folder = tempfile::tempdir().unwrap();
    let ffmpeg = that_becomes(folder.path(), "ffmpeg \"$@\"");
    let recorder = Recorder::start().await.with_ffmpeg(ffmpeg);
    let talk = Talk { length_ms: 30_000, ..Talk::default() };
    let uri = format!("/v1/recordings/{}/audio?format=mp3", recorder.seal(1, &talk).await);
    let ask = || Request::get(&uri).body(Body::empty()).unwrap();
    let mut answer = recorder.router.clone().oneshot(ask()).await.unwrap();
    let first = answer.body_mut().frame().await.unwrap().unwrap();
    assert!(!first.into_data().unwrap().is_empty());
    assert_eq!(left(folder.path()), (1, 1));
    drop(answer);
    assert_eq!(left(folder.path()), (1, 0));
    // One that is heard to its end goes by itself.
    assert_eq!(recorder.get(&uri).await.status, 200);
    assert_eq!(left(folder.path()), (2, 0));
}

#[tokio::test]
async fn only_so_many_encoders_run_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::start().await.with_ffmpeg(that_becomes(folder.path(), "cat"));
    let uri = format!("/v1/recordings/{}/audio", recorder.seal(1, &Talk::default()).await);
    let mut listeners = Vec::new();
    for _ in 0..16 {
        let request = Request::get(format!("{uri}?format=mp3")).body(Body::empty()).unwrap();
        listeners.push(recorder.router.clone().oneshot(request).await.unwrap());
    }
    let answer = recorder.get(&format!("{uri}?format=mp3")).await;
    assert_eq!((answer.status.as_u16(), answer.detail().as_str()), (503, "Too many have MP3 made now."));
    assert_eq!(recorder.get(&format!("{uri}?format=opus")).await.status, 200);
    listeners.pop();
    let request = Request::get(format!("{uri}?format=mp3")).body(Body::empty()).unwrap();
    assert_eq!(recorder.router.clone().oneshot(request).await.unwrap().status(), 200);
    drop(listeners);
    assert_eq!(left(folder.path()).1, 0);
}

#[tokio::test]
async fn an_encoder_that_fails_ends_the_sound_rather_than_the_recorder() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::start().await.with_ffmpeg(that_becomes(folder.path(), "false"));
    let uri = format!("/v1/recordings/{}/audio?format=mp3", recorder.seal(1, &Talk::default()).await);
    let request = Request::get(&uri).body(Body::empty()).unwrap();
    let answer = recorder.router.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.into_body().collect().await.is_err(), "it breaks off, so that nobody takes it for whole");
    assert_eq!(left(folder.path()), (1, 0));
}

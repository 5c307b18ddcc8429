use audio::file::wav;
use audio::tone::{is_silent, tone_share};
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;
use tower::ServiceExt;

use crate::fake::{Answer, Recorder};
use crate::talk::Talk;

/// The channels of a WAV file.
fn channels(answer: &Answer) -> Vec<Vec<i16>> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "audio/wav");
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    let sound = wav::read(&answer.body).unwrap();
    assert_eq!(sound.rate_hz, 8000);
    sound.channels
}

/// The samples of a span, a little inside of it: at its edges a packet may be cut.
fn within(samples: &[i16], from_ms: usize, to_ms: usize) -> &[i16] {
    &samples[from_ms * 8 + 320..to_ms * 8 - 320]
}

#[tokio::test]
async fn two_legs_are_heard_apart_and_the_blackout_is_exact_silence_of_true_length() {
    let recorder = Recorder::start().await;
    let id = recorder.seal(1, &Talk::default()).await;
    let heard = channels(&recorder.get(&format!("/v1/recordings/{id}/audio")).await);
    assert_eq!(heard.iter().map(Vec::len).collect::<Vec<_>>(), [80_000, 80_000]);
    for (channel, tone_hz) in heard.iter().zip([440.0, 880.0]) {
        assert!(tone_share(within(channel, 0, 4_000), tone_hz) > 0.99);
        assert!(tone_share(within(channel, 6_000, 10_000), tone_hz) > 0.99);
        assert!(is_silent(&channel[4_000 * 8..6_000 * 8]));
    }
}

#[tokio::test]
async fn while_a_span_is_erased_who_wants_to_listen_is_asked_to_come_back() {
    let recorder = Recorder::start().await;
    let id = recorder.seal(1, &Talk::default()).await;
    let uri = format!("/v1/recordings/{id}/audio");
    let row = recorder.index.recording(id).await.unwrap().unwrap();
    let asked = index::RedactionAsked {
        recording: id,
        from: row.started,
        until: row.started.after(std::time::Duration::from_secs(1)),
        who: "Robin".to_owned(),
        why: "a test".to_owned(),
        source: "127.0.0.1".to_owned(),
        at: row.ended,
        card_data: false,
    };
    let number = recorder.index.ask_redaction(&asked).await.unwrap();
    assert_eq!(recorder.get(&uri).await.status, 200, "the file is as it was");
    let manifest = recorder.manifest(id);
    let (sealed, erased) = {
        let mut erases =
            |_: calls::id::StreamNumber, packet: &vault::PacketHead| packet.arrival < asked.until;
        let mut store = recorder.store.lock().unwrap();
        store.sealer.redact(id, &recorder.reading, &mut erases, |_| manifest).unwrap()
    };
    let answer = recorder.get(&uri).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "2"));
    assert_eq!(answer.detail(), "A span of this recording is being erased.");
    let done = index::RedactionDone {
        at: row.ended,
        packets: erased.packets,
        packets_left: 0,
        digest_before: erased.digest_before.0,
        digest_after: sealed.digest.0,
        file_bytes: sealed.bytes,
    };
    recorder.index.end_redaction(number, &done).await.unwrap();
    let heard = channels(&recorder.get(&uri).await);
    assert!(is_silent(within(&heard[0], 0, 1_000)));
    assert!(tone_share(within(&heard[0], 1_000, 4_000), 440.0) > 0.99);
}

#[tokio::test]
async fn one_channel_mixes_and_a_single_stream_is_mono_unless_two_are_asked_for() {
    let recorder = Recorder::start().await;
    let id = recorder.seal(1, &Talk::default()).await;
    let heard = channels(&recorder.get(&format!("/v1/recordings/{id}/audio?channels=1")).await);
    assert_eq!(heard.len(), 1);
    let mixed = within(&heard[0], 0, 4_000);
    assert!((0.4..0.6).contains(&tone_share(mixed, 440.0)) && (0.4..0.6).contains(&tone_share(mixed, 880.0)));

    let id = recorder.seal(2, &Talk { tones_hz: vec![440.0], dark_ms: None, ..Talk::default() }).await;
    let mono = channels(&recorder.get(&format!("/v1/recordings/{id}/audio")).await);
    let both = channels(&recorder.get(&format!("/v1/recordings/{id}/audio?channels=2")).await);
    assert!(tone_share(&mono[0], 440.0) > 0.99);
    assert_eq!(both, [mono[0].clone(), mono[0].clone()]);
}

#[tokio::test]
async fn of_more_than_two_streams_the_agents_are_right() {
    let recorder = Recorder::start().await;
    let tones_hz = vec![440.0, 880.0, 1320.0];
    let talk = Talk { tones_hz: tones_hz.clone(), agents_streams: vec![0], dark_ms: None, ..Talk::default() };
    let id = recorder.seal(1, &talk).await;
    let heard = channels(&recorder.get(&format!("/v1/recordings/{id}/audio")).await);
    assert!(tone_share(&heard[1], 440.0) > 0.99);
    assert!(tone_share(&heard[0], 880.0) > 0.4 && tone_share(&heard[0], 1320.0) > 0.4);

    let unknown = Talk { tones_hz, agents_streams: vec![], dark_ms: None, ..Talk::default() };
    let id = recorder.seal(2, &unknown).await;
    let heard = channels(&recorder.get(&format!("/v1/recordings/{id}/audio")).await);
    assert!(tone_share(&heard[1], 880.0) > 0.99);
    assert!(tone_share(&heard[0], 440.0) > 0.4 && tone_share(&heard[0], 1320.0) > 0.4);
}

#[tokio::test]
async fn a_part_in_time_is_the_same_part_of_the_whole() {
    let recorder = Recorder::start().await;
    let talk = Talk { length_ms: 20_000, ..Talk::default() };
    let uri = format!("/v1/recordings/{}/audio", recorder.seal(1, &talk).await);
    let whole = channels(&recorder.get(&uri).await);
    // The window of 8 s ends inside both.
    for (from, to, wanted) in
        [(0, 500, 0..500), (7_990, 8_010, 7_990..8_010), (19_000, 99_000, 19_000..20_000)]
    {
        let part = channels(&recorder.get(&format!("{uri}?from_ms={from}&to_ms={to}&format=WAV")).await);
        for (part, whole) in part.iter().zip(&whole) {
            assert_eq!(part, &whole[wanted.start * 8..wanted.end * 8], "{from} to {to}");
        }
    }
}

#[tokio::test]
async fn byte_ranges_are_pieces_of_the_whole() {
    let recorder = Recorder::start().await;
    let uri = format!("/v1/recordings/{}/audio", recorder.seal(1, &Talk::default()).await);
    let whole = recorder.get(&uri).await;
    let ask = async |name: &str, value: &str| {
        let request = Request::get(&uri).header("range", "bytes=40-99").header(name, value);
        recorder.send(request.body(Body::empty()).unwrap()).await
    };
    let total = whole.body.len();
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=40-47", 40, 48),
        ("bytes=43-50001", 43, 50_002),
        ("bytes=-3", total - 3, total),
        ("bytes=256040-", 256_040, total),
    ] {
        let request = Request::get(&uri).header("range", range).body(Body::empty()).unwrap();
        let part = recorder.send(request).await;
        assert_eq!(part.status, 206);
        assert_eq!(part.header("content-range"), format!("bytes {from}-{}/{total}", to - 1));
        assert_eq!(part.header("content-length"), (to - from).to_string());
        assert!(part.body == whole.body[from..to], "{range}");
    }
    let request = Request::get(&uri).header("range", format!("bytes={total}-")).body(Body::empty()).unwrap();
    let behind = recorder.send(request).await;
    assert_eq!((behind.status.as_u16(), behind.header("content-range")), (416, &*format!("bytes */{total}")));
    behind.detail();

    let etag = whole.header("etag").to_owned();
    assert_eq!(ask("if-none-match", &etag).await.status, 304);
    assert_eq!(ask("if-range", &etag).await.status, 206);
    let other = ask("if-range", "\"other\"").await;
    assert!(other.status == 200 && other.body == whole.body);
    let mono = recorder.get(&format!("{uri}?channels=1")).await;
    assert_ne!(mono.header("etag"), etag);
}

#[tokio::test]
async fn head_tells_all_but_the_sound_and_is_no_listen() {
    let recorder = Recorder::start().await;
    let id = recorder.seal(1, &Talk::default()).await;
    let answer = recorder.method(Method::HEAD, &format!("/v1/recordings/{id}/audio")).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-length"), (44 + 80_000 * 4).to_string());
    assert_eq!(answer.header("accept-ranges"), "bytes");
    let name = format!("inline; filename=\"2025-11-24T16-01-00-000Z_{id}.wav\"");
    assert_eq!(answer.header("content-disposition"), name);
    assert_eq!(recorder.index.listens(id).await.unwrap(), []);
}

#[tokio::test]
async fn every_listen_is_written_down() {
    let recorder = Recorder::start().await;
    let id = recorder.seal(1, &Talk::default()).await;
    let uri = format!("/v1/recordings/{id}/audio?channels=1&from_ms=1000");
    let peer = sidetone::http::Client::at([192, 0, 2, 77].into());
    let request = Request::get(uri).header("range", "bytes=0-9").extension(peer);
    assert_eq!(recorder.send(request.body(Body::empty()).unwrap()).await.status, 206);
    let listens = recorder.index.listens(id).await.unwrap();
    let told: Vec<_> =
        listens.iter().map(|it| (it.who.as_str(), it.from.as_str(), it.what.as_str())).collect();
    assert_eq!(told, [("anonymous", "192.0.2.77", "wav, channels 1, ms 1000 to end, bytes 0 to 9")]);
    assert_eq!(recorder.metrics.listens.get(), 1);
}

#[tokio::test]
async fn nothing_is_heard_when_the_listen_cannot_be_written_down() {
    let recorder = Recorder::start().await;
    let id = recorder.seal(1, &Talk::default()).await;
    recorder.index.clone().close().await;
    let answer = recorder.get(&format!("/v1/recordings/{id}/audio")).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "2"));
    answer.detail();
}

#[tokio::test]
async fn only_so_many_listen_at_once_and_a_place_left_is_free_again() {
    let recorder = Recorder::start().await;
    let uri = format!("/v1/recordings/{}/audio", recorder.seal(1, &Talk::default()).await);
    let mut listeners = Vec::new();
    for _ in 0..256 {
        let request = Request::get(&uri).body(Body::empty()).unwrap();
        listeners.push(recorder.router.clone().oneshot(request).await.unwrap());
    }
    let answer = recorder.get(&uri).await;
    assert_eq!((answer.status.as_u16(), answer.detail().as_str()), (503, "Too many are listening now."));
    listeners.pop();
    assert_eq!(recorder.get(&uri).await.status, 200);
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_by_name() {
    let recorder = Recorder::start().await;
    let uri = format!("/v1/recordings/{}/audio", recorder.seal(1, &Talk::default()).await);
    for (query, parameter, detail) in [
        ("format=ogg", "format", "Format must be wav, opus, flac or mp3."),
        ("channels=3", "channels", "Channels must be 1 or 2."),
        (
            "from_ms=-1",
            "from_ms",
            "From_ms must be a whole number of milliseconds from the recording's start.",
        ),
        ("from_ms=5&to_ms=5", "to_ms", "To_ms must lie behind from_ms."),
        ("from_ms=10000", "from_ms", "From_ms must lie before the end; this one lasts 10000 ms."),
        (
            "from_ms=18446744073709551615",
            "from_ms",
            "From_ms must lie before the end; this one lasts 10000 ms.",
        ),
        ("rate=44100", "rate", "Rate must be 8000, 16000 or 48000."),
        (
            "from=5",
            "from",
            "There is no parameter \"from\"; there are channels, rate, from_ms, to_ms, format, reason.",
        ),
    ] {
        let answer = recorder.get(&format!("{uri}?{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.detail().as_str()), (400, detail), "{query}");
        assert_eq!(answer.json()["parameter"], parameter);
    }
    let answer = recorder.get("/v1/recordings/0198c7a2-4f3e-7abc-8def-0123456789ff/audio").await;
    assert_eq!((answer.status.as_u16(), answer.detail().as_str()), (404, "There is no such recording."));
}

#[tokio::test]
async fn a_damaged_block_is_silence_and_counted_and_an_alarm_and_a_strange_file_is_not_served() {
    let recorder = Recorder::start().await;
    let id = recorder.seal(1, &Talk::default()).await;
    let row = recorder.index.recording(id).await.unwrap().unwrap();
    let path = recorder.data.join(&row.file);
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 3;
    bad[middle] ^= 1;
    std::fs::write(&path, &bad).unwrap();
    let answer = recorder.get(&format!("/v1/recordings/{id}/audio")).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 44 + 80_000 * 4));
    assert!(recorder.metrics.playback_damaged.get() > 0);
    let alarms = recorder.get("/v1/alarms").await.json();
    let told = (&alarms["items"][0]["kind"], &alarms["items"][0]["recording"]);
    assert_eq!(told, (&json!("recording_damaged"), &json!(id.to_string())), "{alarms}");

    std::fs::write(&path, &good[..good.len() - 1]).unwrap();
    let answer = recorder.get(&format!("/v1/recordings/{id}/audio")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.detail().as_str()),
        (500, "Reading the recording failed; the log says more.")
    );
    let detail = recorder.get(&format!("/v1/recordings/{id}")).await;
    assert_eq!((detail.status.as_u16(), detail.json()["manifest"].is_null()), (200, true));
    assert!(detail.json()["unreadable"].is_string());
}

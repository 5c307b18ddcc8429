//! Web Export and Email Export (wfo-api section 3, section 9 rows 21 to 25).

use std::io::{Cursor, Read};

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use sidetone::http::Client;
use zip::ZipArchive;

use crate::fake::{Answer, Recorder};
use crate::talk::Talk;

/// The files of a zip, by name, in their order.
pub(crate) fn files(zip: &Answer, password: Option<&str>) -> Vec<(String, Vec<u8>)> {
    assert_eq!((zip.status.as_u16(), zip.header("content-type")), (200, "application/zip"), "{}", zip.text());
    let mut zip = ZipArchive::new(Cursor::new(&zip.body)).expect("a zip");
    let count = zip.len();
    let read = |n: usize| {
        let mut file = match password {
            Some(password) => {
                zip.by_index_decrypt(n, password.as_bytes()).expect("a file that the password opens")
            }
            None => zip.by_index(n).expect("a file"),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("what its sum says");
        (file.name().expect("UTF-8").into_owned(), bytes)
    };
    (0..count).map(read).collect()
}

/// A short recording.
fn short(tone_hz: f64, length_ms: u32) -> Talk {
    Talk { tones_hz: vec![tone_hz], length_ms, dark_ms: None, ..Talk::default() }
}

async fn audio(recorder: &Recorder, id: calls::id::RecordingId, query: &str) -> Vec<u8> {
    recorder.get(&format!("/v1/recordings/{id}/audio{query}")).await.body
}

fn manifest(files: &[(String, Vec<u8>)]) -> Value {
    let (name, bytes) = files.last().expect("a file");
    assert_eq!(name, "manifest.json");
    serde_json::from_slice(bytes).expect("JSON")
}

#[tokio::test]
async fn one_recording_comes_as_a_zip_too_and_sounds_as_it_does_elsewhere() {
    let recorder = Recorder::start().await;
    let id = recorder.seal(1, &Talk::default()).await;
    let uri = "/api/WebExport/SingleExport?uniquefield=ident&uniquevalue=1&mediaformat=WAV";
    let zip = recorder.get(uri).await;
    assert!(zip.header("content-disposition").starts_with("attachment; filename=\"recordings_20"));
    let found = files(&zip, None);
    // The zone of WFO times is New York's.
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, "2025-11-24_11-01-00_Rowan-Pike_1.wav");
    assert!(found[0].1 == audio(&recorder, id, "").await);

    // Keys and paths match in any case, and a body does as well as an address.
    let other = "/API/webexport/singleexport/?UniqueField=IDENT&UNIQUEVALUE=+1+&MediaFormat=wav";
    assert_eq!(files(&recorder.get(other).await, None), found);
    let body = r#"{"UniqueField":"RecordingIdentifier","uniquevalue":"ID","mediaformat":"Wav"}"#;
    let posted = recorder.post("/api/WebExport/SingleExport", body.replace("ID", &id.to_string())).await;
    assert_eq!(files(&posted, None), found);
    let head = recorder.method(Method::HEAD, uri).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-type"), "application/zip");
}

#[tokio::test]
async fn of_several_that_match_the_newest_leaves() {
    let recorder = Recorder::start().await;
    for n in [3, 5, 4] {
        recorder.seal(n, &short(440.0, 1_000)).await;
    }
    for named in [
        "user2&uniquevalue=1234567890",
        "callid&uniquevalue=a@192.0.2.1",
        "GlobalID&uniquevalue=04FA08010F5C6D05",
    ] {
        let uri = format!("/api/WebExport/SingleExport?uniquefield={named}&mediaformat=WAV");
        let found = files(&recorder.get(&uri).await, None);
        assert_eq!(found[0].0, "2025-11-24_11-05-00_Rowan-Pike_2.wav", "{named}");
    }
}

#[tokio::test]
async fn many_recordings_are_named_in_every_documented_way() {
    let recorder = Recorder::start().await;
    let mut sounds = Vec::new();
    for n in 1..=3 {
        let id = recorder.seal(n, &short(300.0 * f64::from(n), 1_000)).await;
        sounds.push(audio(&recorder, id, "").await);
    }
    let path = "/api/WebExport/MultiExport";
    let sounding =
        |answer: &Answer| files(answer, None).into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>();
    let in_uri = recorder.post(&format!("{path}?mediaformat=WAV&idents=1,2,3"), "").await;
    assert!(sounding(&in_uri) == sounds);
    let in_body = recorder.post(&format!("{path}?mediaformat=WAV"), r#"{"idents":"3, 1,2,2,1,"}"#).await;
    assert!(sounding(&in_body) == sounds);
    let listed = recorder.post(path, r#"{"mediaformat":"wav","Idents":[1,"2",3]}"#).await;
    assert!(sounding(&listed) == sounds);
    let label = "application/x-www-form-urlencoded";
    let form = recorder.post_labelled(path, label, "idents=1%2C2%2C3&mediaformat=WAV").await;
    assert!(sounding(&form) == sounds);
}

#[tokio::test]
async fn what_is_not_there_is_left_out_and_said_only_as_a_count() {
    let recorder = Recorder::start().await;
    recorder.seal(1, &short(440.0, 1_000)).await;
    let found =
        files(&recorder.post("/api/WebExport/MultiExport?mediaformat=WAV&idents=1,77,99999", "").await, None);
    assert_eq!(found.len(), 2);
    assert_eq!(manifest(&found), json!({"exported": 1, "omitted": 2, "failed": 0, "failures": []}));
    assert!(!String::from_utf8_lossy(&found[1].1).contains("77"));
}

#[tokio::test]
async fn combined_recordings_stand_in_one_file_by_number_with_half_a_second_between() {
    let recorder = Recorder::start().await;
    let first = recorder.seal(9, &Talk { length_ms: 3_003, ..Talk::default() }).await;
    let second = recorder.seal(2, &short(700.0, 777)).await;
    let third = recorder.seal(5, &short(300.0, 5_000)).await;
    let zip =
        recorder.post("/api/WebExport/CombinedExport", r#"{"mediaformat":"WAV","idents":"3,1,2"}"#).await;
    let found = files(&zip, None);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, "2025-11-24_11-09-00_3-recordings.wav");
    let mut wanted = Vec::new();
    for id in [first, second, third] {
        if !wanted.is_empty() {
            wanted.extend([0; 8_000]);
        }
        wanted.extend(&audio(&recorder, id, "?channels=1").await[44..]);
    }
    let sound = audio::file::wav::read(&found[0].1).expect("a WAV file whose header tells its true length");
    assert_eq!((sound.rate_hz, sound.channels.len()), (8_000, 1));
    assert_eq!(sound.channels[0].len(), (3_003 + 777 + 5_000 + 1_000) * 8);
    assert!(found[0].1[44..] == wanted);
}

#[tokio::test]
async fn a_password_encrypts_and_appears_nowhere() {
    let recorder = Recorder::start().await;
    recorder.seal(1, &short(440.0, 1_000)).await;
    let uri = "/api/WebExport/SingleExport?uniquefield=ident&uniquevalue=1&mediaformat=WAV";
    let open = files(&recorder.get(uri).await, None);
    for (query, body, password) in [
        ("&encrypt=true&password=s%C3%A9same+2", "", "s\u{e9}same 2"),
        ("", r#"{"encrypt":true,"password":" with spaces "}"#, " with spaces "),
        ("", r#"{"password":"1234"}"#, "1234"),
    ] {
        let zip = recorder.post(&format!("{uri}{query}"), body).await;
        assert_eq!(files(&zip, Some(password)), open, "{body}");
        assert!(ZipArchive::new(Cursor::new(&zip.body)).unwrap().by_index(0).is_err(), "{body}");
    }
    let listens = recorder.index.listens(crate::control::native::recordings::row(1).id).await.unwrap();
    assert_eq!(listens[0].what, "export, download, wav, channels as recorded, encrypted");
    assert!(listens.iter().all(|listen| !listen.what.contains("1234")));
}

#[tokio::test]
async fn each_fault_is_a_404_that_names_the_parameter() {
    let recorder = Recorder::start().await;
    recorder.seal(1, &short(440.0, 1_000)).await;
    let single = "/api/WebExport/SingleExport";
    let multi = "/api/WebExport/MultiExport";
    let cases = [
        (single, "", "Mediaformat is missing"),
        // The slip of the original's manual is none of ours.
        (single, "uniquefield=ident&uniquevalue265&mediaformat=WAV", "Uniquevalue is missing"),
        (single, "uniquevalue=1&mediaformat=WAV", "Uniquefield is missing"),
        (
            single,
            "uniquefield=ident&uniquevalue=1&mediaformat=AAC",
            "Mediaformat must be one of WAV, MP3, OGG, FLAC.",
        ),
        (single, "uniquefield=shoe&uniquevalue=1&mediaformat=WAV", "Uniquefield must be one of ident"),
        (single, "uniquefield=user16&uniquevalue=1&mediaformat=WAV", "Uniquefield must be one of"),
        (single, "uniquefield=user01&uniquevalue=1&mediaformat=WAV", "Uniquefield must be one of"),
        (
            single,
            "uniquefield=ident&uniquevalue=2&mediaformat=WAV",
            "There is no finished recording with this uniquevalue",
        ),
        (single, "uniquefield=ident&uniquevalue=one&mediaformat=WAV", "Uniquevalue must be the whole number"),
        (single, "uniquefield=ident&uniquevalue=-1&mediaformat=WAV", "Uniquevalue must be the whole number"),
        (single, "uniquefield=ident&uniquevalue=9223372036854775808&mediaformat=WAV", "Uniquevalue must be"),
        (
            single,
            "uniquefield=RecordingIdentifier&uniquevalue=7&mediaformat=WAV",
            "Uniquevalue: this is no recording id",
        ),
        (
            single,
            "uniquefield=user2&uniquevalue=%3C/x%3E%F0%9F%98%80'--&mediaformat=WAV",
            "There is no finished recording",
        ),
        (multi, "mediaformat=WAV", "Idents is missing"),
        (multi, "mediaformat=WAV&idents=,+,", "Idents is missing"),
        (multi, "mediaformat=WAV&idents=1,b", "Each of idents must be the whole number"),
        (multi, "mediaformat=WAV&idents=1,2.5", "Each of idents must be"),
        (multi, "mediaformat=WAV&idents=99999999999999999999", "Each of idents must be"),
        (multi, "mediaformat=WAV&idents=77", "There is no finished recording that idents names"),
        (multi, "mediaformat=WAV&idents=1&encrypt=perhaps", "Encrypt must be true or false"),
        (multi, "mediaformat=WAV&idents=1&encrypt=true", "Encrypt is true and password is missing"),
        (
            multi,
            "mediaformat=WAV&idents=1&encrypt=false&password=x",
            "There is a password, and encrypt is false",
        ),
        (multi, "mediaformat=WAV&idents=1&password=a%0Ab", "Password: a password has 1 to 128 characters"),
    ];
    for (path, query, said) in cases {
        let answer = recorder.post(&format!("{path}?{query}"), "").await;
        assert_eq!(answer.status, 404, "{query}: {}", answer.text());
        assert!(answer.message().starts_with(said), "{query}: {}", answer.message());
    }
    assert_eq!(recorder.metrics.listens.get(), 0, "no fault is a listen");
}

#[tokio::test]
async fn a_body_with_other_types_or_too_much_in_it_is_refused_by_name() {
    let recorder = Recorder::start().await;
    recorder.seal(1, &short(440.0, 1_000)).await;
    let multi = "/api/WebExport/MultiExport";
    let many = (1..=10_001).map(|n: u32| n.to_string()).collect::<Vec<_>>().join(",");
    for (body, said) in [
        (
            format!(r#"{{"mediaformat":"WAV","idents":"{many}"}}"#),
            "Idents names 10001 recordings; at most 10000",
        ),
        (r#"{"mediaformat":"WAV","idents":[1,null]}"#.to_owned(), "Idents must be a list of whole numbers"),
        (r#"{"mediaformat":"WAV","idents":[[1]]}"#.to_owned(), "Idents must be a text or a number"),
        (r#"{"mediaformat":"WAV","idents":{"a":1}}"#.to_owned(), "Idents must be a text"),
        (r#"{"mediaformat":["WAV"],"idents":"1"}"#.to_owned(), "Mediaformat must be a text"),
    ] {
        let answer = recorder.post(multi, body).await;
        assert_eq!(answer.status, 404);
        assert!(answer.message().starts_with(said), "{}", answer.message());
    }
    assert_eq!(recorder.get(multi).await.status, 405);
    assert!(
        recorder.post("/api/WebExport/Nothing", "").await.message().contains("/api/WebExport/MultiExport")
    );
    assert_eq!(recorder.metrics.listens.get(), 0, "no fault is a listen");
}

#[tokio::test]
async fn every_recording_is_written_down_before_it_leaves_or_nothing_does() {
    let recorder = Recorder::start().await;
    let ids = [recorder.seal(1, &short(440.0, 1_000)).await, recorder.seal(2, &short(440.0, 1_000)).await];
    let peer = Client::at([192, 0, 2, 77].into());
    let request = Request::post("/api/WebExport/CombinedExport?mediaformat=WAV&idents=1,2");
    let request = request.extension(peer).body(Body::empty()).unwrap();
    files(&recorder.send(request).await, None);
    for id in ids {
        let listens = recorder.index.listens(id).await.unwrap();
        let told: Vec<_> =
            listens.iter().map(|it| (it.who.as_str(), it.from.as_str(), it.what.as_str())).collect();
        assert_eq!(told, [("anonymous", "192.0.2.77", "export, download, wav, combined")]);
    }
    recorder.index.clone().close().await;
    let answer = recorder.post("/api/WebExport/MultiExport?mediaformat=WAV&idents=1,2", "").await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    answer.message();
}

#[tokio::test]
async fn names_from_outside_cannot_lead_anywhere() {
    let recorder = Recorder::start().await;
    for (n, agent) in [(1, "../../<b>\u{1f600}\\..\0"), (2, "J\u{f6}rg \u{202e}gpj.exe"), (3, "\u{1f600}")] {
        recorder.seal(n, &Talk { agent, ..short(440.0, 200) }).await;
    }
    let zip = recorder.post("/api/WebExport/MultiExport?mediaformat=WAV&idents=1,2,3", "").await;
    let names: Vec<String> = files(&zip, None).into_iter().map(|(name, _)| name).collect();
    let wanted = [
        "2025-11-24_11-01-00_b_1.wav",
        "2025-11-24_11-02-00_J\u{f6}rg-gpj-exe_2.wav",
        "2025-11-24_11-03-00_3.wav",
    ];
    assert_eq!(names, wanted);
}

#[tokio::test]
async fn one_that_cannot_be_read_is_named_and_the_others_leave() {
    let recorder = Recorder::start().await;
    let mut ids = Vec::new();
    for n in 1..=3 {
        ids.push(recorder.seal(n, &short(440.0, 1_000)).await);
    }
    let row = recorder.index.recording(ids[1]).await.unwrap().unwrap();
    let path = recorder.data.join(&row.file);
    let good = std::fs::read(&path).unwrap();
    std::fs::write(&path, &good[..good.len() - 1]).unwrap();
    let found =
        files(&recorder.post("/api/WebExport/MultiExport?mediaformat=WAV&idents=1,2,3,4", "").await, None);
    assert_eq!(found.len(), 3);
    let failure =
        json!({"recording": ids[1].to_string(), "ident": 2, "file": null, "why": "its file cannot be read"});
    assert_eq!(manifest(&found), json!({"exported": 2, "omitted": 1, "failed": 1, "failures": [failure]}));
    let alone = recorder.post("/api/WebExport/MultiExport?mediaformat=WAV&idents=2", "").await;
    assert_eq!(alone.status, 500);
    assert!(alone.message().contains("its file cannot be read"), "{}", alone.message());

    // Of another recording's file nothing leaves under this one's name.
    std::fs::write(
        &path,
        std::fs::read(recorder.data.join(&recorder.index.recording(ids[0]).await.unwrap().unwrap().file))
            .unwrap(),
    )
    .unwrap();
    let strange = recorder.post("/api/WebExport/CombinedExport?mediaformat=WAV&idents=1,2", "").await;
    assert_eq!(manifest(&files(&strange, None))["failed"], 1);
    assert_eq!(recorder.index.listens(ids[1]).await.unwrap(), []);
}

#[tokio::test]
async fn mail_that_is_not_set_up_says_what_to_set() {
    let recorder = Recorder::start().await;
    for which in ["SingleExport", "MultiExport", "CombinedExport"] {
        let answer = recorder.post(&format!("/api/EmailExport/{which}"), "{}").await;
        assert_eq!(answer.status, 500);
        assert!(answer.message().contains("smtp.server"), "{}", answer.message());
    }
    assert_eq!(recorder.get("/api/EmailExport/SingleExport").await.status, 405);
}

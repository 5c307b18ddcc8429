use calls::tracker::{Arrival, ArrivingStream};

use crate::fake::Recorder;

const AGENT_1: &str = r#"{"AgentIdentifier":"Id","Value":"1"}"#;

#[tokio::test]
async fn a_blackout_without_a_call_is_remembered_for_the_next_one() {
    let recorder = Recorder::start().await;
    let answer = recorder.post("/api/Blackout/StartForAgent", AGENT_1).await.json();
    assert_eq!((&answer["BlackoutActive"], answer["ActiveCall"].is_null()), (&true.into(), true));
    let arrival = Arrival {
        sip_call_id: "b@192.0.2.1".to_owned(),
        candidates: vec!["4678".to_owned()],
        streams: vec![ArrivingStream::default()],
        ..Arrival::default()
    };
    recorder.desk.begin_call(arrival).await.unwrap();
    let agent = recorder.get("/api/Agent?agentIdentifier=Id&value=1").await.json();
    assert_eq!(agent["ActiveCall"]["Recordings"][0]["RecordingState"], "Blackout");
    assert_eq!(agent["ActiveCall"]["Recordings"][0]["BlackoutActive"], true);
}

#[tokio::test]
async fn start_and_stop_may_be_repeated() {
    let recorder = Recorder::start().await;
    for path in ["/api/Blackout/StopForAgent", "/api/Blackout/StartForAgent", "/api/Blackout/StartForAgent"] {
        assert_eq!(recorder.post(path, AGENT_1).await.status, 200, "{path}");
    }
    for _ in 0..2 {
        let answer = recorder.post("/api/Blackout/StopForAgent", AGENT_1).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["BlackoutActive"]), (200, &false.into()));
    }
}

use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use crate::fake::Recorder;

/// Takes every line of the log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_value_of_metadata_is_logged_whatever_becomes_of_the_command() {
    // No other test uses this number: the log is that of all tests, for only a log of the whole process is sure to
    // miss nothing.
    const SECRET: &str = "4539578763621486";
    let lines = Lines::default();
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(lines.clone()).init();
    let recorder = Recorder::start().await;
    let of = |metadata: &str| format!(r#"{{"AgentIdentifier":"Id","Value":"1","CallMetadata":{metadata}}}"#);
    for metadata in [
        format!(r#"{{"user1":"{SECRET}","keepdays":"1"}}"#),
        format!(r#"{{"user1":"{SECRET}","colour":"{SECRET}"}}"#),
        format!(r#"{{"keepdays":"{SECRET}"}}"#),
        format!(r#""{SECRET}""#),
        format!(r#"{{"user1":"{SECRET}"#),
        format!(r#"{{"user1":{{"x":"{SECRET}"}}}}"#),
    ] {
        recorder.post("/api/Record/StartForAgent", of(&metadata)).await;
        recorder.post("/api/Record/UpdateForAgent", of(&metadata)).await;
    }
    recorder.post(&format!("/api/Record/StartForAgent?CallMetadata.user1={SECRET}&Value=1"), "").await;
    recorder.get(&format!("/v1/recordings?user1={SECRET}&text={SECRET}&limit={SECRET}")).await;
    recorder.hands.fill_the_disk();
    recorder.post("/api/Record/UpdateForAgent", of(&format!(r#"{{"user2":"{SECRET}"}}"#))).await;

    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("/api/Record/UpdateForAgent"), "commands are logged: {log}");
    assert!(!log.contains(SECRET), "{log}");
}

//! Events as the journal keeps them: what was decided together is one frame, so that a power cut leaves all of it or none.

use calls::event::Event;

/// Frames hold no more than this of events, but for one that is longer; only an import of agents comes near it.
const LIMIT_BYTES: usize = 4 << 20;

/// The events of one decision as frames: one, unless they are very many.
pub(super) fn frames_of(events: &[Event]) -> Vec<Vec<u8>> {
    let mut frames: Vec<Vec<u8>> = Vec::new();
    let mut texts = events.iter().map(bytes_of).peekable();
    while let Some(first) = texts.next() {
        let mut frame = b"[".to_vec();
        frame.extend_from_slice(&first);
        while let Some(text) = texts.next_if(|text| frame.len() + text.len() < LIMIT_BYTES) {
            frame.push(b',');
            frame.extend_from_slice(&text);
        }
        frame.push(b']');
        frames.push(frame);
    }
    frames
}

/// The events of a frame, in order. A frame of an earlier version is one event.
///
/// # Errors
/// What is wrong with it.
pub fn read_frame(frame: &[u8]) -> Result<Vec<Event>, serde_json::Error> {
    if frame.starts_with(b"[") {
        serde_json::from_slice(frame)
    } else {
        serde_json::from_slice(frame).map(|event| vec![event])
    }
}

fn bytes_of(event: &Event) -> Vec<u8> {
    serde_json::to_vec(event).expect("an event is made of texts, numbers and lists")
}

#[cfg(test)]
mod tests {
    use calls::id::{CallId, RecordingId};
    use calls::time::Wall;

    use super::*;

    fn stopped(why: &str) -> Event {
        let recording = RecordingId::from_bytes([7; 16]);
        Event::RecordingStopped { recording, why: why.to_owned(), at: Wall::from_ms(5) }
    }

    #[test]
    fn what_was_decided_together_is_one_frame_and_reads_back_in_order() {
        let ended = Event::CallEnded { call: CallId::from_bytes([8; 16]), at: Wall::from_ms(5) };
        let events = [stopped("a, \"b\" [c]"), ended];
        let [frame] = &frames_of(&events)[..] else { panic!("one frame") };
        assert_eq!(read_frame(frame).unwrap(), events);
        assert!(frames_of(&[]).is_empty());
    }

    #[test]
    fn very_many_events_are_parted_and_none_is_lost() {
        let events: Vec<Event> = (0..9).map(|_| stopped(&"w".repeat(LIMIT_BYTES / 4))).collect();
        let frames = frames_of(&events);
        assert_eq!(frames.len(), 3);
        let read: Vec<Event> = frames.iter().flat_map(|frame| read_frame(frame).unwrap()).collect();
        assert_eq!(read, events);
        let [long] = &frames_of(&[stopped(&"w".repeat(2 * LIMIT_BYTES))])[..] else { panic!("one frame") };
        assert_eq!(read_frame(long).unwrap().len(), 1);
    }

    #[test]
    fn a_frame_of_an_earlier_version_is_one_event() {
        let frame = bytes_of(&stopped("before"));
        assert_eq!(read_frame(&frame).unwrap(), [stopped("before")]);
        for wrong in [&b""[..], b"[", b"{}", b"[{}]", b"[1]"] {
            assert!(read_frame(wrong).is_err(), "{wrong:?}");
        }
    }
}

//! The client's bodies: the SDP offer, the metadata documents, and the reading of the recorder's answer.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Answered, AnsweredMedia, AnsweredStream, Call, OfferedKey, Party, SentStream, StreamSettings};
use crate::metadata::{
    Content, DataMode, Dialect, Document, NameId, Participant, ParticipantSession, ParticipantStream,
    Session, SessionRecording, Stream, Timestamp,
};
use crate::sdp::{Answer, Direction, Format, MasterKey, OfferLine};
use crate::token::Tokens;

/// What names our `a=crypto`, of which a line has one.
const CRYPTO_TAG: u32 = 1;

/// An id as RFC 7865 §6.10 likes it: base64 of 16 random bytes.
pub(super) fn id(tokens: &mut Tokens) -> String {
    STANDARD.encode(tokens.session_uuid().as_bytes())
}

impl Call {
    pub(super) fn sent_stream(&mut self, settings: StreamSettings) -> SentStream {
        SentStream { settings, id: id(&mut self.tokens) }
    }

    /// The offer as things stand; its version rises with each call (RFC 3264 §8).
    pub(super) fn offer(&mut self) -> Vec<u8> {
        self.sdp.1 += 1;
        let address = self.settings.media_address;
        let family = if address.is_ipv4() { "IP4" } else { "IP6" };
        let mut text = format!(
            "v=0\r\no=- {} {} IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n",
            self.sdp.0, self.sdp.1
        );
        let direction = if self.paused { Direction::Inactive } else { Direction::SendOnly };
        for stream in &self.streams {
            media_line(&mut text, &stream.settings);
            let label = &stream.settings.label;
            write!(text, "a={}\r\na=label:{label}\r\n", direction.as_str())
                .expect("writing to a String cannot fail");
            if self.settings.rtcp_mux {
                text.push_str("a=rtcp-mux\r\n");
            }
        }
        text.into_bytes()
    }

    /// The first document: all of it. `None` without parties (A1-09).
    pub(super) fn first_document(&mut self) -> Option<Document> {
        if self.settings.parties.is_empty() {
            return None;
        }
        let time = self.settings.started.as_deref().map(Timestamp::read);
        let session = self.session_id.clone();
        let mut content = Content {
            sessions: vec![Session { id: session.clone(), started: time.clone(), ..Session::default() }],
            session_recordings: vec![SessionRecording { session, associated: time, disassociated: None }],
            streams: self.streams.iter().map(|stream| self.stream(stream)).collect(),
            ..Content::default()
        };
        for (index, party) in self.settings.parties.iter().enumerate() {
            self.describe_party(&mut content, &self.participants[index], party);
        }
        Some(document(DataMode::Complete, content))
    }

    /// The change a new stream and its party make.
    pub(super) fn added(&mut self, stream: StreamSettings, party: Party) -> Document {
        let stream = self.sent_stream(stream);
        let mut content = Content { streams: vec![self.stream(&stream)], ..Content::default() };
        self.streams.push(stream);
        let participant = id(&mut self.tokens);
        self.describe_party(&mut content, &participant, &party);
        // The others hear the new stream too: their whole sets are told again (RFC 7865 §6.8.1).
        for (id, other) in self.participants.iter().zip(&self.settings.parties) {
            content.participant_streams.push(self.hearing(id, other));
        }
        self.participants.push(participant);
        self.settings.parties.push(party);
        document(DataMode::Partial, content)
    }

    /// The last change: the session is over.
    pub(super) fn stopped(&self, time: &str) -> Document {
        let stopped = Some(Timestamp::read(time));
        let session = Session { id: self.session_id.clone(), stopped, ..Session::default() };
        document(DataMode::Partial, Content { sessions: vec![session], ..Content::default() })
    }

    /// All that is known now, for a recorder that asks (RFC 7866 §9.2).
    pub(super) fn snapshot(&self) -> Document {
        document(DataMode::Complete, self.picture.content().clone())
    }

    /// Labels of our m-lines, to keep our own picture by.
    pub(super) fn labels(&self) -> Vec<Option<String>> {
        self.streams.iter().map(|stream| Some(stream.settings.label.clone())).collect()
    }

    fn stream(&self, stream: &SentStream) -> Stream {
        Stream {
            id: stream.id.clone(),
            session: Some(self.session_id.clone()),
            label: Some(stream.settings.label.clone()),
            ..Stream::default()
        }
    }

    fn describe_party(&self, content: &mut Content, id: &str, party: &Party) {
        let name = NameId { aor: party.aor.clone(), name: party.name.clone(), language: None };
        content.participants.push(Participant {
            id: id.to_owned(),
            names: vec![name],
            extensions: Vec::new(),
        });
        content.participant_sessions.push(ParticipantSession {
            participant: id.to_owned(),
            session: self.session_id.clone(),
            associated: self.settings.started.as_deref().map(Timestamp::read),
            ..ParticipantSession::default()
        });
        content.participant_streams.push(self.hearing(id, party));
    }

    fn hearing(&self, id: &str, party: &Party) -> ParticipantStream {
        let speaks = |stream: &&SentStream| party.speaks_into.as_ref() == Some(&stream.settings.label);
        ParticipantStream {
            participant: id.to_owned(),
            send: self.streams.iter().filter(speaks).map(|stream| stream.id.clone()).collect(),
            recv: self.streams.iter().filter(|s| !speaks(s)).map(|stream| stream.id.clone()).collect(),
            ..ParticipantStream::default()
        }
    }

    /// Reads the recorder's answer against what was offered.
    pub(super) fn read_answer(&self, body: Option<&[u8]>) -> Result<Answered, String> {
        let body = body.ok_or("the 200 to INVITE has no session description")?;
        let answer = Answer::parse(body).map_err(|error| error.to_string())?;
        // RFC 3264 §6: as many lines as were offered.
        if answer.lines.len() != self.streams.len() {
            let (got, want) = (answer.lines.len(), self.streams.len());
            return Err(format!("the answer has {got} media lines; {want} were offered"));
        }
        let streams = self.streams.iter().zip(&answer.lines).map(|(stream, line)| AnsweredStream {
            label: stream.settings.label.clone(),
            media: self.media(&stream.settings, line),
        });
        Ok(Answered { streams: streams.collect() })
    }

    fn media(&self, offered: &StreamSettings, line: &OfferLine) -> Option<AnsweredMedia> {
        let ours = |format: &&Format| offered.formats.iter().any(|f| f.payload_type == format.payload_type);
        let formats: Vec<Format> = line.formats.iter().filter(ours).cloned().collect();
        Some(AnsweredMedia {
            rtp: line.rtp()?,
            rtcp: line.rtcp(self.settings.rtcp_mux && line.rtcp_mux),
            format: formats.iter().find(|format| format.is_audio())?.clone(),
            formats,
            direction: line.direction,
            key: answered_key(offered, line)?,
        })
    }
}

/// The recorder's key, if we offered ours. `None`: it has answered something else, and nothing can be sent.
fn answered_key(offered: &StreamSettings, line: &OfferLine) -> Option<Option<MasterKey>> {
    let Some(ours) = &offered.protection else { return Some(None) };
    let [Ok(theirs)] = &line.crypto[..] else { return None };
    let right = theirs.tag == CRYPTO_TAG && theirs.suite == ours.suite;
    theirs.keys.first().filter(|_| right).map(|named| Some(named.key.clone()))
}

pub(super) fn document(data_mode: DataMode, content: Content) -> Document {
    Document { data_mode, dialect: Dialect::Rfc7865, content, warnings: Vec::new() }
}

fn media_line(text: &mut String, stream: &StreamSettings) {
    let types: Vec<String> = stream.formats.iter().map(|format| format.payload_type.to_string()).collect();
    let protocol = if stream.protection.is_some() { "RTP/SAVP" } else { "RTP/AVP" };
    write!(text, "m=audio {} {protocol} {}\r\n", stream.rtp_port, types.join(" "))
        .expect("writing to a String cannot fail");
    if let Some(OfferedKey { suite, key }) = &stream.protection {
        write!(text, "a=crypto:{CRYPTO_TAG} {suite} inline:{}\r\n", key.inline())
            .expect("writing to a String cannot fail");
    }
    for Format { payload_type, encoding, clock_hz, channels, fmtp } in &stream.formats {
        let channels = if *channels > 1 { format!("/{channels}") } else { String::new() };
        write!(text, "a=rtpmap:{payload_type} {encoding}/{clock_hz}{channels}\r\n")
            .expect("writing to a String cannot fail");
        if let Some(fmtp) = fmtp {
            write!(text, "a=fmtp:{payload_type} {fmtp}\r\n").expect("writing to a String cannot fail");
        }
    }
}

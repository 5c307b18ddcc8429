//! From agreed m-lines to a call's streams.

use super::{Arrival, ArrivingStream};
use crate::call::{Format, Party, Stream, StreamState};
use crate::id::StreamNumber;
use crate::time::{Span, Wall};

/// The streams of a call after the SRC has told which m-lines the session at place `carrier` has. A slot whose
/// label changed carries a new stream (A2-14), and so does one of whose payload types one means something else (A2-13);
/// what vanished has ended.
pub(super) fn streams_after(
    now: Wall,
    known: &[Stream],
    carrier: u16,
    arriving: &[ArrivingStream],
) -> Vec<Stream> {
    let mut streams = known.to_vec();
    let is_present = |stream: &Stream| stream.carrier == carrier && stream.state != StreamState::Ended;
    for stream in streams.iter_mut().filter(|stream| is_present(stream)) {
        let same = |new: &&ArrivingStream| {
            new.slot == stream.slot
                && new.label == stream.label
                && !Format::any_remapped(&stream.formats, &new.formats)
        };
        match arriving.iter().find(same) {
            None => {
                set_state(stream, StreamState::Ended, now);
                set_held(stream, false, now);
            }
            Some(new) => {
                Format::join(&mut stream.formats, &new.formats);
                stream.suites.extend(new.suite.clone().filter(|suite| stream.suites.last() != Some(suite)));
                set_state(stream, if new.paused { StreamState::Paused } else { StreamState::Live }, now);
                set_held(stream, new.held, now);
            }
        }
    }
    for new in arriving {
        if streams.iter().any(|stream| stream.slot == new.slot && is_present(stream)) {
            continue;
        }
        let Ok(number) = u16::try_from(streams.len()) else { break };
        let mut stream = Stream {
            number: StreamNumber(number),
            carrier,
            slot: new.slot,
            label: new.label.clone(),
            formats: new.formats.clone(),
            suites: new.suite.iter().cloned().collect(),
            state: StreamState::Live,
            paused: Vec::new(),
            held: Vec::new(),
        };
        set_held(&mut stream, new.held, now);
        if new.paused {
            set_state(&mut stream, StreamState::Paused, now);
        }
        streams.push(stream);
    }
    streams
}

fn set_state(stream: &mut Stream, state: StreamState, now: Wall) {
    if stream.state == state {
        return;
    }
    if state == StreamState::Paused {
        stream.paused.push(Span::opened(now));
    } else if let Some(last) = stream.paused.last_mut().filter(|span| span.until.is_none()) {
        last.until = Some(now);
    }
    stream.state = state;
}

fn set_held(stream: &mut Stream, held: bool, now: Wall) {
    let last = stream.held.last_mut().filter(|span| span.until.is_none());
    match (held, last) {
        (true, None) => stream.held.push(Span::opened(now)),
        (false, Some(last)) => last.until = Some(now),
        _ => {}
    }
}

pub(super) fn parties_of(arrival: &Arrival, carrier: u16, streams: &[Stream]) -> Vec<Party> {
    let number_at = |slot: &u16| {
        let at = |stream: &&Stream| {
            stream.carrier == carrier && stream.slot == *slot && stream.state != StreamState::Ended
        };
        streams.iter().find(at).map(|stream| stream.number)
    };
    arrival
        .parties
        .iter()
        .map(|party| Party {
            address: party.address.clone(),
            name: party.name.clone(),
            sends: party.sends.iter().filter_map(number_at).collect(),
            hears: party.hears.iter().filter_map(number_at).collect(),
            carrier,
        })
        .collect()
}

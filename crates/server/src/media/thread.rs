//! The loop of one media thread.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use calls::gate::Closed;
use calls::id::{CallId, RecordingId, StreamNumber};
use calls::time::Wall;
use crossbeam_channel::TryRecvError;
use rtp::supervision::Patience;
use rtp::{Receiver, ReceiverConfig};
use slab::Slab;
use tokio::sync::{mpsc, oneshot};
use vault::{FrameBatch, Intake};

use super::batch::{Batch, number_of};
use super::call::{CallMedia, Out, StreamMedia};
use super::instruction::{Finished, Handle, Inbox, Inlet, Instruction, Sockets, line};
use super::notice::{Notice, Noticed};
use super::poller::{Poller, Socket};
use super::steps::Steps;
use crate::clock::Clock;
use crate::keep;
use crate::keep::manifest::ClockReport;
use crate::observe::metrics::Metrics;

/// How long datagrams pile up in the kernel before they are read. A recorder may wait, and fewer looks at the
/// sockets cost less.
pub const TICK: Duration = Duration::from_millis(20);

/// How long a call's packets may be packed before they leave for the journal, which hands them to the kernel at
/// once. With a tick before and a tick after, and as much again for a machine that is busy, a killed process loses less than
/// 200 ms (E2-01).
const BLOCK_AGE: Duration = Duration::from_millis(80);

/// Batches read from one socket in a row: a flood at one port does not keep the others waiting.
const READS_IN_A_ROW: usize = 16;

/// How often reports are due to be looked at and calls supervised.
const SUPERVISE_EVERY: Duration = Duration::from_secs(1);

/// Packed blocks that may wait in a thread while the journal is stalled: some 20 s of a thousand streams
/// (E2-08 asks for ten). Beyond it packets are dropped and counted.
const BATCH_LIMIT_BYTES: usize = 160 * 1024 * 1024;

/// Starts `count` media threads. Each ends when the last [`Handle`] is gone.
///
/// # Errors
/// What the kernel says to the making of a thread or a poller.
pub fn start(
    count: usize,
    clock: Clock,
    intake: &Intake,
    journal: &keep::Handle,
    metrics: &Arc<Metrics>,
    patience: Patience,
) -> std::io::Result<(Handle, mpsc::Receiver<Notice>)> {
    let (notices, noticed) = mpsc::channel(4_096);
    let mut lines = Vec::new();
    for number in 0..count.max(1) {
        let (line, inbox) = line()?;
        lines.push(line);
        let media = MediaThread {
            clock,
            intake: intake.clone(),
            journal: journal.clone(),
            notices: notices.clone(),
            poller: Poller::new(Arc::clone(&inbox.bell))?,
            inbox,
            calls: Slab::new(),
            places: HashMap::new(),
            ports: Slab::new(),
            batch: FrameBatch::new(),
            reader: Batch::new(),
            ready: Vec::new(),
            metrics: Arc::clone(metrics),
            packing: VecDeque::new(),
            leaving: Vec::new(),
            flushed: Vec::new(),
            patience,
            steps: Steps::default(),
        };
        let name = format!("media-{number}");
        std::thread::Builder::new().name(name).spawn(move || media.run())?;
    }
    Ok((Handle { lines: lines.into() }, noticed))
}

struct MediaThread {
    clock: Clock,
    intake: Intake,
    journal: keep::Handle,
    notices: mpsc::Sender<Notice>,
    inbox: Inbox,
    poller: Poller,
    calls: Slab<CallMedia>,
    places: HashMap<CallId, usize>,
    ports: Slab<Port>,
    batch: FrameBatch,
    /// Calls with packets in open blocks, and since when; oldest first. A call that went on without waiting for
    /// its turn leaves its entry behind.
    packing: VecDeque<(Wall, usize)>,
    /// Recordings that are stopped, to be answered for when the batch has left.
    leaving: Vec<(oneshot::Sender<Finished>, Finished)>,
    /// Who waits for the batch to have left.
    flushed: Vec<oneshot::Sender<()>>,
    reader: Batch,
    /// Sockets to be read; empty between two looks.
    ready: Vec<Socket>,
    metrics: Arc<Metrics>,
    patience: Patience,
    steps: Steps,
}

/// A stream and where it comes in; without sockets once it was removed.
struct Port {
    stream: StreamMedia,
    sockets: Option<Sockets>,
    /// The progress of protected sources that was told last.
    told: u64,
}

impl MediaThread {
    fn run(mut self) {
        let mut next_supervision = self.clock.now();
        loop {
            self.poller.pause(TICK);
            if !self.take_instructions() {
                return;
            }
            self.read_sockets();
            let now = self.clock.now();
            self.flush(now);
            if now >= next_supervision {
                next_supervision = now.after(SUPERVISE_EVERY);
                self.supervise(now);
            }
            self.hand_over();
        }
    }

    /// Does what it was told. False when nobody can tell it anything any more.
    fn take_instructions(&mut self) -> bool {
        loop {
            match self.inbox.instructions.try_recv() {
                Ok(instruction) => {
                    // What came before the end belongs to the recording; what came before the light belongs to
                    // the dark, whatever a clock that was set back says of it.
                    if matches!(
                        instruction,
                        Instruction::Stop { .. }
                            | Instruction::Close { .. }
                            | Instruction::Lighten { .. }
                            | Instruction::Flush { .. }
                    ) {
                        self.read_sockets();
                    }
                    self.obey(instruction);
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Hands blocks over that have been open for long. Only calls that are due are looked at; both legs leave
    /// together, so that they lie side by side in the journal.
    fn flush(&mut self, now: Wall) {
        while let Some(&(since, at)) = self.packing.front()
            && now.since(since) >= BLOCK_AGE
        {
            self.packing.pop_front();
            if let Some(call) = self.calls.get_mut(at).filter(|call| call.packing_since() == Some(since)) {
                call.flush(&mut self.batch);
            }
        }
    }

    fn flush_all(&mut self, done: oneshot::Sender<()>) {
        self.calls.iter_mut().for_each(|(_, call)| call.flush(&mut self.batch));
        self.flushed.push(done);
    }

    fn read_sockets(&mut self) {
        let offset_ns = self.clock.offset_of_system_ns();
        let now = self.clock.now();
        if let Some(step) = self.steps.look(now, offset_ns) {
            tracing::warn!(
                by_ms = step.by_ns / 1_000_000,
                "the system clock was stepped; the timeline goes on as it was"
            );
        }
        let mut ready = std::mem::take(&mut self.ready);
        loop {
            let more = self.poller.ready(&mut ready).unwrap_or_else(|error| {
                tracing::error!(%error, "the sockets cannot be polled");
                false
            });
            for socket in ready.drain(..) {
                let mut more = true;
                for _ in 0..READS_IN_A_ROW {
                    more = more && self.read_socket(socket, (now, offset_ns));
                }
                if more {
                    self.poller.unfinished(socket);
                }
            }
            if !more {
                break;
            }
        }
        self.ready = ready;
    }

    /// Reads one batch. Says whether more may wait.
    fn read_socket(&mut self, socket: Socket, (now, offset_ns): (Wall, i64)) -> bool {
        let (Socket::Rtp(place) | Socket::Rtcp(place)) = socket;
        let Some(Port { stream, sockets: Some(sockets), .. }) = self.ports.get_mut(place) else {
            return false;
        };
        let Some(call) = self.calls.get_mut(stream.call) else { return false };
        let number = match (socket, &sockets.rtcp) {
            (Socket::Rtcp(_), Some(rtcp)) => number_of(rtcp),
            _ => number_of(&sockets.rtp),
        };
        let room = self.batch.bytes() < BATCH_LIMIT_BYTES;
        let (batch, clock) = (&mut self.batch, self.clock);
        let read = self.reader.read(number, |datagram| {
            let stamp = datagram.system_ns.map(|ns| Wall::from_ns(ns + offset_ns));
            let arrival = stamp.unwrap_or_else(|| clock.now());
            match socket {
                Socket::Rtp(_) => {
                    let out = Out { batch: &mut *batch, room };
                    stream.datagram(call, arrival, datagram.from, datagram.bytes, out);
                }
                Socket::Rtcp(_) => {
                    // What it told, and what was wrong with it, is in the stream's ledger.
                    let _ = stream.receiver.receive_rtcp(arrival.as_ns(), datagram.from, datagram.bytes);
                }
            }
        });
        if call.begins_packing(now) {
            self.packing.push_back((now, stream.call));
        }
        read.unwrap_or_else(|error| {
            tracing::warn!(%error, call.id = %call.id, stream.number = %stream.number, "a media socket cannot be read");
            false
        })
    }

    /// Gives the batch to the journal's thread, and answers for what was in it.
    fn hand_over(&mut self) {
        if !self.batch.is_empty() {
            let batch = std::mem::replace(&mut self.batch, self.journal.spare_batch());
            if let Err(batch) = self.journal.try_media(batch) {
                self.batch = batch;
                return;
            }
        }
        for (done, finished) in self.leaving.drain(..) {
            let _ = done.send(finished);
        }
        for done in self.flushed.drain(..) {
            let _ = done.send(());
        }
    }

    fn obey(&mut self, instruction: Instruction) {
        match instruction {
            Instruction::Open { call, stream, inlet, receiver, remote_rtcp } => {
                let opened = self.open(call, stream, inlet, receiver, remote_rtcp);
                if let Err(error) = opened {
                    tracing::error!(%error, call.id = %call, stream.number = %stream, "a stream cannot be read");
                }
            }
            Instruction::Update { call, stream, receiver, remote_rtcp } => {
                if let Some(at) = self.port(call, stream) {
                    let stream = &mut self.ports[at].stream;
                    stream.receiver.update(receiver);
                    stream.remote_rtcp = remote_rtcp;
                }
            }
            Instruction::Close { call, stream, done } => {
                // The sockets go; the ledger stays until the recording is stopped.
                let port = self.port(call, stream);
                let sockets = port.and_then(|at| self.ports[at].sockets.take());
                if let Some(((at, sockets), done)) = port.zip(sockets).zip(done) {
                    std::iter::once(&sockets.rtp).chain(&sockets.rtcp).for_each(|it| self.poller.leave(it));
                    let heard = self.ports[at].stream.receiver.srtp_state();
                    let _ = done.send(Inlet { sockets, heard });
                }
            }
            Instruction::End { call, done } => self.end(call, done),
            Instruction::Expect { call, paused } => {
                let now = self.clock.now().as_ns();
                let at = self.call(call);
                self.calls[at].supervision.set_paused(now, paused);
            }
            Instruction::Answered { call, carrier, streams, answers } => {
                let now = self.clock.now().as_ns();
                let port = |stream: &StreamNumber| self.port(call, *stream);
                let legs: Vec<usize> =
                    streams.iter().filter_map(port).map(|at| self.ports[at].stream.leg).collect();
                let at = self.call(call);
                self.calls[at].supervision.answered(now, carrier, &legs, answers);
            }
            Instruction::Record { call, recording, gates, order } => {
                let at = self.call(call);
                self.calls[at].record(self.intake.begin(recording), self.clock.now(), self.clock.system());
                gates.into_iter().for_each(|gate| self.guard(call, gate, order));
            }
            Instruction::Guard { call, gate, order } => self.guard(call, gate, order),
            Instruction::Darken { calls, order, done } => {
                for call in calls {
                    self.darken(call, order);
                }
                let _ = done.send(self.clock.now());
            }
            Instruction::Lighten { calls, at, order } => {
                for call in calls {
                    self.lighten(call, at, order);
                }
            }
            Instruction::Pause { call, stream, resumed } => {
                let at = self.port(call, stream);
                let gate = at.and_then(|at| self.ports[at].stream.gate());
                match (gate, resumed) {
                    (Some(gate), Some(at)) => gate.open(Closed::Paused, at),
                    (Some(gate), None) => gate.close(Closed::Paused),
                    (None, _) => {}
                }
            }
            Instruction::Stop { call, recording, done } => self.stop(call, recording, done),
            Instruction::Flush { done } => self.flush_all(done),
            Instruction::Settle { done } => drop(done.send(())),
        }
    }

    fn open(
        &mut self,
        call: CallId,
        number: StreamNumber,
        inlet: Inlet,
        config: ReceiverConfig,
        remote_rtcp: Option<SocketAddr>,
    ) -> std::io::Result<()> {
        let Inlet { sockets, heard } = inlet;
        let place = match self.port(call, number) {
            Some(place) => {
                // A stream that goes on at other ports, as when RTCP is moved onto the media port.
                self.ports[place].stream.receiver.update(config);
                place
            }
            None => {
                let at = self.call(call);
                let call = &mut self.calls[at];
                let leg = call.supervision.add_leg();
                let mut stream = StreamMedia::new(number, at, leg, Receiver::new(config));
                if let Some(gate) = call.early_gate(number) {
                    stream.guard(gate);
                }
                let place = self.ports.insert(Port { stream, sockets: None, told: 0 });
                call.streams.push(place);
                place
            }
        };
        self.poller.watch(&sockets.rtp, Socket::Rtp(place))?;
        if let Some(rtcp) = &sockets.rtcp {
            self.poller.watch(rtcp, Socket::Rtcp(place))?;
        }
        let port = &mut self.ports[place];
        port.stream.receiver.restore_srtp(&heard);
        port.stream.remote_rtcp = remote_rtcp;
        port.sockets = Some(sockets);
        Ok(())
    }

    fn guard(&mut self, call: CallId, gate: calls::gate::Gate, order: crate::desk::Order) {
        let port = self.port(call, gate.stream());
        let at = self.call(call);
        let stream = port.map(|port| &mut self.ports[port].stream);
        self.calls[at].guard(stream, gate, order);
    }

    fn darken(&mut self, call: CallId, order: crate::desk::Order) {
        let at = self.call(call);
        self.calls[at].darken(order);
        for &place in &self.calls[at].streams {
            if let Some(gate) = self.ports[place].stream.gate() {
                gate.close(Closed::Blackout);
            }
        }
    }

    fn lighten(&mut self, call: CallId, from: Wall, order: crate::desk::Order) {
        // One that is not known here is over: its instructions come in the order of the decisions.
        let Some(&at) = self.places.get(&call) else { return };
        if !self.calls[at].may_lighten(from, order) {
            return;
        }
        for &place in &self.calls[at].streams {
            if let Some(gate) = self.ports[place].stream.gate() {
                gate.open(Closed::Blackout, from);
            }
        }
    }

    fn stop(&mut self, call: CallId, recording: RecordingId, done: oneshot::Sender<Finished>) {
        let mut finished = Finished::default();
        // A recording of an earlier run is stopped too, and its call was never known here.
        if let Some(&at) = self.places.get(&call)
            && self.calls[at].stop(recording, &mut self.batch)
        {
            for &place in &self.calls[at].streams {
                finished.add(self.ports[place].stream.unguard());
            }
            finished.clock = self.calls[at].begun().map(|(since, at_start)| ClockReport {
                at_start,
                at_stop: self.clock.system(),
                steps: self.steps.since(since),
            });
        }
        self.leaving.push((done, finished));
    }

    fn end(&mut self, call: CallId, done: Option<oneshot::Sender<()>>) {
        let now = self.clock.now();
        if let Some(at) = self.places.remove(&call) {
            let mut call = self.calls.remove(at);
            call.flush(&mut self.batch);
            for place in call.streams {
                let Port { mut stream, sockets, .. } = self.ports.remove(place);
                self.metrics.add_ledger(&stream.uncounted());
                if let Some(sockets) = sockets
                    && let Some(goodbye) = stream.receiver.goodbye(now.as_ns())
                {
                    send_report(&stream, &sockets, &goodbye);
                }
            }
        }
        done.map(|done| done.send(()));
    }

    /// Once a second: reports that are due, and calls that have fallen silent.
    fn supervise(&mut self, now: Wall) {
        for (_, Port { stream, sockets, told }) in &mut self.ports {
            self.metrics.add_ledger(&stream.uncounted());
            let progress = stream.receiver.srtp_progress();
            if progress != *told && sockets.is_some() {
                let what = Noticed::Heard { stream: stream.number, state: stream.receiver.srtp_state() };
                let notice = Notice { call: self.calls[stream.call].id, what };
                // A full queue is tried again in a second.
                if self.notices.try_send(notice).is_ok() {
                    *told = progress;
                }
            }
            if stream.receiver.next_rtcp_ns() > now.as_ns() {
                continue;
            }
            if let (Some(report), Some(sockets)) = (stream.receiver.poll_rtcp(now.as_ns()), sockets) {
                send_report(stream, sockets, &report);
            }
        }
        for (_, call) in &mut self.calls {
            while let Some(alarm) = call.supervision.poll(now.as_ns()) {
                if self.notices.try_send(Notice { call: call.id, what: Noticed::Alarm(alarm) }).is_err() {
                    tracing::warn!(call.id = %call.id, ?alarm, "nobody takes notice of a media alarm");
                }
            }
        }
    }

    fn call(&mut self, id: CallId) -> usize {
        let (now, patience) = (self.clock.now(), self.patience);
        *self.places.entry(id).or_insert_with(|| self.calls.insert(CallMedia::new(id, now, patience)))
    }

    /// The place of a stream in the thread's table.
    fn port(&self, call: CallId, number: StreamNumber) -> Option<usize> {
        let call = self.calls.get(*self.places.get(&call)?)?;
        call.streams.iter().copied().find(|&place| self.ports[place].stream.number == number)
    }
}

/// Sends a report from the port that receives (B1-06). It may be lost like any datagram.
fn send_report(stream: &StreamMedia, sockets: &Sockets, report: &[u8]) {
    if let Some(to) = stream.remote_rtcp {
        let _ = sockets.rtcp.as_ref().unwrap_or(&sockets.rtp).send_to(report, to);
    }
}

//! The loop of one media thread.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use calls::id::{CallId, StreamNumber};
use calls::time::Wall;
use crossbeam_channel::TryRecvError;
use rtp::ReceiverConfig;
use rtp::supervision::Patience;
use tokio::sync::{mpsc, oneshot};
use vault::Intake;

use super::batch::{Batch, number_of};
use super::call::StreamMedia;
use super::held::HoldBack;
use super::instruction::{Handle, Inbox, Inlet, Instruction, Sockets, line};
use super::notice::{Notice, Noticed};
use super::poller::{Poller, Socket};
use super::steps::Steps;
use super::table::{HeldCounts, Port, Seen, Table};
use super::tap::Tap;
use crate::clock::Clock;
use crate::keep;
use crate::observe::metrics::Metrics;

/// How long datagrams pile up in the kernel before they are read. A recorder may wait, and fewer looks at the
/// sockets cost less.
pub const TICK: Duration = Duration::from_millis(20);

/// Batches read from one socket in a row: a flood at one port does not keep the others waiting.
const READS_IN_A_ROW: usize = 16;

/// While so many jobs wait for the journal, nothing that was held back is added to them.
const HAND_OVER_JOBS: usize = 8;

/// How often reports are due to be looked at and calls supervised.
const SUPERVISE_EVERY: Duration = Duration::from_secs(1);

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
    (patience, hold_back, tap): (Patience, HoldBack, &Tap),
) -> std::io::Result<(Handle, mpsc::Receiver<Notice>)> {
    let (notices, noticed) = mpsc::channel(4_096);
    let mut lines = Vec::new();
    let share = HoldBack { bytes: hold_back.bytes / count.max(1), ..hold_back };
    for number in 0..count.max(1) {
        let (line, inbox) = line()?;
        lines.push(line);
        let media = MediaThread {
            clock,
            table: Table::new(intake.clone(), patience, share).tapped(tap.clone()),
            told_held: HeldCounts::default(),
            journal: journal.clone(),
            notices: notices.clone(),
            poller: Poller::new(Arc::clone(&inbox.bell))?,
            inbox,
            reader: Batch::new(),
            ready: Vec::new(),
            metrics: Arc::clone(metrics),
            steps: Steps::default(),
        };
        let name = format!("media-{number}");
        std::thread::Builder::new().name(name).spawn(move || media.run())?;
    }
    Ok((Handle { lines: lines.into() }, noticed))
}

struct MediaThread {
    clock: Clock,
    table: Table<Sockets>,
    journal: keep::Handle,
    notices: mpsc::Sender<Notice>,
    inbox: Inbox,
    poller: Poller,
    reader: Batch,
    /// Sockets to be read; empty between two looks.
    ready: Vec<Socket>,
    metrics: Arc<Metrics>,
    steps: Steps,
    /// What was told last of what is held back.
    told_held: HeldCounts,
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
            self.table.flush(now);
            if now >= next_supervision {
                next_supervision = now.after(SUPERVISE_EVERY);
                self.supervise(now);
            }
            self.table.hold(now);
            self.table.give_kept(self.journal.backlog().0 < HAND_OVER_JOBS);
            self.tell_held();
            self.table.hand_over(|| self.journal.spare_batch(), |batch| self.journal.try_media(batch));
        }
    }

    fn tell_held(&mut self) {
        let (now, told) = (self.table.held_counts(), self.told_held);
        if now != told {
            let metrics = &self.metrics;
            metrics.held_calls.change(told.calls, now.calls);
            metrics.held_bytes.change(told.bytes, now.bytes);
            metrics.held_kept.add(now.kept - told.kept);
            metrics.held_wiped.add(now.wiped - told.wiped);
            metrics.held_over_time.add(now.over_time_bytes - told.over_time_bytes);
            metrics.held_over_limit.add(now.over_limit_bytes - told.over_limit_bytes);
            self.told_held = now;
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
        let Some(Port { stream, sockets: Some(sockets), .. }) = self.table.ports.get(place) else {
            return false;
        };
        let number = match (socket, &sockets.rtcp) {
            (Socket::Rtcp(_), Some(rtcp)) => number_of(rtcp),
            _ => number_of(&sockets.rtp),
        };
        let (at, table, clock) = (stream.call, &mut self.table, self.clock);
        let read = self.reader.read(number, |datagram| {
            let stamp = datagram.system_ns.map(|ns| Wall::from_ns(ns + offset_ns));
            let arrival = stamp.unwrap_or_else(|| clock.now());
            match socket {
                Socket::Rtp(_) => table.datagram(place, arrival, datagram.from, datagram.bytes),
                // What it told, and what was wrong with it, is in the stream's ledger.
                Socket::Rtcp(_) => table.report(place, arrival, datagram.from, datagram.bytes),
            }
        });
        table.was_read(place, now);
        read.unwrap_or_else(|error| {
            let call = table.calls.get(at).map(|call| call.id.to_string());
            tracing::warn!(%error, call.id = call, "a media socket cannot be read");
            false
        })
    }

    fn obey(&mut self, instruction: Instruction) {
        match instruction {
            Instruction::Open { call, stream, inlet, receiver, remote_rtcp } => {
                let opened = self.open(call, stream, inlet, receiver, remote_rtcp);
                if let Err(error) = opened {
                    tracing::error!(%error, call.id = %call, stream.number = %stream, "a stream cannot be read");
                }
            }
            Instruction::Close { call, stream, done } => {
                if let Some(((at, sockets), done)) = self.table.close(call, stream).zip(done) {
                    std::iter::once(&sockets.rtp).chain(&sockets.rtcp).for_each(|it| self.poller.leave(it));
                    let heard = self.table.ports[at].stream.receiver.srtp_state();
                    let _ = done.send(Inlet { sockets, heard });
                }
            }
            Instruction::End { call, done } => self.end(call, done),
            other => {
                let clock = self.clock;
                let seen = Seen { now: clock.now(), system: &|| clock.system(), steps: &self.steps };
                self.table.obey(other, seen);
            }
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
        let place = self.table.open(call, number, config, self.clock.now());
        self.poller.watch(&sockets.rtp, Socket::Rtp(place))?;
        if let Some(rtcp) = &sockets.rtcp {
            self.poller.watch(rtcp, Socket::Rtcp(place))?;
        }
        let port = &mut self.table.ports[place];
        port.stream.receiver.restore_srtp(&heard);
        port.stream.remote_rtcp = remote_rtcp;
        port.sockets = Some(sockets);
        Ok(())
    }

    fn end(&mut self, call: CallId, done: Option<oneshot::Sender<()>>) {
        let now = self.clock.now();
        for Port { mut stream, sockets, .. } in self.table.end(call) {
            self.metrics.add_ledger(&stream.uncounted());
            if let Some(sockets) = sockets
                && let Some(goodbye) = stream.receiver.goodbye(now.as_ns())
            {
                send_report(&stream, &sockets, &goodbye);
            }
        }
        done.map(|done| done.send(()));
    }

    /// Once a second: reports that are due, and calls that have fallen silent.
    fn supervise(&mut self, now: Wall) {
        let Table { ports, calls, .. } = &mut self.table;
        for (_, Port { stream, sockets, told }) in ports {
            self.metrics.add_ledger(&stream.uncounted());
            let progress = stream.receiver.srtp_progress();
            if progress != *told && sockets.is_some() {
                let what = Noticed::Heard { stream: stream.number, state: stream.receiver.srtp_state() };
                let notice = Notice { call: calls[stream.call].id, what };
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
        for (_, call) in calls {
            while let Some(alarm) = call.supervision.poll(now.as_ns()) {
                if self.notices.try_send(Notice { call: call.id, what: Noticed::Alarm(alarm) }).is_err() {
                    tracing::warn!(call.id = %call.id, ?alarm, "nobody takes notice of a media alarm");
                }
            }
        }
    }
}

/// Sends a report from the port that receives (B1-06). It may be lost like any datagram.
fn send_report(stream: &StreamMedia, sockets: &Sockets, report: &[u8]) {
    if let Some(to) = stream.remote_rtcp {
        let _ = sockets.rtcp.as_ref().unwrap_or(&sockets.rtp).send_to(report, to);
    }
}

//! The threads of the recorder as tasks: who reads the network, and turns that come when they come.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use calls::time::Wall;
use parking_lot::Mutex;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::RngCore;

use super::book::Book;
use super::wire::Wire;
use super::world::Sabotage;
use crate::clock::{Clock, SystemClock};
use crate::keep;
use crate::media::steps::Steps;
use crate::media::table::{Seen, Table};
use crate::media::{Instruction, TICK};

/// How late a sabotaged gate is.
const LATE: Duration = Duration::from_millis(100);

/// Does turn after turn until the last, with a pause between two of up to so many ms, most often short.
pub(super) async fn turns(mut turn: impl FnMut() -> bool, mut random: ChaCha12Rng, longest_ms: u32) {
    while turn() {
        let longest_ms = if random.next_u32().is_multiple_of(20) { longest_ms } else { 15 };
        let pause_us = 500 + random.next_u32() % (longest_ms * 1_000);
        tokio::time::sleep(Duration::from_micros(u64::from(pause_us))).await;
    }
}

/// A media thread without sockets.
pub(super) struct Reader {
    pub(super) clock: Clock,
    pub(super) table: Table<()>,
    pub(super) instructions: crossbeam_channel::Receiver<Instruction>,
    pub(super) wire: Wire,
    pub(super) journal: keep::Handle,
    pub(super) sabotage: Option<Sabotage>,
    /// Instructions that are carried out later than they should.
    pub(super) late: Vec<(Wall, Instruction)>,
    pub(super) book: Arc<Mutex<Book>>,
}

fn system() -> SystemClock {
    SystemClock { synchronised: Some(true), max_error_ns: Some(0), ahead_ns: 0 }
}

impl Reader {
    pub(super) async fn run(mut self, mut random: ChaCha12Rng) {
        loop {
            tokio::time::sleep(TICK).await;
            let now = self.clock.now();
            // What waits in the kernel when the system clock is stepped gets another time of arrival.
            let is_stepped = random.next_u32().is_multiple_of(200);
            let step_ns =
                if is_stepped { i64::from(random.next_u32() % 4_000) * 1_000_000 - 2_000_000_000 } else { 0 };
            if is_stepped {
                self.book.lock().stepped(now);
            }
            for (call, stream, config) in self.wire.take_opened() {
                self.table.open(call, stream, config, now);
            }
            self.obey_all(now, step_ns);
            self.read(now, step_ns);
            for call in self.wire.take_ended() {
                drop(self.table.end(call));
            }
            self.table.flush(now);
            self.table.hold(now);
            self.table.give_kept(self.journal.backlog().0 < 8);
            self.table.hand_over(|| self.journal.spare_batch(), |batch| self.journal.try_media(batch));
        }
    }

    fn obey_all(&mut self, now: Wall, step_ns: i64) {
        while let Ok(instruction) = self.instructions.try_recv() {
            let reads_first = matches!(
                instruction,
                Instruction::Stop { .. } | Instruction::Lighten { .. } | Instruction::Flush { .. }
            );
            if reads_first {
                self.read(now, step_ns);
            }
            match (self.sabotage, instruction) {
                (Some(Sabotage::LateGate), Instruction::Darken { calls, order, done }) => {
                    let _ = done.send(now);
                    let (done, _) = tokio::sync::oneshot::channel();
                    self.late.push((now.after(LATE), Instruction::Darken { calls, order, done }));
                }
                (Some(Sabotage::LateLight), lighten @ Instruction::Lighten { .. }) => {
                    self.late.push((now.after(LATE), lighten));
                }
                (Some(Sabotage::RecordsAll), Instruction::HoldBack { call, recording, gates, order }) => {
                    self.obey(Instruction::Record { call, recording, gates, order }, now);
                }
                (Some(Sabotage::HoldsLate), hold_back @ Instruction::HoldBack { .. }) => {
                    self.late.push((now.after(LATE), hold_back));
                }
                (_, instruction) => self.obey(instruction, now),
            }
        }
        let (due, later) = std::mem::take(&mut self.late).into_iter().partition(|(at, _)| *at <= now);
        self.late = later;
        let due: Vec<(Wall, Instruction)> = due;
        due.into_iter().for_each(|(_, instruction)| self.obey(instruction, now));
    }

    fn obey(&mut self, instruction: Instruction, now: Wall) {
        let steps = Steps::default();
        self.table.obey(instruction, Seen { now, system: &system, steps: &steps });
    }

    fn read(&mut self, now: Wall, step_ns: i64) {
        let from: SocketAddr = ([192, 0, 2, 7], 4_000).into();
        for mut waiting in self.wire.delivered(now) {
            let Some(place) = self.table.port(waiting.call, waiting.stream) else { continue };
            let arrival = Wall::from_ns(waiting.at.as_ns() + step_ns);
            self.table.datagram(place, arrival, from, &mut waiting.bytes);
            self.table.was_read(place, now);
        }
    }
}

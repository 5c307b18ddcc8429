//! What the recorder was told and has promised, and whether it kept its word:
//!
//! - *acknowledged = durable*: a blackout and a tag that were answered are there after every start;
//! - *dark = nothing stored*: no packet that came between the answer to a blackout's start and the sending of its stop;
//! - *light = all stored*: every packet that came with no doubt about the light, but for the last before a crash;
//! - *not kept = nothing stored*: no packet of a call that a schedule has left out, until a command starts its recording;
//! - *held back*: where calls are kept on demand only, a call that was asked for is kept from its beginning, and of one that
//!   nobody asked for nothing is;
//! - *every packet accounted for*: each ledger balances, and says of each stream what its file holds;
//! - *sealed = immutable*, *index = files*: each row has the file it says, each file its row, and nothing is left over.

use std::collections::{BTreeMap, BTreeSet};

use calls::id::CallId;
use calls::time::Wall;
use calls::tracker::AgentView;

use super::wire::PacketId;

/// A command of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Darken,
    Lighten,
    StopRecording,
    StartRecording,
    Tag(u64),
}

/// A span that may last still.
#[derive(Debug, Clone, Copy)]
struct Lasting {
    from: Wall,
    until: Option<Wall>,
}

impl Lasting {
    fn holds(&self, at: Wall) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

/// What is known of a phone.
#[derive(Debug, Default)]
struct Phone {
    /// Certainly dark.
    dark: Vec<Lasting>,
    /// Dark or light, recorded or not: nobody can know.
    doubts: Vec<Lasting>,
    /// Whether the last acknowledged word was that it is dark; unknown while a command is under way.
    is_dark: Option<bool>,
    /// A stop of the recording was sent, and no start or call came after its answer.
    stopped: Option<Stopped>,
    /// Starts of a recording, from the sending of each to its answer.
    starts: Vec<Lasting>,
}

#[derive(Debug, Clone, Copy)]
struct Stopped {
    doubt: usize,
    answered: bool,
}

/// What is known of a call.
#[derive(Debug)]
struct CallTold {
    phone: usize,
    begun: Wall,
    /// Whether it was ruled that it is kept.
    kept: bool,
    up: Option<Wall>,
    over: Option<Wall>,
    id: Option<CallId>,
    doubts: Vec<Lasting>,
    life: usize,
    /// From when on somebody has had it kept, where calls are held back.
    kept_from: Option<Wall>,
    /// A command stopped it before anybody had it kept.
    is_wiped: bool,
}

/// How a life ended, and what it may have cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) at: Wall,
    /// How long before the end a packet must have come to be safe.
    pub(super) may_cost: std::time::Duration,
}

/// See the module's head.
#[derive(Debug, Default)]
pub(super) struct Book {
    phones: [Phone; 3],
    calls: Vec<CallTold>,
    sent: BTreeMap<PacketId, Wall>,
    tickets: Vec<(usize, Command, usize)>,
    tag: u64,
    tags: BTreeMap<CallId, u64>,
    life: usize,
    ends: Vec<End>,
    /// Spans in which the clock of arrivals was stepped.
    steps: Vec<Lasting>,
    /// Whether calls are kept on demand, and held back until then.
    holds_back: bool,
    notes: Vec<String>,
}

/// What is read at the next look at the sockets may have come this much before.
const UNREAD: std::time::Duration = std::time::Duration::from_millis(45);

impl Book {
    /// The book of a world in which calls are held back, or not.
    pub(super) fn of(holds_back: bool) -> Self {
        Self { holds_back, ..Self::default() }
    }

    pub(super) fn note(&mut self, what: String) {
        self.notes.push(what);
    }

    pub(super) fn notes(&self) -> String {
        self.notes.join("\n")
    }

    pub(super) fn begin_call(&mut self, phone: usize, now: Wall) -> u32 {
        let number = u32::try_from(self.calls.len()).expect("few");
        self.calls.push(CallTold {
            phone,
            begun: now,
            kept: true,
            up: None,
            over: None,
            id: None,
            doubts: Vec::new(),
            life: self.life,
            kept_from: None,
            is_wiped: false,
        });
        // One that begins after the answer to a stop is recorded again.
        if let Some(stopped) = self.phones[phone].stopped.filter(|stopped| stopped.answered) {
            self.phones[phone].doubts[stopped.doubt].until = Some(now);
            self.phones[phone].stopped = None;
        }
        number
    }

    pub(super) fn call_is_up(&mut self, number: u32, id: CallId, kept: bool, now: Wall) {
        let call = &mut self.calls[number as usize];
        (call.up, call.id, call.kept) = (Some(now), Some(id), kept);
        self.notes.push(format!("call {number} is up at {} as {id}, kept {kept}", now.as_ns()));
    }

    pub(super) fn end_call(&mut self, number: u32, now: Wall) {
        self.calls[number as usize].over = Some(now);
    }

    pub(super) fn doubt_from(&mut self, number: u32, now: Wall) {
        let doubt = Lasting { from: now.before(UNREAD), until: None };
        self.calls[number as usize].doubts.push(doubt);
    }

    pub(super) fn doubt_until(&mut self, number: u32, now: Wall) {
        if let Some(last) = self.calls[number as usize].doubts.last_mut() {
            last.until = Some(now.after(UNREAD));
        }
    }

    pub(super) fn sent(&mut self, id: PacketId, delivered: Option<Wall>) {
        if let Some(at) = delivered {
            self.sent.insert(id, at);
        }
    }

    pub(super) fn stepped(&mut self, at: Wall) {
        self.steps.push(Lasting { from: at.before(UNREAD), until: Some(at.after(UNREAD)) });
    }

    pub(super) fn next_tag(&mut self) -> u64 {
        self.tag += 1_000;
        self.tag
    }

    pub(super) fn command_sent(&mut self, phone: usize, what: Command, now: Wall) -> usize {
        if what == Command::StopRecording
            && let Some(call) = self.going_on(phone).filter(|call| call.kept_from.is_none())
        {
            call.is_wiped = true;
        }
        let told = &mut self.phones[phone];
        told.doubts.push(Lasting { from: now.before(UNREAD), until: None });
        let doubt = told.doubts.len() - 1;
        match what {
            Command::Darken => told.is_dark = None,
            Command::Lighten => {
                told.is_dark = None;
                if let Some(dark) = told.dark.last_mut().filter(|dark| dark.until.is_none()) {
                    dark.until = Some(now);
                }
            }
            Command::StopRecording => told.stopped = Some(Stopped { doubt, answered: false }),
            Command::StartRecording => told.starts.push(Lasting { from: now, until: None }),
            Command::Tag(_) => told.doubts[doubt].until = Some(now.before(UNREAD)),
        }
        self.tickets.push((phone, what, doubt));
        self.tickets.len() - 1
    }

    pub(super) fn command_answered(&mut self, ticket: usize, view: Option<&AgentView>, now: Wall) {
        let (phone, what, doubt) = self.tickets[ticket];
        let asked = self.phones[phone].doubts[doubt].from.after(UNREAD);
        if what == Command::StartRecording
            && view.is_some()
            && let Some(call) = self.going_on(phone)
            && let Some(up) = call.up.filter(|up| *up <= asked)
        {
            let from = if call.is_wiped { now } else { up };
            call.kept_from.get_or_insert(from);
        }
        let told = &mut self.phones[phone];
        // A refusal changes nothing, but one for want of time may become a fact yet.
        let Some(view) = view else { return self.refused(ticket, now) };
        match what {
            Command::Darken | Command::Lighten => {
                // What was unanswered before is overtaken by this.
                let is_recorded = |at: usize| told.stopped.is_none_or(|stopped| stopped.doubt != at);
                let open: Vec<usize> = (0..told.doubts.len())
                    .filter(|at| told.doubts[*at].until.is_none() && is_recorded(*at))
                    .collect();
                open.into_iter().for_each(|at| told.doubts[at].until = Some(now));
                told.is_dark = Some(what == Command::Darken);
                if what == Command::Darken && told.dark.last().is_none_or(|dark| dark.until.is_some()) {
                    told.dark.push(Lasting { from: now, until: None });
                }
            }
            Command::StopRecording => {
                if let Some(stopped) = &mut told.stopped {
                    stopped.answered = true;
                }
            }
            Command::StartRecording => {
                if let Some(start) = told.starts.last_mut() {
                    start.until = Some(now);
                }
                told.doubts[doubt].until = Some(now);
                if let Some(stopped) = told.stopped.take_if(|stopped| stopped.answered) {
                    told.doubts[stopped.doubt].until = Some(now);
                }
            }
            Command::Tag(tag) => {
                let call = view.active.as_ref().or(view.inactive.first());
                if let Some(call) = call {
                    self.tags.insert(call.id, tag);
                }
            }
        }
        self.notes.push(format!("{what:?} for {phone} is done at {}", now.as_ns()));
    }

    /// The call of a phone that is up.
    fn going_on(&mut self, phone: usize) -> Option<&mut CallTold> {
        let life = self.life;
        let goes_on = |call: &&mut CallTold| call.phone == phone && call.life == life;
        let newest = self.calls.iter_mut().rev().find(goes_on)?;
        Some(newest).filter(|call| call.up.is_some() && call.over.is_none())
    }

    /// Whether nobody can have had a call kept: nothing was asked for since the one before it on its phone began.
    fn is_unasked(&self, number: usize) -> bool {
        let call = &self.calls[number];
        let before = self.calls[..number]
            .iter()
            .rev()
            .find(|before| before.phone == call.phone && before.up.is_some());
        let since = before.map_or(Wall::EPOCH, |before| before.begun);
        let until =
            self.calls[number + 1..].iter().find(|next| next.phone == call.phone).map(|next| next.begun);
        let in_time = |start: &Lasting| start.from >= since && until.is_none_or(|until| start.from <= until);
        self.holds_back && !self.phones[call.phone].starts.iter().any(in_time)
    }

    fn refused(&mut self, ticket: usize, now: Wall) {
        let (phone, what, doubt) = self.tickets[ticket];
        let told = &mut self.phones[phone];
        match what {
            // There was no call.
            Command::StopRecording => {
                if let Some(stopped) = &mut told.stopped {
                    stopped.answered = true;
                }
            }
            Command::StartRecording | Command::Tag(_) => told.doubts[doubt].until = Some(now),
            Command::Darken | Command::Lighten => {}
        }
    }

    /// What the recorder says of blackouts after a start.
    pub(super) fn look(&self, phone: usize, view: &AgentView) -> Option<String> {
        let is_dark = self.phones[phone].is_dark?;
        (is_dark != view.blackout.is_some())
            .then(|| format!("phone {phone}: an acknowledged blackout ({is_dark}) is lost"))
    }

    pub(super) fn life_ends(&mut self, end: End) {
        self.ends.push(end);
        self.life += 1;
    }

    /// Holds what is stored, by packet, against what was sent.
    pub(super) fn wrong_with_packets(&self, stored: &BTreeMap<PacketId, u32>) -> Vec<String> {
        let mut wrong = Vec::new();
        for (id, times) in stored {
            if *times > 1 {
                wrong.push(format!("{id:?} is stored {times} times"));
            }
            match self.sent.get(id) {
                None => wrong.push(format!("{id:?} is stored and was never delivered")),
                Some(at) if self.is_dark(*id, *at) => {
                    wrong.push(format!("{id:?} came in the dark, at {}, and is stored", at.as_ns()));
                }
                Some(_) if self.is_unasked(id.call as usize) => {
                    wrong.push(format!("{id:?} is of a call that nobody asked for, and is stored"));
                }
                Some(at) if self.is_left_out(*id, *at) => {
                    wrong.push(format!(
                        "{id:?}, at {}, is of a call that is not kept, and is stored",
                        at.as_ns()
                    ));
                }
                Some(_) => {}
            }
        }
        let missing =
            self.sent.iter().filter(|(id, at)| !stored.contains_key(*id) && self.is_safe(**id, **at));
        wrong.extend(
            missing.map(|(id, at)| format!("{id:?} came in the light, at {}, and is not stored", at.as_ns())),
        );
        wrong
    }

    /// How many packets must be stored.
    pub(super) fn safe_packets(&self) -> usize {
        self.sent.iter().filter(|(id, at)| self.is_safe(**id, **at)).count()
    }

    fn is_dark(&self, id: PacketId, at: Wall) -> bool {
        self.phones[self.calls[id.call as usize].phone].dark.iter().any(|dark| dark.holds(at))
    }

    /// Whether the call was certainly not recorded: a schedule has left it out, and no start that could mean it was sent.
    fn is_left_out(&self, id: PacketId, at: Wall) -> bool {
        let call = &self.calls[id.call as usize];
        let may_mean_it =
            |start: &Lasting| start.until.is_none_or(|until| until >= call.begun) && start.from <= at;
        let is_started = self.phones[call.phone].starts.iter().any(may_mean_it);
        !self.holds_back && !call.kept && !is_started && !self.steps.iter().any(|step| step.holds(at))
    }

    /// Whether the call was to be recorded: by schedules, or by a command that was sent when it was up.
    fn is_wanted(&self, call: &CallTold, at: Wall) -> bool {
        let means_it = |start: &Lasting| {
            call.up.is_some_and(|up| up <= start.from) && start.until.is_some_and(|until| until <= at)
        };
        if self.holds_back {
            return call.kept_from.is_some_and(|from| from.after(UNREAD) <= at);
        }
        call.kept || self.phones[call.phone].starts.iter().any(means_it)
    }

    fn is_safe(&self, id: PacketId, at: Wall) -> bool {
        let call = &self.calls[id.call as usize];
        let phone = &self.phones[call.phone];
        let is_up =
            call.up.is_some_and(|up| up.after(UNREAD) <= at) && call.over.is_none_or(|over| at < over);
        let in_doubt = |spans: &[Lasting]| spans.iter().any(|span| span.holds(at));
        let outlived = self.ends.get(call.life).is_none_or(|end| at.after(end.may_cost) <= end.at);
        is_up
            && outlived
            && self.is_wanted(call, at)
            && !in_doubt(&phone.dark)
            && !in_doubt(&phone.doubts)
            && !in_doubt(&call.doubts)
            && !in_doubt(&self.steps)
    }

    /// Holds the fields of rows, by call, against the tags that were acknowledged.
    pub(super) fn wrong_with_tags(&self, rows: &BTreeMap<CallId, BTreeSet<u64>>) -> Vec<String> {
        let lost = self.tags.iter().filter_map(|(call, tag)| {
            let told = rows.get(call)?;
            let oldest = told.first()?;
            (oldest < tag)
                .then(|| format!("call {call}: the acknowledged tag {tag} is lost, a row says {oldest}"))
        });
        lost.collect()
    }
}

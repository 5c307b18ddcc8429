//! Our requests: what is sent, what its answer means, when it is sent again (RFC 3261 §13, §17.1).

use super::describe::document;
use super::{Call, Command, EndedBy, Event, Job, MAX_QUEUED_COMMANDS, Progress, State, Transaction};
use crate::body;
use crate::message::header::{CSeq, NameAddr, Via};
use crate::message::{Method, Request, Response};
use crate::metadata::{DataMode, Document, print};
use crate::transaction::client::Verdict;
use crate::transaction::{Client, Step, Timer};

pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE";
pub(super) const ACCEPT: &str = "application/sdp, application/rs-metadata+xml";

impl Call {
    pub(super) fn command(&mut self, command: Command) {
        let refused = match (self.state, command) {
            (State::Idle, Command::Start) => {
                let document = self.first_document();
                self.state = State::Inviting;
                self.remember(document.as_ref());
                self.begin(Job::Invite(document));
                return;
            }
            (State::Idle, Command::HangUp { .. }) => return self.ended(EndedBy::Us),
            (State::Inviting, Command::HangUp { .. }) => return self.cancel(),
            (State::Established, Command::HangUp { stopped }) => {
                let document = stopped.map(|time| self.stopped(&time));
                self.state = State::Ending;
                return self.begin(Job::Bye(document));
            }
            (State::Established, command) if self.jobs.len() < MAX_QUEUED_COMMANDS => {
                return self.change(command);
            }
            (State::Established, _) => "too many commands wait already",
            (State::Idle, _) => "the call has not begun",
            (State::Inviting, _) => "the call is not answered yet",
            (State::Ending | State::Ended, _) => "the call is over",
        };
        self.event(Event::CommandRefused { reason: refused });
    }

    fn change(&mut self, command: Command) {
        let job = match command {
            Command::Start => {
                return self.event(Event::CommandRefused { reason: "the call has begun already" });
            }
            Command::Pause { paused } => {
                self.paused = paused;
                Job::Invite(None)
            }
            Command::AddStream { stream, party } => {
                let document = self.added(stream, party);
                Job::Invite(self.remember(Some(&document)).then_some(document))
            }
            Command::Update(content) => {
                let document = document(DataMode::Partial, *content);
                if !self.remember(Some(&document)) {
                    let reason = "the metadata would be larger than a picture may be";
                    return self.event(Event::CommandRefused { reason });
                }
                Job::Update(document)
            }
            Command::HangUp { .. } => return,
        };
        self.jobs.push_back(job);
        self.next_job();
    }

    /// Keeps our own picture, for a snapshot later. False when it does not fit.
    fn remember(&mut self, document: Option<&Document>) -> bool {
        let labels = self.labels();
        document.is_none_or(|document| self.picture.apply(document, &labels, self.now).is_ok())
    }

    pub(super) fn queue_snapshot(&mut self) {
        if self.jobs.len() < MAX_QUEUED_COMMANDS {
            self.jobs.push_back(Job::Update(self.snapshot()));
            self.next_job();
        }
    }

    /// One request inside the dialog at a time (RFC 3261 §14.1), so that changes arrive in order.
    fn next_job(&mut self) {
        let busy = self.transactions.iter().any(|transaction| transaction.progress != Progress::Final);
        if self.state == State::Established
            && !busy
            && let Some(job) = self.jobs.pop_front()
        {
            self.begin(job);
        }
    }

    fn begin(&mut self, job: Job) {
        let (method, sdp, document) = match job {
            Job::Invite(document) => (Method::Invite, Some(self.offer()), document),
            Job::Update(document) => (Method::Update, None, Some(document)),
            Job::Bye(document) => (Method::Bye, None, document),
        };
        let mut request = self.request(method);
        let metadata = document.map(|document| print(&document));
        let body = body::join(sdp.as_deref(), metadata.as_deref());
        if !body.bytes.is_empty() {
            request.headers.push("Content-Type", body.content_type);
            if let Some(disposition) = body.content_disposition {
                request.headers.push("Content-Disposition", disposition);
            }
            request.body = body.bytes;
        }
        self.send(request);
    }

    /// A request of ours without a body (RFC 3261 §12.2.1.1; RFC 7866 §6.1 for Require and Contact).
    fn request(&mut self, method: Method) -> Request {
        self.dialog.cseq += 1;
        let cseq = self.dialog.cseq;
        let branch = self.tokens.branch();
        let mut request = self.numbered(method, cseq, &branch);
        let first = self.dialog.remote.is_none();
        if matches!(request.method, Method::Invite | Method::Update | Method::Bye) {
            request.headers.push("Require", "siprec");
        }
        if matches!(request.method, Method::Invite | Method::Update) {
            request.headers.push("Contact", self.contact());
            request.headers.push("Allow", ALLOW);
            request.headers.push("Accept", ACCEPT);
        }
        if first && request.method == Method::Invite {
            for (name, value) in &self.settings.headers {
                request.headers.push(name, value.clone());
            }
        }
        request
    }

    fn numbered(&self, method: Method, cseq: u32, branch: &str) -> Request {
        let transport = self.settings.transport.as_str();
        let mut request = Request::new(method, self.dialog.target.clone());
        let headers = &mut request.headers;
        headers.push("Via", format!("SIP/2.0/{transport} {};branch={branch};rport", self.settings.local));
        headers.push("Max-Forwards", "70");
        headers.push("From", format!("<{}>;tag={}", self.settings.from, self.dialog.local_tag));
        let to = self.dialog.remote.as_ref().map(ToString::to_string);
        headers.push("To", to.unwrap_or_else(|| format!("<{}>", self.settings.to)));
        headers.push("Call-ID", self.dialog.sip_call_id.clone());
        headers.push("CSeq", CSeq { number: cseq, method: request.method.clone() }.to_string());
        for route in &self.dialog.routes {
            headers.push("Route", route.clone());
        }
        request
    }

    pub(super) fn contact(&self) -> String {
        let transport = self.settings.transport.as_str().to_ascii_lowercase();
        format!("<sip:src@{};transport={transport}>;+sip.src", self.settings.local)
    }

    fn send(&mut self, request: Request) {
        let via = request.headers.get("Via").and_then(|via| Via::parse(via).ok());
        let branch = via.and_then(|via| via.branch().map(str::to_owned)).unwrap_or_default();
        let reliable = self.settings.transport.is_reliable();
        let is_invite = request.method == Method::Invite;
        let (machine, steps) = Client::send(is_invite, reliable, request.to_bytes());
        self.next_serial += 1;
        let serial = self.next_serial;
        let cseq = self.dialog.cseq;
        self.transactions.push(Transaction {
            serial,
            branch,
            cseq,
            request,
            machine,
            progress: Progress::Waiting,
        });
        self.steps(serial, steps);
    }

    fn steps(&mut self, serial: u32, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Send(bytes) => self.transmit(bytes),
                Step::Start(timer, after) => self.timers.start((serial, timer), self.now + after),
                Step::Stop(timer) => self.timers.stop(&(serial, timer)),
                Step::TimedOut => self.timed_out(serial),
                Step::Forget => {
                    for timer in [Timer::Retransmit, Timer::GiveUp, Timer::Linger] {
                        self.timers.stop(&(serial, timer));
                    }
                    self.transactions.retain(|transaction| transaction.serial != serial);
                    self.next_job();
                }
            }
        }
    }

    pub(super) fn fired(&mut self, serial: u32, timer: Timer) {
        let transaction = self.transactions.iter_mut().find(|transaction| transaction.serial == serial);
        if let Some(transaction) = transaction {
            let steps = transaction.machine.fired(timer);
            self.steps(serial, steps);
        }
    }

    fn timed_out(&mut self, serial: u32) {
        let transaction = self.transactions.iter().find(|transaction| transaction.serial == serial);
        let Some(method) = transaction.map(|transaction| transaction.request.method.clone()) else { return };
        if method == Method::Cancel {
            return;
        }
        self.event(Event::TimedOut { method });
        self.ended(EndedBy::Silence);
    }

    pub(super) fn answered(&mut self, response: &Response) {
        let via = response.headers.list("Via").next().and_then(|via| Via::parse(via).ok());
        let branch = via.as_ref().and_then(|via| via.branch());
        let cseq = response.headers.get("CSeq").and_then(|cseq| CSeq::parse(cseq).ok());
        let (Some(branch), Some(cseq)) = (branch, cseq) else {
            self.ignored += 1;
            return;
        };
        let ours = |t: &&mut Transaction| t.branch == branch && t.request.method == cseq.method;
        let Some(transaction) = self.transactions.iter_mut().find(ours) else {
            // RFC 3261 §13.2.2.4: each repeat of the 2xx is acknowledged again.
            match &self.ack {
                Some((number, ack)) if *number == cseq.number && response.status / 100 == 2 => {
                    let ack = ack.clone();
                    self.transmit(ack);
                }
                _ => self.ignored += 1,
            }
            return;
        };
        let (serial, request) = (transaction.serial, transaction.request.clone());
        let number = transaction.cseq;
        let (verdict, steps) =
            transaction.machine.answered(response.status, || refusal_ack(&request, response));
        match verdict {
            Verdict::Final => transaction.progress = Progress::Final,
            Verdict::Nothing if transaction.progress == Progress::Waiting => {
                transaction.progress = Progress::Provisional;
            }
            Verdict::Nothing => {}
        }
        self.steps(serial, steps);
        match verdict {
            Verdict::Nothing if response.status < 200 => self.progress(&request, response.status),
            Verdict::Nothing => {}
            Verdict::Final if response.status < 300 => self.accepted(&request.method, number, response),
            Verdict::Final if self.logged_in(&request, response) => {}
            Verdict::Final => self.refused(request.method, response),
        }
        self.next_job();
    }

    /// Sends a request again with a login, if that is what was asked for and it was not tried in vain
    /// (RFC 3261 §22.2).
    fn logged_in(&mut self, request: &Request, response: &Response) -> bool {
        let challenges = || response.headers.all("WWW-Authenticate");
        let is_stale = challenges().any(|challenge| challenge.contains("stale=true"));
        let tried = request.headers.get("Authorization").is_some() && !is_stale;
        let Some(login) = self.settings.login.as_ref().filter(|_| response.status == 401 && !tried) else {
            return false;
        };
        let cnonce = self.tokens.tag();
        let method = request.method.to_string();
        let Some(answer) = login.answer(challenges(), &method, &request.uri, &cnonce) else { return false };
        self.dialog.cseq += 1;
        let (cseq, branch) = (self.dialog.cseq, self.tokens.branch());
        let numbered = self.numbered(request.method.clone(), cseq, &branch);
        let mut again = request.clone();
        for name in ["Via", "CSeq"] {
            again.headers.set(name, numbered.headers.get(name).unwrap_or_default().to_owned());
        }
        again.headers.set("Authorization", answer);
        self.send(again);
        true
    }

    fn progress(&mut self, request: &Request, status: u16) {
        if request.method != Method::Invite {
            return;
        }
        self.event(Event::Progress { status });
        // RFC 3261 §9.1: CANCEL only after a provisional response.
        if std::mem::take(&mut self.cancel_wanted) {
            self.send_cancel();
        }
    }

    fn accepted(&mut self, method: &Method, number: u32, response: &Response) {
        match method {
            Method::Bye => self.ended(EndedBy::Us),
            Method::Update => self.event(Event::Changed { method: Method::Update, answered: None }),
            Method::Invite => self.invite_accepted(number, response),
            _ => {}
        }
    }

    fn invite_accepted(&mut self, number: u32, response: &Response) {
        let first = self.dialog.remote.is_none();
        if first {
            self.dialog.remote = response.headers.get("To").and_then(|to| NameAddr::parse(to).ok());
            // RFC 3261 §12.1.2: the client's route set is Record-Route in reverse.
            self.dialog.routes = response.headers.list("Record-Route").map(str::to_owned).collect();
            self.dialog.routes.reverse();
        }
        let contact = response.headers.list("Contact").next().and_then(|c| NameAddr::parse(c).ok());
        if let Some(contact) = contact {
            self.dialog.target = contact.uri;
        }
        let branch = self.tokens.branch();
        let ack = self.numbered(Method::Ack, number, &branch).to_bytes();
        self.ack = Some((number, ack.clone()));
        self.transmit(ack);
        let parts = body::split(
            response.headers.get("Content-Type"),
            response.headers.get("Content-Disposition"),
            &response.body,
        );
        let sdp = parts.map_err(|error| error.to_string()).map(|parts| parts.sdp);
        let answered = sdp.and_then(|sdp| self.read_answer(sdp.as_deref()));
        if self.state == State::Ending {
            // The CANCEL came too late: the call stands and is ended at once (RFC 3261 §9.1).
            if first {
                self.begin(Job::Bye(None));
            }
            return;
        }
        self.state = State::Established;
        match answered {
            Ok(answered) if first => self.event(Event::Answered(answered)),
            Ok(answered) => self.event(Event::Changed { method: Method::Invite, answered: Some(answered) }),
            Err(reason) => {
                self.event(Event::Unusable { reason });
                self.state = State::Ending;
                self.begin(Job::Bye(None));
            }
        }
    }

    fn refused(&mut self, method: Method, response: &Response) {
        let status = response.status;
        let by_us = self.state == State::Ending;
        match method {
            Method::Cancel => {}
            Method::Bye => self.ended(EndedBy::Us),
            // 487 is what a CANCEL asks for.
            Method::Invite if by_us && self.dialog.remote.is_none() => self.ended(EndedBy::Us),
            method => {
                let over = self.state == State::Inviting || matches!(status, 408 | 481);
                self.event(Event::Refused { method, status, reason: response.reason.clone() });
                if over {
                    self.ended(EndedBy::Refusal);
                }
            }
        }
    }

    fn cancel(&mut self) {
        self.state = State::Ending;
        let invite =
            self.transactions.iter().find(|transaction| transaction.request.method == Method::Invite);
        match invite {
            Some(invite) if invite.progress == Progress::Provisional => self.send_cancel(),
            _ => self.cancel_wanted = true,
        }
    }

    /// RFC 3261 §9.1: the INVITE's Request-URI, Via, From, To, Call-ID, number and routes.
    fn send_cancel(&mut self) {
        let invite =
            self.transactions.iter().find(|transaction| transaction.request.method == Method::Invite);
        let Some(invite) = invite else { return };
        let cancel = follow_up(&invite.request, Method::Cancel, invite.request.headers.get("To"));
        self.send(cancel);
    }
}

/// ACK to a refusal: part of the INVITE's transaction (RFC 3261 §17.1.1.3).
fn refusal_ack(request: &Request, response: &Response) -> Vec<u8> {
    follow_up(request, Method::Ack, response.headers.get("To")).to_bytes()
}

fn follow_up(request: &Request, method: Method, to: Option<&str>) -> Request {
    let mut follow_up = Request::new(method, request.uri.clone());
    for name in ["Via", "Max-Forwards", "From"] {
        follow_up.headers.push(name, request.headers.get(name).unwrap_or_default());
    }
    follow_up.headers.push("To", to.unwrap_or_default());
    follow_up.headers.push("Call-ID", request.headers.get("Call-ID").unwrap_or_default());
    let number = request.headers.get("CSeq").and_then(|cseq| CSeq::parse(cseq).ok()).map_or(0, |c| c.number);
    follow_up.headers.push("CSeq", CSeq { number, method: follow_up.method.clone() }.to_string());
    for route in request.headers.all("Route") {
        follow_up.headers.push("Route", route);
    }
    follow_up
}

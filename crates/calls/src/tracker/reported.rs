//! Calls and chats that are reported: somebody who watches the telephone system says that one begins, changes or ends on a
//! device (`CALLSTART` and its neighbours, wfo-api section 4.3).
//!
//! A report and the media of a call come by different ways, in either order. A reported call waits for its media as one that
//! `StartForAgent` has made; a call that is there already takes the name it is reported under.
//!
//! Belongs here: what a report means. Does not: words of the wire.

use super::ruling::Kept;
use super::{MAX_STATIONS, Outcome, Refusal, Target, Tracker};
use crate::blackout::Owner;
use crate::call::{Call, Origin};
use crate::event::Event;
use crate::field::Fields;
use crate::id::{CallId, DeviceId};
use crate::time::Wall;

/// The most calls and chats that wait for media, or never have any, of one agent or device. The oldest is over when the next
/// is reported: a report of its end was missed.
const MAX_WAITING: usize = 16;

/// The most of them in all.
const MAX_ALL_WAITING: usize = 10_000;

/// What is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// A call.
    Talk,
    /// A chat.
    Chat,
}

/// What is reported of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// On which device it is, or whose it is.
    pub target: Target,
    /// The name that tells it from others there; `None` where there is only one.
    pub instance: Option<String>,
    /// The workstation beside the device, where the device is named by its number: kept for later commands.
    pub station: Option<String>,
    /// Fields to be written.
    pub fields: Fields,
    /// What it is.
    pub medium: Medium,
}

impl Tracker {
    /// A call or chat begins, or goes on under the name it was reported by before. A device that nobody knows is known from
    /// now on (product decision 12).
    ///
    /// # Errors
    /// An unknown agent, alias or station; [`Refusal::NoCall`] where calls are not made by commands;
    /// [`Refusal::TooManyStations`].
    pub fn report_begin(&mut self, now: Wall, report: &Report) -> Result<(Owner, CallId, Outcome), Refusal> {
        let owner = self.owner_of_report(&report.target)?;
        self.check_fields(&report.fields)?;
        let known = self.live_of_report(&owner, report);
        if known.is_none() && report.medium == Medium::Talk && !self.settings.callless_start {
            return Err(Refusal::NoCall(Self::who(&owner)));
        }
        self.check_station(report)?;
        // From here on nothing is refused: what was emitted is a fact.
        let mut outcome = Outcome::default();
        self.map_station(report, &mut outcome);
        let call = known.unwrap_or_else(|| self.begin_reported(now, &owner, report.medium, &mut outcome));
        self.name(call, report.instance.as_deref(), &mut outcome);
        self.tag_call(now, call, &report.fields, &mut outcome);
        // One whose recording somebody has stopped is not recorded anew because its begin is told again.
        let is_new = self.call(call).is_some_and(|call| call.recordings.is_empty());
        if is_new && report.medium == Medium::Talk {
            self.rule_reported(now, call, &owner, &mut outcome);
        }
        Ok((owner, call, outcome))
    }

    /// Says whether a reported call is kept: schedules do; where there are none, every call is (product decision 2). Of a chat
    /// nothing is kept but its fields.
    fn rule_reported(&mut self, now: Wall, call: CallId, owner: &Owner, outcome: &mut Outcome) {
        if self.has_schedules() {
            self.rule(now, call, outcome);
        } else {
            let why = format!("kept: reported by command for {}", Self::who(owner));
            let kept = Kept { why, ..self.kept_by_command(call, "") };
            self.start_kin(now, call, &kept, outcome);
        }
    }

    /// Something of a call or chat changed: the live one is meant, else the one that ended last; `instance` picks another.
    ///
    /// # Errors
    /// An unknown agent or device, [`Refusal::NoCall`], [`Refusal::UnknownInstance`], [`Refusal::TooManyStations`].
    pub fn report_change(&mut self, now: Wall, report: &Report) -> Result<(Owner, Outcome), Refusal> {
        let owner = self.resolve(&report.target)?;
        self.check_fields(&report.fields)?;
        let call = self.any_of_report(&owner, report)?;
        self.check_station(report)?;
        let mut outcome = Outcome::default();
        self.map_station(report, &mut outcome);
        self.tag_call(now, call, &report.fields, &mut outcome);
        Ok((owner, outcome))
    }

    /// A call or chat is over. The recording of a call is stopped, as `StopForAgent` does; media of it that go on to come are
    /// not kept. One that is over already changes nothing.
    ///
    /// # Errors
    /// As [`Self::report_change`].
    pub fn report_end(&mut self, now: Wall, report: &Report) -> Result<(Owner, Outcome), Refusal> {
        if report.medium == Medium::Talk && report.instance.is_none() && report.fields.is_empty() {
            return self.stop_recording(now, &report.target);
        }
        let owner = self.resolve(&report.target)?;
        self.check_fields(&report.fields)?;
        let call = self.any_of_report(&owner, report)?;
        let mut outcome = Outcome::default();
        self.tag_call(now, call, &report.fields, &mut outcome);
        if self.call(call).is_some_and(Call::is_live) {
            self.stop_for(now, call, &owner, &mut outcome);
        }
        Ok((owner, outcome))
    }

    /// Starts a recording of a call that is not being recorded, writing fields first.
    ///
    /// # Errors
    /// [`Refusal::AlreadyRecording`], and nothing is written then; else as [`Tracker::start_recording`].
    pub fn start_unrecorded(
        &mut self,
        now: Wall,
        report: &Report,
    ) -> Result<(Owner, CallId, Outcome), Refusal> {
        let owner = self.resolve(&report.target)?;
        self.check_fields(&report.fields)?;
        let known = match &report.instance {
            Some(_) => Some(self.any_of_report(&owner, report)?),
            None => self.active_call(&owner),
        };
        let known = known.and_then(|id| self.call(id));
        match known {
            Some(call) if !call.is_live() => return Err(Refusal::NoCall(Self::who(&owner))),
            Some(call) if call.live_recording().is_some() => {
                return Err(Refusal::AlreadyRecording(Self::who(&owner)));
            }
            None if !self.settings.callless_start => return Err(Refusal::NoCall(Self::who(&owner))),
            Some(_) | None => {}
        }
        let known = known.map(|call| call.id);
        let mut outcome = Outcome::default();
        let call = known.unwrap_or_else(|| self.begin_reported(now, &owner, Medium::Talk, &mut outcome));
        self.tag_call(now, call, &report.fields, &mut outcome);
        let kept = self.kept_by_command(call, &Self::who(&owner));
        self.start_kin(now, call, &kept, &mut outcome);
        Ok((owner, call, outcome))
    }

    /// Stops the recording of a call that is being recorded.
    ///
    /// # Errors
    /// [`Refusal::NotRecording`]; else as [`Tracker::stop_recording`].
    pub fn stop_recorded(&mut self, now: Wall, report: &Report) -> Result<(Owner, Outcome), Refusal> {
        let owner = self.resolve(&report.target)?;
        let recorded = |call: &&Call| call.is_live() && call.live_recording().is_some();
        let call = match &report.instance {
            Some(_) => Some(self.any_of_report(&owner, report)?),
            None => {
                let shown = |call: &&Call| recorded(call) && !self.is_doubled(call);
                self.calls_of(&owner).rev().find(shown).map(|call| call.id)
            }
        };
        let Some(call) = call.and_then(|id| self.call(id)).filter(recorded).map(|call| call.id) else {
            let who = Self::who(&owner);
            let has_call = self.calls_of(&owner).next().is_some();
            return Err(if has_call { Refusal::NotRecording(who) } else { Refusal::NoCall(who) });
        };
        let mut outcome = Outcome::default();
        self.stop_for(now, call, &owner, &mut outcome);
        Ok((owner, outcome))
    }

    /// Whom a report of a beginning means.
    fn owner_of_report(&self, target: &Target) -> Result<Owner, Refusal> {
        match self.resolve(target) {
            Err(Refusal::UnknownDevice(number)) => Ok(Owner::Device(DeviceId(number))),
            resolved => resolved,
        }
    }

    /// The live call that a report of a beginning tells of, if it is known: the one of that name, else the newest that no
    /// report has named.
    fn live_of_report(&self, owner: &Owner, report: &Report) -> Option<CallId> {
        let live: Vec<&Call> = self.of_medium(owner, report.medium).filter(|call| call.is_live()).collect();
        let call = match &report.instance {
            None => live.last(),
            Some(name) => {
                let called = live.iter().rev().find(|call| call.is_called(name));
                called.or_else(|| live.iter().rev().find(|call| call.named.is_none()))
            }
        };
        call.map(|call| call.id)
    }

    /// The call that a report tells more of.
    fn any_of_report(&self, owner: &Owner, report: &Report) -> Result<CallId, Refusal> {
        let all: Vec<&Call> = self.of_medium(owner, report.medium).collect();
        if let Some(instance) = &report.instance {
            let called = all.iter().rev().find(|call| call.is_called(instance)).map(|call| call.id);
            return called.ok_or_else(|| Refusal::UnknownInstance {
                who: Self::who(owner),
                instance: instance.clone(),
            });
        }
        let live = all.iter().rev().find(|call| call.is_live());
        let call = live.or_else(|| all.iter().max_by_key(|call| (call.ended, call.id)));
        call.map(|call| call.id).ok_or_else(|| Refusal::NoCall(Self::who(owner)))
    }

    fn of_medium<'t>(&'t self, owner: &'t Owner, medium: Medium) -> impl Iterator<Item = &'t Call> {
        let is_meant = move |call: &&Call| call.is_chat() == (medium == Medium::Chat);
        self.all_of(owner).filter(is_meant).filter(|call| !self.is_doubled(call))
    }

    fn begin_reported(&mut self, now: Wall, owner: &Owner, medium: Medium, outcome: &mut Outcome) -> CallId {
        let surplus = self.surplus_waiting(owner);
        for call in surplus {
            self.end(now, call, "stopped: later ones were reported, and of this one no end", outcome);
        }
        let origin = match medium {
            Medium::Talk => Origin::Api,
            Medium::Chat => Origin::Chat,
        };
        self.begin_callless(now, owner, origin, outcome)
    }

    /// What must be over for another call without media to have room.
    fn surplus_waiting(&self, owner: &Owner) -> Vec<CallId> {
        let waits = |call: &&Call| call.is_live() && !call.has_media();
        let own: Vec<CallId> = self.all_of(owner).filter(waits).map(|call| call.id).collect();
        let all = || self.state.calls.values().filter(waits);
        if own.len() >= MAX_WAITING {
            own.into_iter().take(1).collect()
        } else if self.state.calls.len() >= MAX_ALL_WAITING && all().count() >= MAX_ALL_WAITING {
            all().take(1).map(|call| call.id).collect()
        } else {
            Vec::new()
        }
    }

    /// A call goes by the name it was reported under.
    fn name(&mut self, call: CallId, instance: Option<&str>, outcome: &mut Outcome) {
        let Some(instance) = instance else { return };
        if self.call(call).is_some_and(|call| call.named.is_none()) {
            let instance = self.to_outlive_call(instance.to_owned());
            self.emit(outcome, Event::CallNamed { call, instance });
        }
    }

    /// The device and the workstation that a report puts beside it, if that is news.
    fn station_of_report(&self, report: &Report) -> Option<(DeviceId, String)> {
        let Target::Device(number) = &report.target else { return None };
        let number = number.trim();
        let station = self.to_outlive_call(report.station.as_deref()?.trim().to_owned());
        let known = self.station_beside(number).map(String::as_str).unwrap_or_default();
        (known != station).then(|| (DeviceId(number.to_owned()), station))
    }

    fn check_station(&self, report: &Report) -> Result<(), Refusal> {
        let is_new = self
            .station_of_report(report)
            .is_some_and(|(device, _)| !self.state.stations.contains_key(&device));
        if is_new && self.state.stations.len() >= MAX_STATIONS {
            Err(Refusal::TooManyStations)
        } else {
            Ok(())
        }
    }

    fn map_station(&mut self, report: &Report, outcome: &mut Outcome) {
        if let Some((device, station)) = self.station_of_report(report) {
            self.emit(outcome, Event::StationMapped { device, station });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{agent, arrival, by_id, go_dark, ms, tracker, view};
    use super::*;
    use crate::agent::Agent;
    use crate::field::Field;
    use crate::recording::RecordingState;
    use crate::tracker::Settings;

    fn of(target: Target) -> Report {
        Report { target, instance: None, station: None, fields: Fields::new(), medium: Medium::Talk }
    }

    fn on(device: &str) -> Report {
        of(Target::Device(device.into()))
    }

    fn named(device: &str, instance: &str) -> Report {
        Report { instance: Some(instance.into()), ..on(device) }
    }

    fn tagged(report: Report, value: &str) -> Report {
        Report { fields: [(Field::User(1), value.to_owned())].into(), ..report }
    }

    fn begin(tracker: &mut Tracker, at: i64, report: &Report) -> CallId {
        tracker.report_begin(ms(at), report).unwrap().1
    }

    #[test]
    fn a_reported_call_takes_the_media_that_come_and_keeps_its_fields() {
        let mut tracker = tracker();
        let reported = begin(&mut tracker, 0, &tagged(named("4678", "pbx-7"), "gold"));
        let call = tracker.call(reported).unwrap();
        assert_eq!(call.recordings[0].state, RecordingState::Pending);
        assert_eq!(call.recordings[0].why, "kept: reported by command for agent 1");
        let (brought, _) = tracker.begin_call(ms(10), arrival("a@sbc", "4678"));
        assert_eq!(brought, reported);
        let call = tracker.call(reported).unwrap();
        assert_eq!((call.field(Field::User(1)), call.recordings.len()), ("gold", 1));
        assert!(call.is_called("pbx-7") && call.has_media());
    }

    #[test]
    fn a_report_that_comes_after_the_media_names_the_call_that_is_there() {
        let mut tracker = tracker();
        let (brought, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
        assert_eq!(begin(&mut tracker, 10, &named("4678", "pbx-7")), brought);
        assert_eq!(begin(&mut tracker, 20, &named("4678", "pbx-7")), brought, "told twice, it is the same");
        let consult = begin(&mut tracker, 30, &named("4678", "pbx-8"));
        assert_ne!(consult, brought, "another name is another call");
        tracker.report_change(ms(40), &tagged(named("4678", "pbx-7"), "first")).unwrap();
        tracker.report_change(ms(50), &tagged(named("4678", "pbx-8"), "second")).unwrap();
        let value = |call| tracker.call(call).unwrap().field(Field::User(1));
        assert_eq!((value(brought), value(consult)), ("first", "second"));
    }

    #[test]
    fn a_device_that_nobody_knows_is_known_once_a_call_is_reported_on_it() {
        let mut tracker = tracker();
        assert!(tracker.resolve(&Target::Device("999".into())).is_err());
        let call = begin(&mut tracker, 0, &on("999"));
        let (brought, _) = tracker.begin_call(ms(5), arrival("a@sbc", "999"));
        assert_eq!(brought, call);
        assert!(tracker.call(call).unwrap().agents.is_empty(), "an agent is never invented");
    }

    #[test]
    fn a_report_of_an_end_stops_the_recording_and_told_again_changes_nothing() {
        let mut tracker = tracker();
        let call = begin(&mut tracker, 0, &named("4678", "x"));
        tracker.report_end(ms(10), &named("4678", "x")).unwrap();
        assert!(!tracker.call(call).unwrap().is_live());
        let (_, again) = tracker.report_end(ms(20), &named("4678", "x")).unwrap();
        assert!(again.events.is_empty());
        let (_, again) = tracker.report_end(ms(20), &on("4678")).unwrap();
        assert!(again.events.is_empty());
        assert!(matches!(tracker.report_end(ms(20), &on("4102")), Err(Refusal::NoCall(_))));
        let unknown = tracker.report_end(ms(20), &named("4678", "y"));
        assert!(matches!(unknown, Err(Refusal::UnknownInstance { .. })));
    }

    #[test]
    fn a_recording_that_somebody_stopped_is_not_begun_by_a_repeated_report() {
        let mut tracker = tracker();
        let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
        tracker.stop_recording(ms(10), &by_id("1")).unwrap();
        begin(&mut tracker, 20, &named("4678", "x"));
        assert!(tracker.call(call).unwrap().live_recording().is_none());
        tracker.start_unrecorded(ms(30), &named("4678", "x")).unwrap();
        assert_eq!(tracker.call(call).unwrap().recordings.len(), 2);
    }

    #[test]
    fn starting_what_is_recorded_and_stopping_what_is_not_is_refused_and_changes_nothing() {
        let mut tracker = tracker();
        let (call, _) = tracker.begin_call(ms(0), arrival("a@sbc", "4678"));
        let before = tracker.state().clone();
        let again = tracker.start_unrecorded(ms(10), &tagged(on("4678"), "x"));
        assert_eq!(again.unwrap_err(), Refusal::AlreadyRecording("agent 1".into()));
        assert_eq!(tracker.state(), &before);
        tracker.stop_recorded(ms(20), &on("4678")).unwrap();
        assert!(tracker.call(call).unwrap().is_live(), "the call goes on");
        let again = tracker.stop_recorded(ms(30), &on("4678"));
        assert_eq!(again.unwrap_err(), Refusal::NotRecording("agent 1".into()));
        let nowhere = tracker.stop_recorded(ms(30), &on("4102"));
        assert_eq!(nowhere.unwrap_err(), Refusal::NoCall("agent 2".into()));
    }

    #[test]
    fn a_chat_takes_no_media_and_commands_for_calls_do_not_touch_it() {
        let mut tracker = tracker();
        let chat_of = |report: Report| Report { medium: Medium::Chat, ..report };
        let chat = begin(&mut tracker, 0, &chat_of(named("4678", "chat-1")));
        assert!(tracker.call(chat).unwrap().recordings.is_empty());
        let (brought, _) = tracker.begin_call(ms(10), arrival("a@sbc", "4678"));
        assert_ne!(brought, chat);
        let newer = begin(&mut tracker, 15, &chat_of(named("4678", "chat-2")));
        tracker.tag(ms(20), &by_id("1"), None, [(Field::User(1), "call".to_owned())].into()).unwrap();
        tracker.report_change(ms(20), &chat_of(tagged(named("4678", "chat-1"), "chat"))).unwrap();
        let value = |call| tracker.call(call).unwrap().field(Field::User(1)).to_owned();
        assert_eq!(
            (value(brought).as_str(), value(chat).as_str(), value(newer).as_str()),
            ("call", "chat", "")
        );
        let seen = view(&tracker, &by_id("1"));
        assert_eq!((seen.active.unwrap().id, seen.inactive.len()), (brought, 0));
        assert_eq!(tracker.view_all()[0].inactive.len(), 0);
        tracker.report_end(ms(30), &chat_of(named("4678", "chat-1"))).unwrap();
        assert!(!tracker.call(chat).unwrap().is_live() && tracker.call(newer).unwrap().is_live());
        let grace = Settings::default().inactive_grace;
        tracker.tick(ms(30).after(grace));
        assert!(tracker.call(chat).is_none(), "it is forgotten as a call is");
    }

    #[test]
    fn a_card_number_in_a_field_of_a_chat_is_struck_out_in_a_blackout() {
        let mut tracker = tracker();
        let chat = Report { medium: Medium::Chat, ..named("4678", "c") };
        let id = begin(&mut tracker, 0, &chat);
        go_dark(&mut tracker, ms(5), &by_id("1"));
        tracker.report_change(ms(10), &tagged(chat, "4539578763621486")).unwrap();
        assert!(!tracker.call(id).unwrap().field(Field::User(1)).contains("4539578763621486"));
    }

    #[test]
    fn a_card_number_told_as_a_station_in_a_blackout_comes_into_no_later_call() {
        let mut tracker = tracker();
        begin(&mut tracker, 0, &on("4678"));
        go_dark(&mut tracker, ms(5), &by_id("1"));
        let told = Report { station: Some("4539578763621486".into()), ..on("4678") };
        tracker.report_change(ms(10), &told).unwrap();
        let (_, again) = tracker.report_change(ms(11), &told).unwrap();
        assert!(again.events.is_empty(), "told again it is no news");
        let (later, _) = tracker.begin_call(ms(20), arrival("a@sbc", "4678"));
        assert_eq!(tracker.call(later).unwrap().field(Field::Station), "****************");
        let state = serde_json::to_string(tracker.state()).unwrap();
        assert!(!state.contains("4539578763621486"), "{state}");
    }

    #[test]
    fn a_call_named_by_a_card_number_in_a_blackout_is_found_by_it_and_does_not_keep_it() {
        let mut tracker = tracker();
        go_dark(&mut tracker, ms(0), &by_id("1"));
        let call = begin(&mut tracker, 10, &named("4678", "4539578763621486"));
        assert_eq!(begin(&mut tracker, 20, &named("4678", "4539578763621486")), call);
        assert_ne!(begin(&mut tracker, 30, &named("4678", "pbx-8")), call);
        let state = serde_json::to_string(tracker.state()).unwrap();
        assert!(!state.contains("4539578763621486"), "{state}");
    }

    #[test]
    fn a_call_that_is_reported_in_a_blackout_is_dark() {
        let mut tracker = tracker();
        go_dark(&mut tracker, ms(0), &by_id("1"));
        let call = begin(&mut tracker, 10, &named("4678", "x"));
        assert!(tracker.is_dark(tracker.call(call).unwrap()));
        let (brought, _) = tracker.begin_call(ms(20), arrival("a@sbc", "4678"));
        assert_eq!(brought, call);
        assert!(tracker.call(call).unwrap().recordings[0].is_dark());
    }

    fn with_names() -> Tracker {
        let mut tracker = tracker();
        let rowan = Agent {
            device_alias: "acd-77".into(),
            station: "WS-17".into(),
            system_username: "CORP\\rpike".into(),
            ..agent(1, "4678")
        };
        let maja =
            Agent { station: "WS-18".into(), system_username: "CORP\\mlind".into(), ..agent(2, "4102") };
        tracker.put_agents(vec![rowan, maja]).unwrap();
        tracker
    }

    fn owner(tracker: &Tracker, target: Target) -> Result<u32, Refusal> {
        tracker.resolve(&target).map(|owner| match owner {
            Owner::Agent(id) => id.0,
            Owner::Device(device) => panic!("{device}"),
        })
    }

    #[test]
    fn an_agent_is_found_by_alias_station_and_login_and_nobody_is_guessed() {
        let mut tracker = with_names();
        assert_eq!(owner(&tracker, Target::Alias(" acd-77 ".into())), Ok(1));
        assert_eq!(owner(&tracker, Target::Station("WS-18".into())), Ok(2));
        for login in ["CORP\\rpike", "rpike"] {
            assert_eq!(owner(&tracker, Target::Login(login.into())), Ok(1));
        }
        for unknown in
            [Target::Alias("x".into()), Target::Alias(String::new()), Target::Station(String::new())]
        {
            assert!(tracker.resolve(&unknown).is_err(), "{unknown:?}");
        }
        let twin = Agent {
            device_alias: "acd-77".into(),
            station: "WS-17".into(),
            system_username: "LAB\\rpike".into(),
            ..agent(3, "5003")
        };
        tracker.put_agents(vec![twin]).unwrap();
        for target in
            [Target::Alias("acd-77".into()), Target::Station("WS-17".into()), Target::Login("rpike".into())]
        {
            assert!(
                matches!(tracker.resolve(&target), Err(Refusal::Ambiguous { agents: 2, .. })),
                "{target:?}"
            );
        }
        assert_eq!(owner(&tracker, Target::Login("LAB\\rpike".into())), Ok(3));
    }

    #[test]
    fn a_station_said_with_a_device_counts_before_what_agents_bring_and_outlives_a_restart() {
        let mut tracker = with_names();
        let moved = Report { station: Some("WS-18".into()), ..on("4678") };
        let (_, _, outcome) = tracker.report_begin(ms(0), &moved).unwrap();
        assert_eq!(owner(&tracker, Target::Station("WS-18".into())), Ok(1), "it stands beside 4678 now");
        let old = tracker.resolve(&Target::Station("WS-17".into()));
        assert_eq!(old, Err(Refusal::UnknownStation("WS-17".into())), "and no more where it stood");
        let mut again = with_names();
        outcome.events.iter().for_each(|event| again.replay(event));
        assert_eq!(owner(&again, Target::Station("WS-18".into())), Ok(1));
        let state = serde_json::to_vec(again.state()).unwrap();
        let mut restored = Tracker::new(Settings::default(), [2; 32]);
        restored.restore(serde_json::from_slice(&state).unwrap());
        assert_eq!(owner(&restored, Target::Station("WS-18".into())), Ok(1));
        let (_, _, outcome) = tracker.report_begin(ms(5), &moved).unwrap();
        assert!(
            !outcome.events.iter().any(|event| matches!(event, Event::StationMapped { .. })),
            "it is known"
        );
        let taken = Report { station: Some("WS-18".into()), ..on("4102") };
        tracker.report_begin(ms(9), &taken).unwrap();
        assert_eq!(owner(&tracker, Target::Station("WS-18".into())), Ok(2), "one stands beside one device");
        assert_eq!(
            owner(&tracker, Target::Station("WS-17".into())),
            Ok(1),
            "and the other has its own again"
        );
    }

    #[test]
    fn calls_whose_end_is_never_reported_do_not_pile_up() {
        let mut tracker = tracker();
        let first = begin(&mut tracker, 0, &named("4678", "0"));
        for number in 1..100 {
            begin(&mut tracker, number, &named("4678", &number.to_string()));
        }
        let live = tracker.state().calls.values().filter(|call| call.is_live()).count();
        assert_eq!(live, MAX_WAITING);
        assert!(tracker.call(first).is_none_or(|call| !call.is_live()));
        assert!(tracker.state().calls.len() <= MAX_WAITING + super::super::MAX_INACTIVE + 1);
    }
}

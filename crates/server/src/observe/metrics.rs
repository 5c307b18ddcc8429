//! What is counted, and how it reads in Prometheus' text form (version 0.0.4).
//!
//! Every place that lets something fall has a counter here: nothing is dropped unseen. `ref/metrics.md` explains
//! each; a test compares the two.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use rtp::Ledger;

use super::alarms;

/// A number that only grows, until the recorder restarts.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// `more` more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down by the hands of several threads.
#[derive(Debug, Default)]
pub struct Level(AtomicU64);

impl Level {
    /// A thread's share of it was `before`, and is `now`.
    pub fn change(&self, before: u64, now: u64) {
        // Wraps for a moment at most: the shares add up to what is there.
        self.0.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
    }

    /// All shares together.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($name:literal $help:literal { $($field:ident $label:literal),+ $(,)? })+) => {
        /// Every counter of the recorder. Shared behind an `Arc`; counting never waits.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $($(
                #[doc = concat!("`", $name, "` `", $label, "`")]
                pub $field: Counter,
            )+)+
            /// Calls that are held back in memory now.
            pub held_calls: Level,
            /// Memory that is taken by what is held back now.
            pub held_bytes: Level,
        }

        impl Metrics {
            /// All families, with the samples of each.
            fn families(&self) -> Vec<Family<'_>> {
                vec![$(Family {
                    name: $name,
                    help: $help,
                    samples: vec![$(($label, &self.$field)),+],
                }),+]
            }
        }
    };
}

struct Family<'a> {
    name: &'static str,
    help: &'static str,
    samples: Vec<(&'static str, &'a Counter)>,
}

counters! {
    "sidetone_rtp_datagrams_total" "Datagrams on media ports, by what became of them." {
        rtp_stored r#"fate="stored""#,
        rtp_dark r#"fate="dark""#,
        rtp_paused r#"fate="paused""#,
        rtp_unrecorded r#"fate="unrecorded""#,
        rtp_dropped r#"fate="dropped""#,
        rtp_duplicate r#"fate="duplicate""#,
        rtp_late r#"fate="late""#,
        rtp_keepalive r#"fate="keepalive""#,
        rtp_rtcp r#"fate="rtcp""#,
        rtp_malformed r#"fate="malformed""#,
        rtp_wrong_source r#"fate="wrong_source""#,
        rtp_unknown_payload_type r#"fate="unknown_payload_type""#,
        rtp_flood r#"fate="flood""#,
        rtp_stun r#"fate="stun""#,
        rtp_dtls r#"fate="dtls""#,
        rtp_zrtp r#"fate="zrtp""#,
        rtp_malformed_rtcp r#"fate="malformed_rtcp""#,
        rtp_unauthenticated r#"fate="unauthenticated""#,
        rtp_replayed r#"fate="replayed""#,
    }
    "sidetone_retention_total" "Recordings, by what retention has done to them." {
        archive_moved r#"what="moved""#,
        archive_copied r#"what="copied""#,
        archive_backed_up r#"what="backed_up""#,
        retention_marked r#"what="marked""#,
        retention_restored r#"what="restored""#,
        retention_erased r#"what="erased""#,
    }
    "sidetone_retention_failures_total" "What retention was to do and could not; it is tried again." {
        retention_failed "",
    }
    "sidetone_rtp_lost_total" "Packets that never came, by sequence number." {
        rtp_lost "",
    }
    "sidetone_sip_messages_total" "SIP messages, by direction." {
        sip_received r#"direction="received""#,
        sip_sent r#"direction="sent""#,
    }
    "sidetone_sip_dropped_total" "SIP input and output that went nowhere, by reason." {
        sip_unreadable r#"reason="unreadable""#,
        sip_too_big r#"reason="too_big""#,
        sip_too_many_connections r#"reason="too_many_connections""#,
        sip_pushed_out r#"reason="pushed_out""#,
        sip_no_handshake r#"reason="no_handshake""#,
        sip_send_failed r#"reason="send_failed""#,
        sip_unlisted r#"reason="unlisted""#,
        sip_stray_response r#"reason="stray_response""#,
        sip_stray_ack r#"reason="stray_ack""#,
    }
    "sidetone_recording_sessions_total" "Recording sessions offered, by answer." {
        sessions_accepted r#"answer="accepted""#,
        sessions_refused r#"answer="refused""#,
    }
    "sidetone_sip_refusals_total" "Requests turned away, by status of the answer." {
        refused_400 r#"status="400""#,
        refused_403 r#"status="403""#,
        refused_415 r#"status="415""#,
        refused_420 r#"status="420""#,
        refused_481 r#"status="481""#,
        refused_482 r#"status="482""#,
        refused_488 r#"status="488""#,
        refused_500 r#"status="500""#,
        refused_503 r#"status="503""#,
        refused_other r#"status="other""#,
        refused_silently r#"status="none""#,
    }
    "sidetone_metadata_unreadable_total" "Metadata documents that could not be read; the audio is recorded all the same." {
        metadata_unreadable "",
    }
    "sidetone_journal_commits_total" "Commits of the journal, by result." {
        journal_committed r#"result="durable""#,
        journal_failed r#"result="failed""#,
    }
    "sidetone_journal_frames_lost_total" "Frames of audio that never reached the disk, by reason." {
        frames_refused r#"reason="journal_full""#,
        frames_damaged r#"reason="damaged_on_disk""#,
    }
    "sidetone_recordings_sealed_total" "Recordings finished, and tries that failed and are tried again." {
        sealed_good r#"result="good""#,
        sealed_failed r#"result="failed""#,
    }
    "sidetone_hold_back_calls_total" "Calls that were held back in memory, by how that ended." {
        held_kept r#"end="kept""#,
        held_wiped r#"end="wiped""#,
    }
    "sidetone_hold_back_dropped_bytes_total" "Bytes that left the memory before their call was kept or over, by reason." {
        held_over_time r#"reason="time""#,
        held_over_limit r#"reason="limit""#,
    }
    "sidetone_calls_not_kept_total" "Times a call was ruled not to be kept." {
        calls_not_kept "",
    }
    "sidetone_index_failures_total" "Rows that could not be written when they were due; they are tried again." {
        index_failures "",
    }
    "sidetone_commands_total" "WFO commands, by how they ended." {
        commands_done r#"result="done""#,
        commands_refused r#"result="refused""#,
        commands_failed r#"result="failed""#,
    }
    "sidetone_wfo_xml_connections_total" "Connections to the ports of WFO XML, and what became of those that did not go well." {
        xml_connections r#"fate="served""#,
        xml_peers_refused r#"fate="refused""#,
        xml_too_many r#"fate="too_many""#,
        xml_broken r#"fate="broken""#,
        xml_slow r#"fate="slow""#,
    }
    "sidetone_wfo_xml_events_total" "Events of WFO XML, by what became of them." {
        xml_events_sent r#"fate="sent""#,
        xml_events_missed r#"fate="missed""#,
    }
    "sidetone_http_connections_lost_total" "Connections to the ports of HTTP that were closed, by reason." {
        http_turned_away r#"reason="too_many""#,
        http_pushed_out r#"reason="pushed_out""#,
        http_handshakes r#"reason="no_handshake""#,
        http_slow r#"reason="slow""#,
    }
    "sidetone_http_requests_refused_total" "Requests over HTTP that were refused, since too many of their address were being answered." {
        http_too_many "",
    }
    "sidetone_http_requests_over_rate_total" "Requests over HTTP that were refused, since who asks had asked too often, or had their share." {
        http_over_rate "",
    }
    "sidetone_http_responses_total" "HTTP answers, by class of status." {
        http_2xx r#"class="2xx""#,
        http_3xx r#"class="3xx""#,
        http_4xx r#"class="4xx""#,
        http_5xx r#"class="5xx""#,
    }
    "sidetone_http_unheard_total" "Requests over HTTP that were not let in, which are not in the audit, by status." {
        http_401 r#"status="401""#,
        http_429 r#"status="429""#,
    }
    "sidetone_logins_refused_total" "Passwords and codes that were wrong, and that had to wait before they were compared." {
        logins_wrong r#"reason="wrong""#,
        logins_waited r#"reason="wait""#,
    }
    "sidetone_sign_ons_total" "Single sign-ons, by what came of them." {
        sign_on_done r#"result="done""#,
        sign_on_unavailable r#"result="unavailable""#,
        sign_on_refused r#"result="refused""#,
        sign_on_stale r#"result="stale""#,
        sign_on_wait r#"result="wait""#,
        sign_on_clock r#"result="clock""#,
        sign_on_weak r#"result="weak""#,
        sign_on_untrusted r#"result="untrusted""#,
        sign_on_not_admitted r#"result="not_admitted""#,
        sign_on_pushed_out r#"result="pushed_out""#,
    }
    "sidetone_listens_total" "Times audio of a recording was asked for and given." {
        listens "",
    }
    "sidetone_exports_total" "Exports that left whole, and that broke off." {
        exports_done r#"result="done""#,
        exports_failed r#"result="failed""#,
    }
    "sidetone_export_letters_total" "Exports by mail that the mail server took, and that it did not get." {
        letters_sent r#"result="sent""#,
        letters_failed r#"result="failed""#,
    }
    "sidetone_audit_entries_total" "Entries written into the audit." {
        audit_entries "",
    }
    "sidetone_audit_failures_total" "Times a batch of entries could not be written; it is tried again." {
        audit_failures "",
    }
    "sidetone_audit_heads_total" "Times it was signed how the audit stands." {
        audit_heads "",
    }
    "sidetone_audit_unwitnessed_total" "Signed heads of the audit that a witness did not take." {
        audit_unwitnessed "",
    }
    "sidetone_audit_lost_total" "Acts for which there was no room while the audit could not be written." {
        audit_lost "",
    }
    "sidetone_live_missed_total" "Blocks and packets that who listens to a running call did not hear." {
        live_missed "",
    }
    "sidetone_level_packets_dropped_total" "Packets that were not measured for who watches how loud legs are, for want of room." {
        level_packets_dropped "",
    }
    "sidetone_webhook_events_total" "Events put into the outbox for receivers." {
        webhook_events "",
    }
    "sidetone_webhook_deliveries_total" "Tries to deliver an event to a receiver, by what came of it." {
        webhook_delivered r#"result="delivered""#,
        webhook_failed r#"result="tried_again""#,
        webhook_dead r#"result="dead""#,
    }
    "sidetone_webhook_events_lost_total" "Events that never got to those who want them; an upper limit." {
        webhook_lost "",
    }
    "sidetone_playback_damaged_total" "Damaged blocks met while playing; they are silent." {
        playback_damaged "",
    }
}

/// A number that goes up and down, read when somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gauge {
    /// Its full name.
    pub name: &'static str,
    /// What it is.
    pub help: &'static str,
    /// Its value now.
    pub value: u64,
}

impl Metrics {
    /// Adds what became of the datagrams of one stream: the ledger of a part of its life
    /// ([`Ledger::since`]), so that nothing is counted twice.
    pub fn add_ledger(&self, part: &Ledger) {
        let counts = [
            (&self.rtp_stored, part.stored),
            (&self.rtp_dark, part.dark),
            (&self.rtp_paused, part.paused),
            (&self.rtp_unrecorded, part.unrecorded),
            (&self.rtp_dropped, part.dropped),
            (&self.rtp_duplicate, part.duplicate),
            (&self.rtp_late, part.late),
            (&self.rtp_keepalive, part.keepalive),
            (&self.rtp_rtcp, part.rtcp),
            (&self.rtp_malformed, part.refused.malformed),
            (&self.rtp_wrong_source, part.refused.wrong_source),
            (&self.rtp_unknown_payload_type, part.refused.unknown_payload_type),
            (&self.rtp_flood, part.refused.flood),
            (&self.rtp_stun, part.refused.stun),
            (&self.rtp_dtls, part.refused.dtls),
            (&self.rtp_zrtp, part.refused.zrtp),
            (&self.rtp_malformed_rtcp, part.refused.malformed_rtcp),
            (&self.rtp_unauthenticated, part.refused.unauthenticated),
            (&self.rtp_replayed, part.refused.replayed),
            (&self.rtp_lost, part.lost),
        ];
        for (counter, more) in counts {
            counter.add(more);
        }
    }

    /// The counter of requests turned away with a status, or without an answer.
    pub fn refused(&self, status: Option<u16>) -> &Counter {
        match status {
            Some(400) => &self.refused_400,
            Some(403) => &self.refused_403,
            Some(415) => &self.refused_415,
            Some(420) => &self.refused_420,
            Some(481) => &self.refused_481,
            Some(482) => &self.refused_482,
            Some(488) => &self.refused_488,
            Some(500) => &self.refused_500,
            Some(503) => &self.refused_503,
            Some(_) => &self.refused_other,
            None => &self.refused_silently,
        }
    }

    /// All counters and the gauges given, as Prometheus reads them.
    pub fn render(&self, gauges: &[Gauge], alarms: &[(alarms::Kind, u64, u64)]) -> String {
        let mut text = String::new();
        for family in self.families() {
            head(&mut text, family.name, family.help, "counter");
            for (label, counter) in family.samples {
                sample(&mut text, family.name, label, counter.get());
            }
        }
        let labelled = |kind: &alarms::Kind| format!("kind=\"{}\"", kind.key());
        head(&mut text, "sidetone_alarms_total", "Alarms raised, by kind.", "counter");
        for (kind, total, _) in alarms {
            sample(&mut text, "sidetone_alarms_total", &labelled(kind), *total);
        }
        head(&mut text, "sidetone_alarms_active", "Alarms that last, or happened within a day.", "gauge");
        for (kind, _, active) in alarms {
            sample(&mut text, "sidetone_alarms_active", &labelled(kind), *active);
        }
        for gauge in gauges {
            head(&mut text, gauge.name, gauge.help, "gauge");
            sample(&mut text, gauge.name, "", gauge.value);
        }
        text
    }
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    // Writing into a String cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(text: &mut String, name: &str, label: &str, value: u64) {
    let _ = match label {
        "" => writeln!(text, "{name} {value}"),
        label => writeln!(text, "{name}{{{label}}} {value}"),
    };
}

#[cfg(test)]
mod tests {
    use rtp::Refused;

    use super::*;

    #[test]
    fn every_fate_of_a_ledger_is_counted() {
        let metrics = Metrics::default();
        let refused = Refused {
            malformed: 1,
            wrong_source: 1,
            unknown_payload_type: 1,
            flood: 1,
            stun: 1,
            dtls: 1,
            zrtp: 1,
            malformed_rtcp: 1,
            unauthenticated: 1,
            replayed: 1,
        };
        let part = Ledger {
            received: 20,
            stored: 2,
            dark: 1,
            paused: 1,
            unrecorded: 1,
            dropped: 1,
            duplicate: 1,
            late: 1,
            keepalive: 1,
            rtcp: 1,
            refused,
            ..Ledger::default()
        };
        assert!(part.balances());
        metrics.add_ledger(&part);
        let text = metrics.render(&[], &[]);
        let datagrams = text.lines().filter(|line| line.starts_with("sidetone_rtp_datagrams_total{"));
        let sum: u64 = datagrams.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum();
        assert_eq!(sum, part.received);
        assert!(text.contains("sidetone_rtp_datagrams_total{fate=\"stored\"} 2\n"));
    }

    #[test]
    fn a_gauge_stands_with_its_help_and_type() {
        let gauge = Gauge { name: "sidetone_ready", help: "1 if able to record.", value: 1 };
        let text = Metrics::default().render(&[gauge], &[]);
        assert!(text.ends_with(
            "# HELP sidetone_ready 1 if able to record.\n# TYPE sidetone_ready gauge\nsidetone_ready 1\n"
        ));
    }

    #[test]
    fn the_reference_page_explains_every_name_and_label() {
        let page = include_str!("../../../../ref/metrics.md");
        for family in Metrics::default().families() {
            assert!(page.contains(family.name), "{} is not in ref/metrics.md", family.name);
            for (label, _) in family.samples.iter().filter(|(label, _)| !label.is_empty()) {
                let value = label.split('"').nth(1).unwrap();
                assert!(page.contains(&format!("`{value}`")), "{label} is not in ref/metrics.md");
            }
        }
    }
}

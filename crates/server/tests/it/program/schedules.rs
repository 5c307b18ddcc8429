//! Schedules in the built program: one call is kept, one is not and says why, and what was counted outlives a restart.

use serde_json::{Value, json};
use sim::Program;
use sim::sip::{Transport, metadata};
use sim::time::wait_for;

use super::events::Events;
use super::restart::{Client, sequences};
use super::{
    PATIENCE, metric, on_a_recorded_call, packets, printed, recording, sealed, setup, setup_at, text,
};

fn called(program: &Program, phone: &str) {
    program.call(&["--agent-phone", phone, "--number", "+15550100", "--seconds", "1"]).wait();
}

/// The reasons of all calls that are known, oldest first.
fn reasons(program: &Program) -> Vec<String> {
    let calls = program.http.get("/v1/calls").ok().json();
    let mut reasons: Vec<String> = calls["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|call| text(&call["ruling"]["why"]).to_owned())
        .collect();
    reasons.reverse();
    reasons
}

#[test]
fn one_call_is_kept_and_the_next_is_not_and_says_why_over_a_restart() {
    let setup = setup();
    let program = setup.start();
    let half = json!({
        "name": "half", "kind": {"type": "percentage", "percent": 50}, "match": {"agents": [1]}, "priority": 5,
        "keep_days": 90,
    });
    let daily =
        json!({"name": "daily", "kind": {"type": "set_number", "count": 1, "per": "life"}, "keep_days": 30});
    let file = setup.write("schedules.json", json!([half, daily]).to_string().as_bytes());
    let said = printed(&program, &["schedules", "put", &file.to_string_lossy()]);
    assert!(
        said.contains("schedule 1 (half) is made") && said.contains("schedule 2 (daily) is made"),
        "{said}"
    );
    let explained = printed(&program, &["schedules", "explain", "--agent", "1", "--number", "+15550100"]);
    let none = "not kept: schedule half keeps 50 % of its calls, and this is none of them";
    assert!(explained.starts_with(none) && explained.contains("takes the call"), "{explained}");

    let mut events = Events::open(&program, "?kinds=call.not_recorded,recording.started", None);
    called(&program, "4678");
    let told = events.next();
    assert_eq!((&told.data["kind"], &told.data["why"]), (&json!("call.not_recorded"), &json!(none)));
    assert_eq!(told.data["schedule"], 1);
    assert!(metric(&program.http, "sidetone_rtp_datagrams_total{fate=\"unrecorded\"}") > 0, "its media came");
    assert_eq!(
        metric(&program.http, "sidetone_rtp_datagrams_total{fate=\"stored\"}"),
        0,
        "and was not stored"
    );
    called(&program, "4102");
    let ended = program.rest();
    assert!(ended.status.success(), "{}", ended.log);

    let program = setup.start();
    called(&program, "4678");
    called(&program, "4102");
    assert_eq!(
        reasons(&program),
        [
            none,
            "kept: schedule daily, 1 of its 1",
            "kept: schedule half",
            "not kept: schedule daily has its 1",
        ]
    );
    let kept = sealed(&program.http, 2);
    let retention =
        |kept: &Value| (kept["retention"]["schedule"].clone(), kept["retention"]["keep_days"].clone());
    assert_eq!(retention(&kept[0]), (json!("daily"), json!(30)));
    assert_eq!(retention(&kept[1]), (json!("half"), json!(90)));
    assert!(packets(&program.data(), &kept[1]).len() > 80);
    let listed = printed(&program, &["schedules", "list"]);
    assert!(listed.contains("50 %") && listed.contains("1 calls"), "{listed}");
    printed(&program, &["schedules", "remove", "2"]);
    assert!(!printed(&program, &["schedules", "list", "--json"]).contains("daily"));
}

#[test]
fn a_command_keeps_a_call_that_no_schedule_did_from_then_on_and_its_days_can_be_overridden() {
    let setup = setup().settings("[recording]\nunmatched = \"drop\"\n[retention]\nkeep_days = 365\n");
    let program = setup.start();
    let other =
        json!({"name": "other", "kind": {"type": "percentage", "percent": 100}, "match": {"agents": [2]}});
    assert_eq!(program.http.post("/v1/schedules", &other).status, 201);
    let call = program.call(&["--agent-phone", "4678", "--seconds", "4"]);
    wait_for("the call is ruled", PATIENCE, || (!reasons(&program).is_empty()).then_some(()));
    assert_eq!(reasons(&program), ["not kept: no schedule matched"]);
    let command = json!({"AgentIdentifier": "Id", "Value": "1"});
    program.http.post("/api/Record/StartForAgent", &command).ok();
    on_a_recorded_call(&program.http, "4678");
    call.wait();
    let kept = sealed(&program.http, 1);
    let row = recording(&program.http, &kept[0]);
    assert_eq!(row["why"], "kept: started by command for agent 1");
    let retention = |days: u32, overridden: bool| json!({"schedule": null, "keep_days": days, "archive_action": 1, "overridden": overridden});
    assert_eq!(row["retention"], retention(365, false));
    for (said, days, overridden) in [("7", 7, true), ("-1", 365, false)] {
        let mut update = command.clone();
        update["CallMetadata"] = json!({"keepdays": said});
        program.http.post("/api/Record/UpdateForAgent", &update).ok();
        wait_for("the row follows", PATIENCE, || {
            let row = recording(&program.http, &kept[0]);
            (row["retention"] == retention(days, overridden)).then_some(())
        });
    }
    let shown = printed(&program, &["show", text(&kept[0]["id"])]);
    assert!(shown.contains("\"keep_days\": 365"), "{shown}");
}

#[test]
fn a_call_that_is_not_kept_goes_on_over_a_crash_as_such_and_can_still_be_started() {
    let setup = setup_at("127.77.0.9");
    let program = setup.start();
    let none = json!({"name": "none", "kind": {"type": "percentage", "percent": 0}});
    assert_eq!(program.http.post("/v1/schedules", &none).status, 201);
    let mut client = Client::open(&program, Transport::Udp, &metadata("4678"));
    wait_for("the call is ruled", PATIENCE, || (!reasons(&program).is_empty()).then_some(()));
    client.burst(10);
    wait_for("its media is counted", PATIENCE, || {
        (metric(&program.http, "sidetone_rtp_datagrams_total{fate=\"unrecorded\"}") >= 20).then_some(())
    });
    program.kill();

    let program = setup.start();
    assert_eq!(
        reasons(&program),
        ["not kept: schedule none keeps 0 % of its calls, and this is none of them"]
    );
    client.burst(10);
    wait_for("its media is counted", PATIENCE, || {
        (metric(&program.http, "sidetone_rtp_datagrams_total{fate=\"unrecorded\"}") >= 20).then_some(())
    });
    program.http.post("/api/Record/StartForAgent", &json!({"AgentIdentifier": "Id", "Value": "1"})).ok();
    let kept = client.burst(10);
    wait_for("its media is stored", PATIENCE, || {
        (metric(&program.http, "sidetone_rtp_datagrams_total{fate=\"stored\"}") >= 20).then_some(())
    });
    assert_eq!(client.session.bye(), 200);
    let found = sealed(&program.http, 1);
    assert_eq!(sequences(&program, &found[0]), kept, "what came before the command is not there");
    assert_eq!(metric(&program.http, "sidetone_calls_not_kept_total"), 0, "nothing was ruled anew");
}

#[test]
fn an_archive_action_of_the_settings_that_does_not_exist_stops_the_start() {
    let setup = setup().argument("--archive-action").argument("9");
    let (status, said) = setup.start_refused();
    assert!(!status.success());
    assert!(said.contains("retention.archive_action = 9: there is no such archive action"), "{said}");
}

//! A PBX's own list of calls against what is recorded (C4-03).

use serde_json::Value;
use sim::sip::{Offer, Session, Stream, Transport};

use super::{recording, sealed, setup, text};

#[test]
fn each_call_of_a_pbxs_list_is_found_recorded_short_missing_or_unanswered_and_why() {
    let program = setup().start();
    program.call(&["--agent-phone", "4678", "--number", "+15550100", "--seconds", "2"]).wait();
    program.call(&["--agent-phone", "4102", "--number", "+15550111", "--seconds", "2"]).wait();
    let mut speex = Stream::g711("1", 4_000);
    (speex.formats, speex.maps) = ("97", vec!["97 speex/16000"]);
    assert!(Session::open(program.sip, Transport::Udp, Offer::new(vec![speex], Vec::new())).is_err());
    let found = sealed(&program.http, 2);
    let begun: Vec<&str> = found.iter().map(|found| text(&found["started"])).collect();
    let by_id = text(&recording(&program.http, &found[1])["call_instance"]).to_owned();
    let list = format!(
        "Start,Calling,Called,Talk,ID\n\
         {0},15550100,4678,2,\n\
         {1},,,2,{by_id}\n\
         {0},15550100,4678,60,\n\
         {1},15550199,4999,30,\n\
         2020-01-01 00:00:00,15550199,4678,30,\n\
         {1},15550199,4678,0,\n",
        begun[0], begun[1]
    );
    let list = program.setup.write("calls.csv", list.as_bytes()).display().to_string();
    let columns = "time=Start,from=Calling,to=Called,duration_s=Talk,call_id=ID";
    let asked = ["reconcile", &list, "--columns", columns, "--tolerance-s", "1"];
    let output = program.run(&[&asked[..], &["--json"]].concat());
    assert!(!output.status.success());
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let calls = report["calls"].as_array().expect("a list");
    let states: Vec<&str> = calls.iter().map(|call| text(&call["state"])).collect();
    assert_eq!(states, ["recorded", "recorded", "short", "missing", "missing", "unanswered"], "{report}");
    assert_eq!((&calls[0]["recordings"][0], &calls[1]["recordings"][0]), (&found[0]["id"], &found[1]["id"]));
    assert!(text(&calls[2]["why"]).contains("ends") && calls[2]["recorded_seconds"] == 2, "{report}");
    assert!(text(&calls[3]["why"]).contains("turned away at that time: 488"), "{report}");
    assert!(text(&calls[4]["why"]).contains("was down"), "{report}");

    let printed = program.run(&asked);
    let said = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert!(
        said.contains("2 of 6 calls are recorded whole, 1 in part, 2 not at all; 1 had nothing"),
        "{said}"
    );
    assert!(!said.contains(text(&found[1]["id"])), "what is whole is not listed: {said}");

    let bad = program.setup.write("bad.csv", b"time,from\nyesterday,1\n").display().to_string();
    let refused = program.run(&["reconcile", &bad]);
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && why.contains("bad.csv: line 2: \"yesterday\" is no time"), "{why}");
    let good =
        program.setup.write("good.csv", format!("time,to,duration_s\n{},4678,2\n", begun[0]).as_bytes());
    assert!(program.run(&["reconcile", &good.display().to_string()]).status.success());
}

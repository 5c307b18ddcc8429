//! An SBC that is refused leaves a row that says why (A2-03, product decision 18).

use sim::sip::{Offer, Session, Stream, Transport};
use sim::time::wait_for;

use super::{PATIENCE, metric, setup};

fn only_speex() -> Offer {
    let stream = |label| Stream { formats: "97", maps: vec!["97 SPEEX/16000"], ..Stream::g711(label, 4_000) };
    Offer::new(vec![stream("1"), stream("2")], sim::sip::metadata("4678").into_bytes())
}

#[test]
fn an_sbc_that_speaks_none_of_our_codecs_gets_488_and_the_operator_sees_why() {
    let trunk = "[[trunk]]\nname = \"old SBC\"\nnetworks = [\"127.0.0.1\"]\n";
    let program = setup().settings(trunk).start();
    let offer = only_speex();
    let sip_call_id = offer.sip_call_id().to_owned();
    let refused = Session::open(program.sip, Transport::Tcp, offer).expect_err("488");
    assert_eq!(refused.status(), 488);

    let row = wait_for("the row", PATIENCE, || {
        let page = program.http.get("/v1/refusals").ok().json();
        page["items"].as_array().expect("a list").first().cloned()
    });
    assert_eq!(row["status"], 488, "{row}");
    assert_eq!(row["sip_call_id"], *sip_call_id);
    assert_eq!(row["trunk"], "old SBC");
    assert_eq!(row["transport"], "TCP");
    assert!(row["why"].as_str().expect("a sentence").contains("SPEEX"), "{row}");
    assert_eq!(row["offered"][0], "audio RTP/AVP SPEEX/16000");
    assert_eq!(metric(&program.http, "sidetone_sip_refusals_total{status=\"488\"}"), 1);

    let trunks = program.http.get("/v1/trunks").ok().json();
    let trunk = &trunks["items"][0];
    assert_eq!(
        (&trunk["name"], &trunk["refused"], &trunk["invites"]),
        (&"old SBC".into(), &1.into(), &1.into())
    );
    assert_eq!(trunk["last_refusal"]["status"], 488, "{trunk}");

    let shown = program.run(&["refusals"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("488") && shown.contains("SPEEX") && shown.contains("old SBC"), "{shown}");
}

#[test]
fn a_recorded_call_leaves_no_row_and_counts_for_its_trunk_while_it_lasts() {
    let program = setup().settings("[[trunk]]\nname = \"sbc\"\nnetworks = [\"127.0.0.0/8\"]\n").start();
    let legs = [sim::rtp::Leg::new(1), sim::rtp::Leg::new(2)];
    let offer = Offer::two_legs("4678", legs.each_ref().map(sim::rtp::Leg::port));
    let session = Session::open(program.sip, Transport::Udp, offer).expect("it is answered");
    let live = |count: u64| {
        wait_for("the trunk's live sessions", PATIENCE, || {
            let trunks = program.http.get("/v1/trunks").ok().json();
            (trunks["items"][0]["live_sessions"] == count).then_some(())
        });
    };
    live(1);
    assert_eq!(session.bye(), 200);
    live(0);
    assert_eq!(program.http.get("/v1/refusals").ok().json()["items"], serde_json::json!([]));
}

//! Agents from the command line, while calls go on.

use sim::Program;

use super::{on_a_recorded_call, printed, sealed, setup};

fn refused(program: &Program, arguments: &[&str]) -> String {
    let output = program.run(arguments);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn agents_are_added_changed_seated_and_removed_and_their_calls_follow() {
    let setup = setup();
    let program = setup.start();
    assert_eq!(
        printed(&program, &["agents", "set", "7", "--phone", "4999", "--name", "Kim"]).trim(),
        "agent 7 is added"
    );
    let said = printed(&program, &["agents", "set", "7", "--crm-username", "kim"]);
    assert_eq!(said.trim(), "agent 7 is changed");
    let list = printed(&program, &["agents", "list"]);
    let kim = list.lines().find(|line| line.starts_with("7 ")).expect("she is listed");
    assert!(kim.contains("4999") && kim.contains("kim") && kim.contains("Kim"), "{list}");

    program.call(&["--agent-phone", "4999", "--seconds", "1"]).wait();
    let said = printed(&program, &["agents", "seat", "7", "4678"]);
    assert!(
        said.contains("agent 7 sits at 4678") && said.contains("agent 1 sat there and sits nowhere now"),
        "{said}"
    );
    let call = program.call(&["--agent-phone", "4678", "--seconds", "2"]);
    on_a_recorded_call(&program.http, "4678");
    let busy = refused(&program, &["agents", "remove", "7"]);
    assert!(busy.contains("agent 7 has a live call") || busy.contains("Agent 7 has a live call"), "{busy}");
    call.wait();
    let found = sealed(&program.http, 2);
    assert!(found.iter().all(|found| found["agent"] == 7 && found["agent_name"] == "Kim"), "{found:?}");

    assert_eq!(printed(&program, &["agents", "remove", "7"]).trim(), "agent 7 is removed");
    // A removed agent stays removed, and what was recorded keeps the number.
    program.kill();
    let program = setup.start();
    assert!(!printed(&program, &["agents", "list"]).lines().any(|line| line.starts_with("7 ")));
    let kept = sealed(&program.http, 2);
    assert!(kept.iter().all(|found| found["agent"] == 7), "{kept:?}");
}

#[test]
fn a_dry_run_of_an_import_changes_nothing() {
    let program = setup().start();
    let file = program.setup.write("more.csv", b"id,phone\n1,4678\n8,4888\n");
    let file = file.display().to_string();
    let said = printed(&program, &["agents", "import", &file, "--dry-run"]);
    assert!(said.contains("1 agents would be new"), "{said}");
    assert!(!printed(&program, &["agents", "list"]).contains("4888"));
    let said = printed(&program, &["agents", "import", &file]);
    assert!(said.contains("1 are new"), "{said}");
    assert!(printed(&program, &["agents", "list"]).contains("4888"));
}

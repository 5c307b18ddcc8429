//! `sidetone demo --once` tells the whole story, and notices when it did not go as it should.

use super::bare_setup;

/// Plays the scene; whether it succeeded, and all it said.
fn play(sabotage: &[&str]) -> (bool, String) {
    let output = bare_setup().run(&[&["demo", "--once", "--http", "127.0.0.1:0"], sabotage].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

/// What is not as it should be, by name.
fn named(said: &str) -> Vec<&str> {
    let wrong = said.lines().filter_map(|line| line.trim_start().strip_prefix("NOT "));
    wrong.filter_map(|line| line.split(':').next()).collect()
}

#[test]
fn the_scene_succeeds() {
    let (good, said) = play(&[]);
    assert!(good && named(&said).is_empty(), "{said}");
    for what in ["tagged", "customer's leg", "agent's leg", "aligned", "blackout", "packets", "files"] {
        assert!(said.contains(&format!("ok  {what}")), "{what}: {said}");
    }
}

#[test]
fn a_blackout_that_leaks_a_word_is_noticed() {
    let (good, said) = play(&["--sabotage", "late-blackout"]);
    assert!(!good && named(&said).contains(&"packets"), "{said}");
}

#[test]
fn a_leg_that_is_missing_is_noticed() {
    let (good, said) = play(&["--sabotage", "missing-leg"]);
    assert!(!good && named(&said).contains(&"agent's leg"), "{said}");
}

#[test]
fn a_tag_that_was_not_written_is_noticed() {
    let (good, said) = play(&["--sabotage", "no-tag"]);
    assert!(!good, "{said}");
    assert_eq!(named(&said), ["tagged"], "{said}");
}

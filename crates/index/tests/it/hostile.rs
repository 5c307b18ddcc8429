//! Texts that were written to break something: they are kept as they are, and searching for them is a search.

use calls::time::Wall;
use index::{Party, Query, RecordingRow};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::world::{World, id, row};

fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "'; DROP TABLE recording; --",
        "\" OR 1=1 --",
        "\"\"\"",
        "AND OR NOT NEAR(a b, 2) ^x words:y a* -b +c {words}:z",
        "(((((",
        "nul\0in the middle\0",
        "\0",
        "%_[a-z]*?",
        "\u{202e}gnp.exe\u{202c} \u{2066}x\u{2069}",
        "\u{1f3a7}\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{2605}",
        "\u{feff}\u{200b}\u{ad}",
        "\r\nInjected: header",
        "=cmd|' /C calc'!A0",
        "<script>alert(1)</script>",
        "${jndi:ldap://x}",
        "!!! ... ---",
        "\u{10ffff}\u{e000}\u{fffd}",
    ]
    .map(str::to_owned)
    .into();
    texts.push("a ".repeat(1_000));
    texts.push("\"".repeat(2_000));
    texts.push("x".repeat(2_000));
    texts.push("(".repeat(2_000));
    texts
}

#[tokio::test]
async fn hostile_texts_are_kept_as_they_are_and_searched_for_without_an_error() {
    let world = World::new().await;
    for (place, text) in (1..).zip(texts()) {
        let given = RecordingRow {
            agent_name: Some(text.clone()),
            device: Some(text.clone()),
            ani: Some(text.clone()),
            sip_call_id: Some(text.clone()),
            why: text.clone(),
            fields: [("user1".to_owned(), text.clone()), (text.to_lowercase(), "1".to_owned())].into(),
            parties: vec![Party { name: Some(text.clone()), address: text.clone(), stream: None }],
            ..row(place)
        };
        let ident = world.put(&given).await;
        assert_eq!(world.index.recording(given.id).await.unwrap(), Some(RecordingRow { ident, ..given }));

        let told = [("user2".to_owned(), text.clone())];
        world.index.annotate(id(place), &told, Wall::EPOCH).await.unwrap();
        let exactly = Query { user: [(1, text.clone()), (2, text.clone())].into(), ..Query::default() };
        assert_eq!(world.places(exactly).await, [place], "{text:?}");
        for query in [
            Query { text: Some(text.clone()), ..Query::default() },
            Query { agent: Some(text.clone()), ..Query::default() },
        ] {
            world.find(query).await;
        }
    }
    assert_eq!(world.index.count().await.unwrap(), u64::try_from(texts().len()).unwrap());
}

#[tokio::test]
async fn a_search_for_symbols_finds_them() {
    let world = World::new().await;
    world.put(&RecordingRow { fields: [("user1".into(), "vip \u{2605}".into())].into(), ..row(1) }).await;
    world.put(&row(2)).await;
    assert_eq!(world.places(Query { text: Some("\u{2605}".into()), ..Query::default() }).await, [1]);
}

#[test]
fn any_text_is_a_valid_search() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    runtime.block_on(world.put(&row(1)));
    let syntax = "[\"'*^:(){}+\\-,\\x00 a-cANDORTEW\\.\u{202e}\u{e9}]{0,60}";
    let any = prop_oneof![any::<String>(), syntax.prop_map(|text: String| text)];
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(400) });
    let outcome = runner.run(&any, |text| {
        let query = Query { text: Some(text.clone()), agent: Some(text), ..Query::default() };
        let answer = runtime.block_on(world.index.find(&query));
        prop_assert!(answer.is_ok(), "{:?}", answer);
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn a_text_is_found_by_its_own_words() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    runtime.block_on(world.put(&row(1)));
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(100) });
    let outcome = runner.run(&"[a-z0-9\u{e0}-\u{f6}\"'*(:]{1,12}( [a-z\"^]{1,8}){0,4}", |text| {
        let told = [("user9".to_owned(), text.clone())];
        runtime.block_on(world.index.annotate(id(1), &told, Wall::EPOCH)).unwrap();
        let found = runtime.block_on(world.find(Query { text: Some(text.clone()), ..Query::default() }));
        // Only what holds a letter or digit can be found by its words.
        let has_words = text.split_whitespace().all(|word| word.chars().any(char::is_alphanumeric));
        prop_assert!(!has_words || found.items.len() == 1, "{:?}", text);
        Ok(())
    });
    outcome.unwrap();
}

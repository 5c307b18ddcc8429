use calls::time::Wall;
use index::{Query, REMARK_MAX_BYTES, REMARKS_MAX, Remark, RemarkError, RemarkKind, RemarkWanted};

use crate::world::{World, id, row};

fn wanted(place: u8, kind: RemarkKind, text: &str) -> RemarkWanted {
    RemarkWanted {
        recording: id(place),
        kind,
        text: text.to_owned(),
        from_ms: None,
        to_ms: None,
        who: "Robin".to_owned(),
        source: "192.0.2.7".to_owned(),
        at: Wall::from_ms(5),
    }
}

async fn add(world: &World, wanted: RemarkWanted) -> Remark {
    world.index.add_remark(&wanted).await.expect("a remark is taken")
}

fn text(words: &str) -> Query {
    Query { text: Some(words.into()), ..Query::default() }
}

fn category(name: &str) -> Query {
    Query { category: Some(name.into()), ..Query::default() }
}

#[tokio::test]
async fn what_people_attach_is_read_back_over_a_restart_and_found_by_its_words() {
    let world = World::new().await;
    world.put(&row(1)).await;
    world.put(&row(2)).await;
    let bookmark =
        RemarkWanted { from_ms: Some(2_000), ..wanted(1, RemarkKind::Bookmark, "refund promised") };
    let span = RemarkWanted { to_ms: Some(4_500), from_ms: Some(3_000), ..bookmark.clone() };
    let note = wanted(2, RemarkKind::Note, "Caller asked for a s\u{fa}pervisor twice");
    for wanted in [&bookmark, &span, &note] {
        add(&world, wanted.clone()).await;
    }
    let world = world.reopened().await;

    let said = |remarks: Vec<Remark>| remarks.into_iter().map(|remark| remark.said).collect::<Vec<_>>();
    assert_eq!(said(world.index.remarks(id(1)).await.unwrap()), [bookmark.clone(), span.clone()]);
    let found = world.index.recording(id(1)).await.unwrap().unwrap();
    assert_eq!(said(found.remarks), [bookmark, span]);
    assert_eq!(world.places(text("refund")).await, [1]);
    assert_eq!(world.places(text("supervisor TWICE")).await, [2]);
    let with = |kind| Query { remarked: Some(kind), ..Query::default() };
    assert_eq!(world.places(with(RemarkKind::Bookmark)).await, [1]);
    assert_eq!(world.places(with(RemarkKind::Note)).await, [2]);
}

#[tokio::test]
async fn a_category_holds_a_recording_once_and_is_found_whole_in_any_case() {
    let world = World::new().await;
    for place in 1..=3 {
        world.put(&row(place)).await;
    }
    let first = add(&world, wanted(1, RemarkKind::Category, "\u{c4}rger")).await;
    let again = add(&world, wanted(1, RemarkKind::Category, "\u{e4}rger")).await;
    assert_eq!(again, first);
    add(&world, wanted(2, RemarkKind::Category, "\u{c4}rger mit Rechnung")).await;
    add(&world, wanted(3, RemarkKind::Note, "\u{c4}rger")).await;
    assert_eq!(world.places(category("\u{e4}RGER")).await, [1]);
    assert_eq!(world.places(category("\u{c4}r")).await, Vec::<u8>::new());
}

#[tokio::test]
async fn a_remark_that_was_taken_back_stays_on_record_and_is_found_no_more() {
    let world = World::new().await;
    world.put(&row(1)).await;
    world.put(&row(2)).await;
    let number = add(&world, wanted(1, RemarkKind::Category, "complaint")).await.number;
    let later = Wall::from_ms(9);
    assert!(!world.index.remove_remark(id(2), number, "Kim", later).await.unwrap(), "it is at another one");
    assert!(world.index.remove_remark(id(1), number, "Kim", later).await.unwrap());
    assert!(!world.index.remove_remark(id(1), number, "Alex", Wall::from_ms(11)).await.unwrap());

    let remarks = world.index.remarks(id(1)).await.unwrap();
    assert_eq!(remarks.len(), 1);
    assert_eq!(remarks[0].removed, Some(("Kim".to_owned(), later)));
    assert_eq!(world.index.recording(id(1)).await.unwrap().unwrap().remarks, []);
    assert_eq!(world.places(category("complaint")).await, Vec::<u8>::new());
    assert_eq!(world.places(text("complaint")).await, Vec::<u8>::new());
    assert_ne!(add(&world, wanted(1, RemarkKind::Category, "complaint")).await.number, number);
    assert_eq!(world.places(category("complaint")).await, [1]);
}

#[tokio::test]
async fn a_tag_set_later_leaves_remarks_to_be_found() {
    let world = World::new().await;
    world.put(&row(1)).await;
    add(&world, wanted(1, RemarkKind::Note, "escalated")).await;
    let fields = [("user3".to_owned(), "blue".to_owned())];
    world.index.annotate(id(1), &fields, Wall::from_ms(6)).await.unwrap();
    assert_eq!(world.places(text("escalated blue")).await, [1]);
}

#[tokio::test]
async fn what_cannot_be_a_remark_changes_nothing() {
    let world = World::new().await;
    let note = |text: &str| wanted(1, RemarkKind::Note, text);
    assert!(matches!(world.index.add_remark(&note("x")).await, Err(RemarkError::Unknown(_))));
    world.put(&row(1)).await;
    assert!(matches!(world.index.add_remark(&note("")).await, Err(RemarkError::Text { bytes: 0 })));
    let long = "x".repeat(REMARK_MAX_BYTES + 1);
    assert!(matches!(world.index.add_remark(&note(&long)).await, Err(RemarkError::Text { .. })));
    assert_eq!(world.index.remarks(id(1)).await.unwrap(), []);

    add(&world, note(&long[1..])).await;
    for _ in 1..REMARKS_MAX {
        add(&world, note("x")).await;
    }
    assert!(matches!(world.index.add_remark(&note("x")).await, Err(RemarkError::TooMany)));
}

use calls::time::Wall;
use index::{
    AnnotateError, Direction, FIELD_NAME_MAX_BYTES, FIELD_VALUE_MAX_BYTES, FIELDS_MAX, Inherited, Query,
    RecordingRow,
};

use crate::world::{World, id, row};

fn told(field: &str, value: &str) -> Vec<(String, String)> {
    vec![(field.to_owned(), value.to_owned())]
}

async fn annotate(world: &World, field: &str, value: &str) -> Result<(), AnnotateError> {
    world.index.annotate(id(1), &told(field, value), Wall::from_ms(5)).await
}

#[tokio::test]
async fn a_tag_set_after_the_seal_is_read_and_found() {
    let world = World::new().await;
    world.put(&row(1)).await;
    annotate(&world, "User5", "escalated").await.unwrap();

    let found = world.index.recording(id(1)).await.unwrap().unwrap();
    assert_eq!(found.fields["user5"], "escalated");
    assert_eq!(found.fields["user1"], "gold");
    assert_eq!(world.places(Query { text: Some("escal".into()), ..Query::default() }).await, [1]);
    let exactly = Query { user: [(5, "escalated".to_owned())].into(), ..Query::default() };
    assert_eq!(world.places(exactly).await, [1]);
}

#[tokio::test]
async fn the_last_value_counts_and_the_one_before_is_no_longer_found() {
    let world = World::new().await;
    world.put(&row(1)).await;
    annotate(&world, "user1", "silver").await.unwrap();
    annotate(&world, "user1", "bronze").await.unwrap();
    for (word, places) in [("gold", vec![]), ("silver", vec![]), ("bronze", vec![1])] {
        assert_eq!(
            world.places(Query { text: Some(word.into()), ..Query::default() }).await,
            places,
            "{word}"
        );
    }
}

#[tokio::test]
async fn a_number_that_was_corrected_is_found_by_the_new_one() {
    let world = World::new().await;
    world.put(&row(1)).await;
    annotate(&world, "dnis", "+44 20 7946 0000").await.unwrap();
    annotate(&world, "calldirection", "O").await.unwrap();

    let found = world.index.recording(id(1)).await.unwrap().unwrap();
    assert_eq!(found.dnis.as_deref(), Some("+44 20 7946 0000"));
    assert_eq!(found.direction, Some(Direction::Outbound));
    let number = |number: &str| Query { number: Some(number.into()), ..Query::default() };
    assert_eq!(world.places(number("79460000")).await, [1]);
    assert_eq!(world.places(number("5550199")).await, Vec::<u8>::new());
}

#[tokio::test]
async fn an_unknown_recording_and_oversized_fields_change_nothing() {
    let world = World::new().await;
    assert!(matches!(annotate(&world, "user1", "x").await, Err(AnnotateError::Unknown(_))));
    world.put(&row(1)).await;
    let before = world.index.recording(id(1)).await.unwrap();

    let long_name = "n".repeat(FIELD_NAME_MAX_BYTES + 1);
    let long_value = "v".repeat(FIELD_VALUE_MAX_BYTES + 1);
    assert!(matches!(annotate(&world, "", "x").await, Err(AnnotateError::FieldName { bytes: 0 })));
    assert!(matches!(annotate(&world, &long_name, "x").await, Err(AnnotateError::FieldName { .. })));
    assert!(matches!(annotate(&world, "user1", &long_value).await, Err(AnnotateError::TooLong { .. })));
    let many: Vec<_> = (0..=FIELDS_MAX).map(|n| (format!("f{n}"), String::new())).collect();
    let refused = world.index.annotate(id(1), &many, Wall::EPOCH).await;
    assert!(matches!(refused, Err(AnnotateError::TooMany { .. })));
    assert_eq!(world.index.recording(id(1)).await.unwrap(), before);

    annotate(&world, &long_name[1..], &long_value[1..]).await.expect("the limits themselves are allowed");
}

#[tokio::test]
async fn how_long_it_is_kept_follows_the_fields_and_goes_back_with_minus_one() {
    let world = World::new().await;
    world.put(&row(1)).await;
    let kept = async || {
        let row = world.index.recording(id(1)).await.unwrap().unwrap();
        (row.keep_days, row.archive_action, row.overridden)
    };
    annotate(&world, "user1", "x").await.unwrap();
    assert_eq!(kept().await, (Some(90), 3, false));
    annotate(&world, "KeepDays", "0").await.unwrap();
    assert_eq!(kept().await, (Some(0), 3, true));
    annotate(&world, "archiveaction", "2").await.unwrap();
    annotate(&world, "keepdays", "-1").await.unwrap();
    assert_eq!(kept().await, (Some(90), 2, true));
    annotate(&world, "archiveaction", "-1").await.unwrap();
    assert_eq!(kept().await, (Some(90), 3, false));
}

#[tokio::test]
async fn what_is_kept_for_ever_can_be_given_days_and_loses_them_again() {
    let world = World::new().await;
    let inherited = Inherited { keep_days: None, archive_action: 1 };
    world.put(&RecordingRow { keep_days: None, archive_action: 1, inherited, ..row(1) }).await;
    annotate(&world, "keepdays", "3650").await.unwrap();
    assert_eq!(world.index.recording(id(1)).await.unwrap().unwrap().keep_days, Some(3650));
    annotate(&world, "keepdays", "-1").await.unwrap();
    let row = world.index.recording(id(1)).await.unwrap().unwrap();
    assert_eq!((row.keep_days, row.overridden), (None, false));
}

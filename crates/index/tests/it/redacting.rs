use calls::time::Wall;
use index::{DatabaseError, RedactError, RedactionAsked, RedactionDone};

use crate::world::{World, id, row};

fn asked() -> RedactionAsked {
    RedactionAsked {
        recording: id(1),
        from: Wall::from_ms(1_000),
        until: Wall::from_ms(2_000),
        who: "Robin".to_owned(),
        why: "a card number was read out".to_owned(),
        source: "127.0.0.1".to_owned(),
        at: Wall::from_ms(9_000),
        card_data: false,
    }
}

fn done() -> RedactionDone {
    RedactionDone {
        at: Wall::from_ms(9_100),
        packets: 50,
        packets_left: 400,
        digest_before: [1; 32],
        digest_after: [2; 32],
        file_bytes: 77_000,
    }
}

#[tokio::test]
async fn a_redaction_is_on_record_before_and_after_it_is_done_and_the_row_follows_the_file() {
    let world = World::new().await;
    world.put(&row(1)).await;
    let number = world.index.ask_redaction(&asked()).await.unwrap();
    let waiting = world.index.redactions_not_done().await.unwrap();
    assert_eq!((waiting.len(), &waiting[0].asked, &waiting[0].done), (1, &asked(), &None));

    let world = world.reopened().await;
    world.index.end_redaction(number, &done()).await.unwrap();
    assert!(world.index.redactions_not_done().await.unwrap().is_empty());
    let [redaction] = &world.index.redactions(id(1)).await.unwrap()[..] else { panic!("one redaction") };
    assert_eq!(redaction.asked, asked());
    assert_eq!(redaction.done, Some((Wall::from_ms(9_100), 50, [1; 32], [2; 32])));
    let now = world.index.recording(id(1)).await.unwrap().unwrap();
    assert_eq!((now.file_bytes, now.digest, now.packets_stored), (77_000, [2; 32], 400));
}

#[tokio::test]
async fn one_that_is_done_is_never_changed_or_deleted() {
    let world = World::new().await;
    world.put(&row(1)).await;
    let number = world.index.ask_redaction(&asked()).await.unwrap();
    world.index.end_redaction(number, &done()).await.unwrap();
    // Said again, as after a crash: nothing changes.
    let other = RedactionDone { packets: 1, file_bytes: 1, ..done() };
    world.index.end_redaction(number, &other).await.unwrap();
    let now = world.index.recording(id(1)).await.unwrap().unwrap();
    assert_eq!(now.file_bytes, 77_000);
    for change in ["UPDATE redaction SET who = 'nobody'", "DELETE FROM redaction"] {
        let mut database = crate::opening::raw(&world).await;
        let refused = sqlx::raw_sql(change).execute(&mut database).await.unwrap_err().to_string();
        assert!(refused.contains("redaction"), "{refused}");
    }
}

#[tokio::test]
async fn what_is_not_in_the_index_cannot_be_redacted() {
    let world = World::new().await;
    let refused = world.index.ask_redaction(&asked()).await.unwrap_err();
    assert!(matches!(refused, RedactError::Unknown(unknown) if unknown == id(1)), "{refused}");
    let none: Result<_, DatabaseError> = world.index.redactions(id(1)).await;
    assert!(none.unwrap().is_empty());
}

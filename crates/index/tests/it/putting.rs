use calls::id::{AgentId, RecordingId};
use calls::time::Wall;
use index::{Care, Completeness, PAGE_MAX, PutError, RecordingRow};

use crate::world::{World, anonymous, id, row};

#[tokio::test]
async fn a_recording_comes_back_as_it_was_put() {
    let world = World::new().await;
    for given in [row(1), anonymous(2)] {
        let ident = world.put(&given).await;
        let found = world.index.recording(given.id).await.unwrap();
        assert_eq!(found, Some(RecordingRow { ident, ..given }));
    }
    assert_eq!(world.index.count().await.unwrap(), 2);
}

#[tokio::test]
async fn every_label_and_the_ends_of_every_range_come_back() {
    let world = World::new().await;
    let labels =
        [Completeness::Complete, Completeness::CompleteWithGaps, Completeness::Partial, Completeness::Failed];
    for (place, completeness) in (1..).zip(labels) {
        let given = RecordingRow {
            completeness,
            interrupted: true,
            agent: Some(AgentId(u32::MAX)),
            started: Wall::from_ns(i64::MIN),
            ended: Wall::from_ns(i64::MAX),
            business_unit: i64::MIN,
            packets_received: u64::from(u32::MAX) * 1_000,
            // What ends in 2262 is never due.
            care: Care::default(),
            ..row(place)
        };
        let ident = world.put(&given).await;
        assert_eq!(world.index.recording(given.id).await.unwrap(), Some(RecordingRow { ident, ..given }));
    }
}

#[tokio::test]
async fn what_was_never_put_is_not_there() {
    let world = World::new().await;
    assert_eq!(world.index.recording(RecordingId::from_bytes([0; 16])).await.unwrap(), None);
    assert_eq!(world.index.count().await.unwrap(), 0);
}

#[tokio::test]
async fn putting_again_changes_nothing_and_gives_the_same_key() {
    let world = World::new().await;
    let first = world.put(&row(1)).await;
    let told = [("user3".to_owned(), "said later".to_owned())];
    world.index.annotate(id(1), &told, Wall::from_ms(5)).await.unwrap();
    let before = world.index.recording(id(1)).await.unwrap();

    assert_eq!(world.put(&row(1)).await, first);
    assert_eq!(world.index.recording(id(1)).await.unwrap(), before);
    assert_eq!(world.index.count().await.unwrap(), 1);
    assert_eq!(world.put(&row(2)).await, first + 1);
}

#[tokio::test]
async fn a_second_file_for_the_same_recording_is_refused() {
    let world = World::new().await;
    world.put(&row(1)).await;
    for other in [RecordingRow { digest: [9; 32], ..row(1) }, RecordingRow { file: "x".into(), ..row(1) }] {
        let refused = world.index.put_recording(&other).await.unwrap_err();
        assert!(
            matches!(&refused, PutError::Different { recording, .. } if *recording == id(1)),
            "{refused}"
        );
    }
    assert_eq!(world.index.recording(id(1)).await.unwrap().unwrap().digest, [1; 32]);
}

#[tokio::test]
async fn two_recordings_cannot_share_a_file() {
    let world = World::new().await;
    world.put(&row(1)).await;
    let twin = RecordingRow { file: row(1).file, ..row(2) };
    assert!(matches!(world.index.put_recording(&twin).await, Err(PutError::Database(_))));
    assert_eq!(world.index.recording(id(2)).await.unwrap(), None);
}

#[tokio::test]
async fn many_puts_at_once_all_land_once() {
    let world = World::new().await;
    let mut tasks = Vec::new();
    for place in (0..40).chain(0..40) {
        let index = world.index.clone();
        tasks.push(tokio::spawn(async move { index.put_recording(&row(place)).await }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(world.index.count().await.unwrap(), 40);
}

#[tokio::test]
async fn all_files_are_listed_page_by_page() {
    let world = World::new().await;
    let total = u16::try_from(PAGE_MAX + 3).unwrap();
    for number in 0..total {
        let [high, low] = number.to_be_bytes();
        let mut bytes = [0; 16];
        (bytes[0], bytes[1]) = (high, low);
        let id = RecordingId::from_bytes(bytes);
        world.put(&RecordingRow { id, file: format!("{number}.rec"), ..anonymous(low) }).await;
    }
    let mut files = Vec::new();
    let mut after = 0;
    loop {
        let page = world.index.files_after(after).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.ident;
        files.extend(page.into_iter().map(|entry| entry.file));
    }
    let expected: Vec<String> = (0..total).map(|number| format!("{number}.rec")).collect();
    assert_eq!(files, expected);
}

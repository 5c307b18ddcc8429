use index::{FindError, PAGE_MAX, Query, RecordingRow};

use crate::world::{World, row};

fn page(cursor: Option<String>, limit: u32) -> Query {
    Query { cursor, limit, ..Query::default() }
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap_while_recordings_arrive() {
    let world = World::new().await;
    for place in 1..=7 {
        world.put(&row(place)).await;
    }
    let mut seen = Vec::new();
    let mut cursor = None;
    let mut newcomer = 100;
    loop {
        let found = world.find(page(cursor, 3)).await;
        seen.extend(found.items.iter().map(|row| row.id.as_bytes()[15]));
        world.put(&row(newcomer)).await;
        newcomer += 1;
        cursor = found.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn recordings_of_the_same_instant_are_split_between_pages_without_loss() {
    let world = World::new().await;
    for place in 1..=5 {
        world.put(&RecordingRow { started: row(1).started, ..row(place) }).await;
    }
    let first = world.find(page(None, 2)).await;
    let second = world.find(page(first.next.clone(), 2)).await;
    let third = world.find(page(second.next.clone(), 2)).await;
    let seen: Vec<u8> = [first, second, third.clone()]
        .iter()
        .flat_map(|p| &p.items)
        .map(|row| row.id.as_bytes()[15])
        .collect();
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    assert_eq!(third.next, None);
}

#[tokio::test]
async fn a_full_last_page_has_no_next() {
    let world = World::new().await;
    world.put(&row(1)).await;
    world.put(&row(2)).await;
    assert_eq!(world.find(page(None, 2)).await.next, None);
    assert!(world.find(page(None, 1)).await.next.is_some());
}

#[tokio::test]
async fn a_foreign_cursor_is_refused_with_a_sentence() {
    let world = World::new().await;
    let good = "m0000000000000001";
    assert!(world.index.find(&page(Some(good.into()), 1)).await.is_ok());
    for bad in ["", "m", "17", &good[1..], &good.to_uppercase(), &format!("{good}0"), "m\u{1d7d8}", "'; --"] {
        let refused = world.index.find(&page(Some(bad.to_owned()), 1)).await.unwrap_err();
        assert!(matches!(refused, FindError::Cursor), "{bad:?}");
        assert!(refused.to_string().contains("leave it out"), "{refused}");
    }
}

#[tokio::test]
async fn a_limit_out_of_range_is_refused_with_the_range() {
    let world = World::new().await;
    for limit in [0, PAGE_MAX + 1, u32::MAX] {
        let refused = world.index.find(&page(None, limit)).await.unwrap_err();
        assert_eq!(refused.to_string(), format!("limit is {limit}; it can be 1 to 500"));
    }
    assert!(world.index.find(&page(None, PAGE_MAX)).await.is_ok());
}

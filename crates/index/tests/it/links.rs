use calls::call::Link;
use calls::id::CallId;
use calls::time::Wall;
use index::{Completeness, Query, RecordingRow, Relation};

use crate::world::{World, id, row};

fn call(place: u8) -> CallId {
    CallId::from_bytes([place; 16])
}

/// Recording `place` as a copy of recording 1.
fn copy(place: u8) -> RecordingRow {
    let (started, ended) = (row(1).started, row(1).ended);
    RecordingRow { link: Some(Link::CopyOf(call(1))), started, ended, ..row(place) }
}

fn all() -> Query {
    Query { copies: true, ..Query::default() }
}

#[tokio::test]
async fn a_copy_is_shown_on_demand_whichever_of_the_two_is_put_first() {
    for order in [[1, 2], [2, 1]] {
        let world = World::new().await;
        for place in order {
            world.put(&if place == 1 { row(1) } else { copy(2) }).await;
        }
        let page = world.find(Query::default()).await;
        assert_eq!(page.items.iter().map(|row| (row.id, row.copies)).collect::<Vec<_>>(), [(id(1), 1)]);
        assert_eq!(world.find(all()).await.items.len(), 2);
        assert_eq!(world.places(Query { call: Some(call(2)), ..Query::default() }).await, [2]);
        let found = world.index.recording(id(2)).await.unwrap().unwrap();
        assert_eq!((found.link, found.doubled), (Some(Link::CopyOf(call(1))), true));
    }
}

#[tokio::test]
async fn a_copy_that_holds_more_than_the_original_is_shown_beside_it() {
    let second = |n: i64| n * 1_000_000_000;
    let (started, ended) = (row(1).started.as_ns(), row(1).ended.as_ns());
    let longer = RecordingRow { ended: Wall::from_ns(ended + second(3)), ..copy(2) };
    let earlier = RecordingRow { started: Wall::from_ns(started - second(3)), ..copy(3) };
    let fuller = RecordingRow { packets_stored: 800, ..copy(4) };
    for more in [longer, earlier, fuller] {
        let world = World::new().await;
        world.put(&row(1)).await;
        world.put(&more).await;
        assert_eq!(world.find(Query::default()).await.items.len(), 2, "{more:?}");
    }
    let world = World::new().await;
    world.put(&RecordingRow { completeness: Completeness::Failed, ..row(1) }).await;
    world.put(&copy(2)).await;
    assert_eq!(world.find(Query::default()).await.items.len(), 2, "the original cannot be heard");
}

#[tokio::test]
async fn what_has_to_do_with_a_recording_is_listed_with_how() {
    let world = World::new().await;
    world.put(&row(1)).await;
    world.put(&copy(2)).await;
    world.put(&RecordingRow { call: call(1), ..row(3) }).await;
    world.put(&RecordingRow { link: Some(Link::Continues(call(1))), ..row(4) }).await;
    let shared = ["GUID-1".to_owned(), "else".to_owned()].into();
    world.put(&RecordingRow { known_as: shared, ..row(5) }).await;
    world.put(&row(6)).await;
    let far = Wall::from_ms(1_700_100_000_000);
    world.put(&RecordingRow { known_as: row(1).known_as, started: far, ..row(7) }).await;

    let related = world.index.related(id(1)).await.unwrap();
    let seen: Vec<_> = related.iter().map(|it| (it.row.id, it.relation)).collect();
    let expected = [
        (id(2), Relation::Copy),
        (id(3), Relation::SameCall),
        (id(4), Relation::After),
        (id(5), Relation::SharesId),
    ];
    assert_eq!(seen, expected);
    assert_eq!(related[3].shared, ["GUID-1"], "in whatever spelling");

    let related = world.index.related(id(4)).await.unwrap();
    assert_eq!(related[0].relation, Relation::Before);
    let related = world.index.related(id(2)).await.unwrap();
    assert_eq!(related[0].relation, Relation::Copy, "the original of a copy");
    assert!(world.index.related(id(9)).await.unwrap().is_empty());
}

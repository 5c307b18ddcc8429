use calls::id::CallId;
use index::{Named, RecordingRow};

use crate::world::{World, id, row};

async fn place(world: &World, named: Named) -> Option<u8> {
    world.index.newest(&named, &access::Scope::All).await.expect("an answer").map(|row| row.id.as_bytes()[15])
}

#[tokio::test]
async fn each_name_finds_its_recording_and_of_several_the_newest() {
    let world = World::new().await;
    let with = |place: u8, key: &str, value: &str| {
        let mut row = row(place);
        row.fields.insert(key.to_owned(), value.to_owned());
        row
    };
    let first = world.put(&with(1, "callid", "PBX-7")).await;
    // Put later, but of an earlier call.
    world.put(&with(9, "callid", "PBX-7")).await;
    world.put(&with(5, "user15", "it's \u{1f600} </x>")).await;

    assert_eq!(place(&world, Named::Ident(first)).await, Some(1));
    assert_eq!(place(&world, Named::Recording(id(5))).await, Some(5));
    assert_eq!(place(&world, Named::CallId("PBX-7".into())).await, Some(9));
    assert_eq!(place(&world, Named::CallId("5@192.0.2.9".into())).await, Some(5));
    assert_eq!(place(&world, Named::GlobalId("04fa08010f5c6d05".into())).await, Some(5));
    let call = CallId::from_bytes([5; 16]).to_string();
    assert_eq!(place(&world, Named::GlobalId(call)).await, Some(5));
    assert_eq!(place(&world, Named::User(15, "it's \u{1f600} </x>".into())).await, Some(5));
    assert_eq!(place(&world, Named::User(1, "gold".into())).await, Some(9), "the newest of three");
    for nothing in [
        Named::Ident(0),
        Named::Ident(i64::MIN),
        Named::CallId("pbx-7".into()),
        Named::CallId(String::new()),
        Named::GlobalId(String::new()),
        Named::User(1, "%".into()),
        Named::User(99, "gold".into()),
    ] {
        assert_eq!(place(&world, nothing.clone()).await, None, "{nothing:?}");
    }
}

#[tokio::test]
async fn a_copy_stands_behind_what_it_is_a_copy_of() {
    let world = World::new().await;
    let original = row(1);
    world.put(&original).await;
    let copy = RecordingRow {
        link: Some(calls::call::Link::CopyOf(original.call)),
        ended: original.ended,
        ..row(2)
    };
    world.put(&copy).await;
    assert!(world.index.recording(id(2)).await.unwrap().unwrap().doubled);
    assert_eq!(place(&world, Named::User(1, "gold".into())).await, Some(1));
}

#[tokio::test]
async fn many_are_given_by_their_keys_and_those_that_are_not_there_are_left_out() {
    let world = World::new().await;
    let mut keys = Vec::new();
    for n in 1..4 {
        keys.push(world.put(&row(n)).await);
    }
    let asked = [keys[2], 77, keys[0], keys[0], -1, i64::MAX];
    let found = world.index.by_idents(&asked).await.unwrap();
    assert_eq!(found.iter().map(|row| row.ident).collect::<Vec<_>>(), [keys[0], keys[2]]);
    assert_eq!(found[0].fields["user1"], "gold");
    assert_eq!(world.index.by_idents(&[]).await.unwrap(), []);
}

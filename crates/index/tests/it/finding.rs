use calls::id::AgentId;
use index::{FindError, Query, RecordingRow};

use crate::world::{World, anonymous, row};

const NONE: [u8; 0] = [];

fn agent(text: &str) -> Query {
    Query { agent: Some(text.to_owned()), ..Query::default() }
}

fn number(text: &str) -> Query {
    Query { number: Some(text.to_owned()), ..Query::default() }
}

fn text(text: &str) -> Query {
    Query { text: Some(text.to_owned()), ..Query::default() }
}

async fn two() -> World {
    let world = World::new().await;
    world.put(&row(1)).await;
    let other = RecordingRow {
        agent: Some(AgentId(4678)),
        agent_name: Some("\u{c4}nne O'Hara".to_owned()),
        device: Some("5003".to_owned()),
        ani: Some("0044 20 7946 0018".to_owned()),
        dnis: Some("5003".to_owned()),
        parties: Vec::new(),
        ..row(2)
    };
    world.put(&other).await;
    world.put(&anonymous(3)).await;
    world
}

#[tokio::test]
async fn no_condition_finds_all_newest_first() {
    let world = two().await;
    assert_eq!(world.places(Query::default()).await, [3, 2, 1]);
    let blank = Query { number: Some(" ".into()), text: Some("\t".into()), ..agent("") };
    assert_eq!(world.places(blank).await, [3, 2, 1]);
}

#[tokio::test]
async fn an_agent_is_found_by_number_name_or_device() {
    let world = two().await;
    assert_eq!(world.places(agent("1")).await, [1]);
    assert_eq!(world.places(agent(" jane doe ")).await, [1]);
    assert_eq!(world.places(agent("\u{e4}nne o'hara")).await, [2]);
    assert_eq!(world.places(agent("5003")).await, [2]);
    // One agent's number is another's phone: both are meant.
    assert_eq!(world.places(agent("4678")).await, [2, 1]);
    assert_eq!(world.places(agent("jane")).await, NONE);
}

#[tokio::test]
async fn recordings_of_one_call_are_found_by_its_id() {
    let world = two().await;
    let of = |call| Query { call: Some(calls::id::CallId::from_bytes([call; 16])), ..Query::default() };
    assert_eq!(world.places(of(2)).await, [2]);
    assert_eq!(world.places(of(9)).await, NONE);
}

#[tokio::test]
async fn a_call_is_found_by_what_other_systems_call_it() {
    let world = two().await;
    let known_as = |id: &str| Query { known_as: Some(id.to_owned()), ..Query::default() };
    for spelling in ["00FA08010F5C6D01;encoding=hex", "04fa08010f5c6d01", " fa08010f5c6d01 ", "GUID-1"] {
        assert_eq!(world.places(known_as(spelling)).await, [1], "{spelling}");
    }
    assert_eq!(world.places(known_as("2@192.0.2.9")).await, [2], "SIP's Call-ID");
    assert_eq!(world.places(known_as("2-77@192.0.2.9")).await, [2], "the WFO call instance");
    for nothing in ["FA08010F5C6D", "guid", "%", "' OR 1=1 --"] {
        assert_eq!(world.places(known_as(nothing)).await, NONE, "{nothing}");
    }
    assert_eq!(world.places(known_as(" ")).await, [3, 2, 1], "a blank text is no condition");
}

#[tokio::test]
async fn a_number_is_found_by_its_end_however_it_is_written() {
    let world = two().await;
    for spelling in ["+1 555-0100", "15550100", "0100", "sip:+15550100@example.com", "tel:555-0100"] {
        assert_eq!(world.places(number(spelling)).await, [1], "{spelling}");
    }
    assert_eq!(world.places(number("4678")).await, [1], "a device");
    assert_eq!(world.places(number("+44 20 7946 0018")).await, [2]);
    assert_eq!(world.places(number("1555")).await, NONE, "a beginning is no end");
    let refused = world.index.find(&number("alice")).await.unwrap_err();
    assert!(matches!(refused, FindError::Number), "{refused}");
}

#[tokio::test]
async fn a_time_range_takes_its_beginning_and_leaves_its_end() {
    let world = two().await;
    let range = |from: Option<u8>, to: Option<u8>| Query {
        from: from.map(|place| row(place).started),
        to: to.map(|place| row(place).started),
        ..Query::default()
    };
    assert_eq!(world.places(range(Some(2), None)).await, [3, 2]);
    assert_eq!(world.places(range(None, Some(2))).await, [1]);
    assert_eq!(world.places(range(Some(1), Some(3))).await, [2, 1]);
    assert_eq!(world.places(range(Some(3), Some(1))).await, NONE);
}

#[tokio::test]
async fn words_are_found_in_names_numbers_addresses_and_fields() {
    let world = two().await;
    for words in ["jorg MULLER", "M\u{fc}ll", "Order-1", "jane order", "15550100", "192.0.2.9"] {
        assert_eq!(world.places(text(words)).await, [1], "{words}");
    }
    assert_eq!(world.places(text("gold")).await, [2, 1]);
    assert_eq!(world.places(text("o'hara")).await, [2]);
    assert_eq!(world.places(text("jane hara")).await, NONE, "all words must occur");
}

#[tokio::test]
async fn user_fields_match_exactly_and_together() {
    let world = two().await;
    let user = |fields: &[(u8, &str)]| Query {
        user: fields.iter().map(|&(number, value)| (number, value.to_owned())).collect(),
        ..Query::default()
    };
    assert_eq!(world.places(user(&[(1, "gold")])).await, [2, 1]);
    assert_eq!(world.places(user(&[(1, "gold"), (2, "order 2")])).await, [2]);
    assert_eq!(world.places(user(&[(1, "gol")])).await, NONE);
    assert_eq!(world.places(user(&[(15, "gold")])).await, NONE);
    for wrong in [0, 16] {
        let refused = world.index.find(&user(&[(wrong, "x")])).await.unwrap_err();
        assert!(matches!(refused, FindError::UserField { given } if given == wrong), "{refused}");
    }
}

#[tokio::test]
async fn all_conditions_hold_at_once() {
    let world = two().await;
    let query = Query {
        number: Some("0018".into()),
        text: Some("gold".into()),
        from: Some(row(2).started),
        user: [(2, "order 2".to_owned())].into(),
        ..agent("4678")
    };
    assert_eq!(world.places(query.clone()).await, [2]);
    assert_eq!(world.places(Query { text: Some("silver".into()), ..query }).await, NONE);
}

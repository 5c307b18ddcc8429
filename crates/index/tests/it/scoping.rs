//! Whose recordings are found.

use access::Scope;
use calls::call::Link;
use calls::id::AgentId;
use index::{Named, Query, RecordingRow};

use crate::world::{World, id, row};

/// Twelve recordings of three business units and four agents.
async fn world() -> World {
    let world = World::new().await;
    for place in 1..=12 {
        let unit = i64::from(place % 3);
        let agent = (place % 4 != 0).then(|| AgentId(u32::from(place % 4)));
        world.put(&RecordingRow { business_unit: unit, agent, ..row(place) }).await;
    }
    world
}

#[tokio::test]
async fn every_search_finds_what_is_in_the_scope_and_nothing_else_page_by_page() {
    let world = world().await;
    let scopes = [
        Scope::All,
        Scope::only([1], []),
        Scope::only([], [2]),
        Scope::only([0, 2], []),
        Scope::only([1], [2, 3]),
        Scope::only([99], [99]),
    ];
    let searches = [
        Query::default(),
        Query { text: Some("jane".into()), ..Query::default() },
        Query { number: Some("5550100".into()), ..Query::default() },
        Query { agent: Some("jane doe".into()), ..Query::default() },
        Query { agent: Some("2".into()), ..Query::default() },
    ];
    for scope in &scopes {
        for search in &searches {
            let whole = world.find(Query { ..search.clone() }).await.items;
            let covered =
                whole.iter().filter(|row| scope.covers(row.business_unit, row.agent.map(|agent| agent.0)));
            let wanted: Vec<u8> = covered.map(|row| row.id.as_bytes()[15]).collect();
            let mut found = Vec::new();
            let mut cursor = None;
            loop {
                let page =
                    world.find(Query { scope: scope.clone(), cursor, limit: 2, ..search.clone() }).await;
                found.extend(page.items.iter().map(|row| row.id.as_bytes()[15]));
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(found, wanted, "{scope:?} {search:?}");
        }
    }
}

#[tokio::test]
async fn what_is_named_is_found_in_the_scope_only() {
    let world = world().await;
    let unit = |unit| Scope::only([unit], []);
    let named = Named::Recording(id(4));
    assert!(world.index.newest(&named, &unit(1)).await.unwrap().is_some());
    assert!(world.index.newest(&named, &unit(2)).await.unwrap().is_none());
    // Of several with one name the newest of one's own.
    world.index.annotate(id(4), &[("user1".into(), "x".into())], row(4).started).await.unwrap();
    world.index.annotate(id(5), &[("user1".into(), "x".into())], row(5).started).await.unwrap();
    let user = Named::User(1, "x".into());
    let found = world.index.newest(&user, &unit(1)).await.unwrap();
    assert_eq!(found.map(|row| row.id), Some(id(4)));
}

#[tokio::test]
async fn what_agents_were_dark_in_is_added_up_for_a_time_and_a_scope_and_copies_do_not_count() {
    let world = World::new().await;
    let dark = |place: u8, agent: u32, blackout_ms| RecordingRow {
        agent: Some(AgentId(agent)),
        agent_name: Some(format!("Agent {agent}")),
        business_unit: i64::from(agent),
        blackout_ms,
        duration_ms: 10_000,
        ..row(place)
    };
    let (started, ended) = (row(1).started, row(1).ended);
    let copy = RecordingRow { link: Some(Link::CopyOf(row(1).call)), started, ended, ..dark(5, 1, 9_000) };
    for row in [dark(1, 1, 2_000), dark(2, 2, 500), dark(3, 1, 4_000), dark(4, 1, 0), copy, dark(6, 3, 0)] {
        world.put(&row).await;
    }
    let ends = |from: u8, to: u8| (row(from).started, row(to).started);
    let all = world.index.dark_by_agent(ends(1, 9), &Scope::All).await.unwrap();
    let told: Vec<_> = all
        .iter()
        .map(|it| {
            (
                it.agent.unwrap().0,
                it.recordings,
                it.dark_recordings,
                it.recorded_ms,
                it.dark_ms,
                it.longest_ms,
            )
        })
        .collect();
    assert_eq!(told, [(1, 3, 2, 30_000, 6_000, 4_000), (2, 1, 1, 10_000, 500, 500)]);
    assert_eq!(all[0].agent_name.as_deref(), Some("Agent 1"));
    let scoped = world.index.dark_by_agent(ends(1, 9), &Scope::only([2], [])).await.unwrap();
    assert_eq!(scoped, all[1..]);
    let early = world.index.dark_by_agent(ends(1, 3), &Scope::All).await.unwrap();
    assert_eq!(early.iter().map(|it| it.dark_ms).collect::<Vec<_>>(), [2_000, 500]);
}

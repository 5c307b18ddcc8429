use std::collections::{BTreeMap, BTreeSet};

use calls::id::{AgentId, CallId, RecordingId};
use calls::time::Wall;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sqlx::Row;

use super::*;
use crate::care::Care;
use crate::remark::{RemarkKind, RemarkWanted};
use crate::row::{Completeness, Inherited, Party};
use crate::sqlite::{put, remark};

/// A recording of a small world in which much is the same.
#[derive(Debug, Clone)]
struct Little {
    ms: i64,
    agent: u32,
    caller: u8,
    segment: bool,
    word: bool,
    complaint: bool,
    notes: u8,
}

fn little() -> impl Strategy<Value = Little> {
    let all = (0_i64..40, 1_u32..4, 0_u8..4, any::<bool>(), any::<bool>(), any::<bool>(), 0_u8..3);
    all.prop_map(|(ms, agent, caller, segment, word, complaint, notes)| Little {
        ms,
        agent,
        caller,
        segment,
        word,
        complaint,
        notes,
    })
}

fn row(n: u8, little: &Little) -> RecordingRow {
    let started = Wall::from_ms(1_700_000_000_000 + little.ms);
    let value = |set: bool, yes: &str| if set { yes.to_owned() } else { "none".to_owned() };
    RecordingRow {
        id: RecordingId::from_bytes([n; 16]),
        call: CallId::from_bytes([n; 16]),
        ident: 0,
        sip_call_id: None,
        call_instance: None,
        agent: Some(AgentId(little.agent)),
        // One agent's name is another's phone.
        agent_name: Some((little.agent % 3 + 1).to_string()),
        device: Some(format!("46{}", little.agent)),
        direction: None,
        ani: Some(format!("+155501{:02}", little.caller)),
        dnis: None,
        business_unit: 0,
        started,
        ended: started,
        duration_ms: 0,
        file: format!("{n}.rec"),
        file_bytes: 0,
        digest: [0; 32],
        streams: 0,
        completeness: Completeness::Complete,
        interrupted: false,
        blackout_ms: 0,
        packets_received: 0,
        packets_stored: 0,
        packets_dark: 0,
        packets_lost: 0,
        fields: BTreeMap::from([
            ("user1".to_owned(), value(little.segment, "gold")),
            ("user2".to_owned(), value(little.word, "refund promised")),
        ]),
        parties: vec![Party {
            name: None,
            address: format!("sip:+155501{:02}@x", little.caller),
            stream: None,
        }],
        known_as: BTreeSet::new(),
        why: String::new(),
        link: None,
        doubled: false,
        copies: 0,
        remarks: Vec::new(),
        care: Care::default(),
        schedule: None,
        keep_days: None,
        archive_action: 1,
        overridden: false,
        inherited: Inherited { keep_days: None, archive_action: 1 },
    }
}

async fn world(littles: &[Little]) -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("index.db"), None).await.unwrap();
    // Nothing here has to outlive a power cut.
    sqlx::raw_sql("PRAGMA synchronous = OFF").execute(&database.writer).await.unwrap();
    for (n, little) in (0..).zip(littles) {
        let row = row(n, little);
        put::recording(&database, &row).await.unwrap();
        let notes = (0..little.notes).map(|_| RemarkKind::Note);
        for kind in little.complaint.then_some(RemarkKind::Category).into_iter().chain(notes) {
            let wanted = RemarkWanted {
                recording: row.id,
                kind,
                text: "Complaint".to_owned(),
                from_ms: None,
                to_ms: None,
                who: String::new(),
                source: String::new(),
                at: Wall::EPOCH,
            };
            remark::add(&database, &wanted).await.unwrap();
        }
    }
    (folder, database)
}

fn question() -> impl Strategy<Value = Query> {
    let agent = proptest::option::of(prop_oneof![Just("1"), Just("462"), Just("2"), Just("none")]);
    let number = proptest::option::of(prop_oneof![Just("5550101"), Just("0102"), Just("5"), Just("1")]);
    let text = proptest::option::of(prop_oneof![Just("refund"), Just("gol"), Just("ref prom"), Just("zz")]);
    let segment = proptest::option::of(prop_oneof![Just("gold"), Just("none"), Just("Gold")]);
    let times = (proptest::option::of(0_i64..40), proptest::option::of(0_i64..40));
    let kind = proptest::option::of(prop_oneof![Just(RemarkKind::Note), Just(RemarkKind::Category)]);
    let marks = (any::<bool>(), kind);
    (agent, number, text, segment, times, marks).prop_map(
        |(agent, number, text, segment, (from, to), marks)| {
            let at = |ms| Wall::from_ms(1_700_000_000_000 + ms);
            Query {
                agent: agent.map(str::to_owned),
                number: number.map(str::to_owned),
                text: text.map(str::to_owned),
                user: segment.map(|segment| (1, segment.to_owned())).into_iter().collect(),
                from: from.map(at),
                to: to.map(at),
                category: marks.0.then(|| "complaint".to_owned()),
                remarked: marks.1,
                ..Query::default()
            }
        },
    )
}

/// Whether a search means this one, told plainly.
fn is_meant(row: &RecordingRow, little: &Little, query: &Query) -> bool {
    let ends =
        |number: &str| [&row.ani, &row.device].iter().any(|own| own.as_ref().unwrap().ends_with(number));
    let words = |text: &str| {
        let said = "refund promised".split(' ').filter(|_| little.word);
        let said: Vec<&str> = said.chain(little.segment.then_some("gold")).collect();
        text.split(' ').all(|word| said.iter().any(|said| said.starts_with(word)))
    };
    let own = [little.agent.to_string(), row.agent_name.clone().unwrap(), row.device.clone().unwrap()];
    query.agent.as_ref().is_none_or(|agent| own.contains(agent))
        && query.number.as_deref().is_none_or(ends)
        && query.text.as_deref().is_none_or(words)
        && query.user.get(&1).is_none_or(|value| row.fields["user1"] == *value)
        && query.from.is_none_or(|from| row.started >= from)
        && query.to.is_none_or(|to| row.started < to)
        && (query.category.is_none() || little.complaint)
        && match query.remarked {
            Some(RemarkKind::Note) => little.notes > 0,
            Some(RemarkKind::Category) => little.complaint,
            _ => true,
        }
}

#[test]
fn each_search_finds_what_it_means_in_order_page_by_page_whichever_way_it_takes() {
    let worlds = (proptest::collection::vec(little(), 0..24), proptest::collection::vec(question(), 12));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config::with_cases(24));
    runner
        .run(&worlds, |(littles, questions)| {
            runtime.block_on(async {
                let (_folder, database) = world(&littles).await;
                let rows: Vec<RecordingRow> = (0..).zip(&littles).map(|(n, little)| row(n, little)).collect();
                for query in questions {
                    let meant =
                        rows.iter().zip(&littles).filter(|(row, little)| is_meant(row, little, &query));
                    let mut meant: Vec<&RecordingRow> = meant.map(|(row, _)| row).collect();
                    meant.sort_by_key(|row| std::cmp::Reverse((row.started, row.id)));
                    let meant: Vec<RecordingId> = meant.iter().map(|row| row.id).collect();
                    for few in [0, 5, 1_000] {
                        let mut found = Vec::new();
                        let mut asked = Query { limit: 4, ..query.clone() };
                        loop {
                            let page = page(&database, &asked, few).await.unwrap();
                            found.extend(page.items.iter().map(|row| row.id));
                            asked.cursor = page.next;
                            if asked.cursor.is_none() {
                                break;
                            }
                        }
                        assert_eq!(found, meant, "few are {few}: {query:?}");
                    }
                }
            });
            Ok(())
        })
        .unwrap();
}

/// What the database would do for a search, step by step.
async fn steps(database: &Database, query: &Query, few: usize) -> Vec<String> {
    let mut search = Search::of(query).unwrap();
    let mut tx = database.read("testing").await.unwrap();
    let mut statement = search.plan(&mut tx, few).await.unwrap().expect("something is there to be found");
    statement.push_bind(51);
    let explained = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", statement.sql().as_str()));
    let rows = sqlx::raw_sql(explained).fetch_all(&mut *tx).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>("detail")).collect()
}

#[tokio::test]
async fn what_many_meet_is_walked_in_order_and_never_sorted() {
    let same = Little { ms: 1, agent: 1, caller: 1, segment: true, word: true, complaint: true, notes: 2 };
    let (_folder, database) = world(&vec![same; 5]).await;
    let of = |query: &str| {
        let all = Query::default;
        match query {
            "agent" => Query { agent: Some("461".into()), ..all() },
            "number" => Query { number: Some("0101".into()), ..all() },
            "text" => Query { text: Some("refund".into()), ..all() },
            "user" => Query { user: [(1, "gold".into())].into(), ..all() },
            "category" => Query { category: Some("complaint".into()), ..all() },
            "notes" => Query { remarked: Some(RemarkKind::Note), ..all() },
            _ => all(),
        }
    };
    for (query, first) in [
        ("all", "SEARCH recording USING INDEX recording_by_moment"),
        ("number", "SEARCH recording USING INDEX recording_by_moment"),
        ("agent", "SEARCH recording USING INDEX recording_by_device"),
        ("user", "SEARCH recording_field USING COVERING INDEX recording_by_field"),
        ("category", "SEARCH remark USING INDEX remark_by_text"),
        ("notes", "SEARCH remark USING INDEX remark_by_kind"),
        ("text", "SCAN recording_words VIRTUAL TABLE INDEX"),
    ] {
        let steps = steps(&database, &of(query), 0).await;
        assert!(steps[0].starts_with(first), "{query}: {steps:?}");
        assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{query}: {steps:?}");
        assert!(steps[1..].iter().all(|step| !step.starts_with("SCAN")), "{query}: {steps:?}");
    }
    let everything = Query {
        agent: Some("461".into()),
        number: Some("0101".into()),
        text: Some("refund".into()),
        user: [(1, "gold".into())].into(),
        category: Some("complaint".into()),
        ..Query::default()
    };
    for few in [0, 1_000] {
        let steps = steps(&database, &everything, few).await;
        assert!(steps[0].starts_with("SCAN recording_words VIRTUAL TABLE INDEX"), "{steps:?}");
        assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE FOR ORDER")), "{steps:?}");
    }
}

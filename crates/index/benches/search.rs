//! How long the usual searches take among millions of recordings, beside a row that is read by its id in the same run.
//!
//! `cargo bench --package index --bench search -- --recordings 5000000 --folder FOLDER`. The folder is kept, and used again by a
//! run with as many recordings; without one, everything is made in a temporary folder.

#![expect(clippy::print_stdout, reason = "a report is printed")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use calls::id::{AgentId, CallId, RecordingId};
use calls::time::Wall;
use index::{
    Completeness, Direction, Index, Inherited, Party, Query, RecordingRow, RemarkKind, RemarkWanted,
    reversed_digits,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, QueryBuilder, Sqlite};

/// The first recording began then; one begins every [`EVERY_NS`].
const FIRST_NS: i64 = 1_735_689_600_000_000_000;
const EVERY_NS: i64 = 7_000_000_000;

const AGENTS: u64 = 500;
const GIVEN: [&str; 25] = [
    "Rowan",
    "Maja",
    "Kim",
    "Robin",
    "Alex",
    "J\u{f6}rg",
    "Ines",
    "Noor",
    "Tomas",
    "Lena",
    "Ravi",
    "Sofia",
    "Omar",
    "Elif",
    "Pavel",
    "Chloe",
    "Yuki",
    "Nadia",
    "Bruno",
    "Greta",
    "Hugo",
    "Iris",
    "Jonas",
    "Karin",
    "Liam",
];
const FAMILY: [&str; 20] = [
    "Pike",
    "Lind",
    "M\u{fc}ller",
    "Okafor",
    "Novak",
    "Silva",
    "Haddad",
    "Kaya",
    "Dubois",
    "Tanaka",
    "Petrov",
    "Moreno",
    "Rossi",
    "Berg",
    "Weiss",
    "Costa",
    "Jansen",
    "Kowalski",
    "Meyer",
    "Stone",
];
const SEGMENTS: [&str; 5] = ["gold", "silver", "bronze", "trial", "former"];
const TOPICS: [&str; 40] = [
    "refund",
    "delivery",
    "address",
    "invoice",
    "password",
    "upgrade",
    "cancel",
    "complaint",
    "warranty",
    "router",
    "meter",
    "tariff",
    "roaming",
    "contract",
    "number",
    "porting",
    "outage",
    "visit",
    "appointment",
    "deposit",
    "insurance",
    "claim",
    "damage",
    "theft",
    "travel",
    "hotel",
    "flight",
    "seat",
    "luggage",
    "visa",
    "card",
    "loan",
    "mortgage",
    "interest",
    "transfer",
    "limit",
    "fraud",
    "statement",
    "branch",
    "callback",
];

/// Every time another number, and the same in every run.
fn mixed(n: u64, salt: u64) -> u64 {
    let mut x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd1b5_4a32_d192_ed03);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn pick<'a>(list: &[&'a str], at: u64) -> &'a str {
    list[usize::try_from(at % list.len() as u64).unwrap()]
}

fn agent_of(n: u64) -> u64 {
    mixed(n, 1) % AGENTS + 1
}

fn agent_name(agent: u64) -> String {
    format!("{} {}", pick(&GIVEN, agent), pick(&FAMILY, agent / GIVEN.len() as u64))
}

fn caller(n: u64) -> String {
    format!("+1{:010}", 2_000_000_000 + mixed(n, 2) % 7_999_999_999)
}

fn order(n: u64) -> String {
    format!("{:010}", mixed(n, 3) % 10_000_000_000)
}

fn known_as(n: u64) -> String {
    format!("{:032X}", u128::from(mixed(n, 6)))
}

/// The `n`th recording, as it would be put.
fn row(n: u64) -> RecordingRow {
    let agent = agent_of(n);
    let started = Wall::from_ns(FIRST_NS + i64::try_from(n).unwrap() * EVERY_NS);
    let seconds = 20 + mixed(n, 4) % 900;
    let device = format!("{}", 4_000 + agent);
    let hotline = format!("+1800555{:04}", mixed(n, 5) % 40);
    let mut id = [0x22; 16];
    id[8..].copy_from_slice(&n.to_be_bytes());
    RecordingRow {
        id: RecordingId::from_bytes(id),
        call: CallId::from_bytes(id),
        ident: 0,
        sip_call_id: Some(format!("{:016x}@192.0.2.20", mixed(n, 6))),
        call_instance: Some(format!("{:016x}@192.0.2.20", mixed(n, 6))),
        agent: Some(AgentId(u32::try_from(agent).unwrap())),
        agent_name: Some(agent_name(agent)),
        device: Some(device.clone()),
        direction: Some(if n.is_multiple_of(3) { Direction::Outbound } else { Direction::Inbound }),
        ani: Some(caller(n)),
        dnis: Some(hotline),
        business_unit: i64::try_from(agent % 8).unwrap(),
        started,
        ended: started.after(Duration::from_secs(seconds)),
        duration_ms: seconds * 1_000,
        file: format!("recordings/2025/{n}.rec"),
        file_bytes: seconds * 16_500,
        digest: [7; 32],
        streams: 2,
        completeness: Completeness::Complete,
        interrupted: false,
        blackout_ms: 0,
        packets_received: seconds * 100,
        packets_stored: seconds * 100,
        packets_dark: 0,
        packets_lost: 0,
        fields: BTreeMap::from([
            ("user1".to_owned(), pick(&SEGMENTS, mixed(n, 7)).to_owned()),
            ("user2".to_owned(), order(n)),
            ("user3".to_owned(), format!("{} {}", pick(&TOPICS, mixed(n, 8)), pick(&TOPICS, mixed(n, 9)))),
        ]),
        parties: vec![
            Party { name: None, address: format!("sip:{}@192.0.2.9", caller(n)), stream: Some(0) },
            Party {
                name: Some(agent_name(agent)),
                address: format!("sip:{device}@192.0.2.9"),
                stream: Some(1),
            },
        ],
        known_as: [known_as(n)].into(),
        why: "kept: every call is recorded".to_owned(),
        link: None,
        doubled: false,
        copies: 0,
        remarks: Vec::new(),
        schedule: None,
        keep_days: None,
        archive_action: 1,
        overridden: false,
        inherited: Inherited { keep_days: None, archive_action: 1 },
    }
}

/// As many recordings at once go into the tables: one by one they would take hours.
const AT_ONCE: u64 = 500;

async fn fill(path: &Path, recordings: u64) {
    let mut conn: SqliteConnection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    sqlx::raw_sql("PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000").execute(&mut conn).await.unwrap();
    let began = Instant::now();
    // A run that was broken off is gone on with.
    let there: i64 = sqlx::query_scalar("SELECT count(*) FROM recording").fetch_one(&mut conn).await.unwrap();
    for begun in (u64::try_from(there).unwrap()..recordings).step_by(100_000) {
        let mut tx = conn.begin().await.unwrap();
        let until = recordings.min(begun + 100_000);
        for first in (begun..until).step_by(usize::try_from(AT_ONCE).unwrap()) {
            let rows: Vec<(i64, RecordingRow)> = (first..until.min(first + AT_ONCE))
                .map(|n| (i64::try_from(n + 1).unwrap(), row(n)))
                .collect();
            put(&mut tx, &rows).await;
        }
        tx.commit().await.unwrap();
        println!("{until} recordings are there after {:.0} s", began.elapsed().as_secs_f64());
    }
    sqlx::raw_sql("INSERT INTO recording_words (recording_words) VALUES ('optimize'); ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut conn)
        .await
        .unwrap();
    println!("merged after {:.0} s", began.elapsed().as_secs_f64());
    conn.close().await.unwrap();
}

/// The place in the order of lists: one recording a millisecond.
fn moment(row: &RecordingRow) -> i64 {
    row.started.as_ms() * 1_024
}

async fn put(conn: &mut SqliteConnection, rows: &[(i64, RecordingRow)]) {
    let mut main = QueryBuilder::<Sqlite>::new(
        "INSERT INTO recording (ident, id, call_id, sip_call_id, call_instance, agent_id, agent_name, agent_key, device,
            direction, ani, dnis, business_unit, started_ns, ended_ns, duration_ms, file, file_bytes, digest, streams,
            completeness, interrupted, blackout_ms, packets_received, packets_stored, packets_dark, packets_lost, why, moment) ",
    );
    main.push_values(rows, |mut values, (ident, row)| {
        let count = |count: u64| i64::try_from(count).unwrap();
        values.push_bind(ident).push_bind(row.id.as_bytes().to_vec()).push_bind(row.call.as_bytes().to_vec());
        values.push_bind(row.sip_call_id.clone()).push_bind(row.call_instance.clone());
        values.push_bind(row.agent.map(|agent| i64::from(agent.0))).push_bind(row.agent_name.clone());
        values.push_bind(row.agent_name.as_deref().map(str::to_lowercase)).push_bind(row.device.clone());
        values
            .push_bind(row.direction.map(Direction::letter))
            .push_bind(row.ani.clone())
            .push_bind(row.dnis.clone());
        values.push_bind(row.business_unit).push_bind(row.started.as_ns()).push_bind(row.ended.as_ns());
        values.push_bind(count(row.duration_ms)).push_bind(row.file.clone()).push_bind(count(row.file_bytes));
        values.push_bind(row.digest.to_vec()).push_bind(row.streams).push_bind(row.completeness.label());
        values
            .push_bind(row.interrupted)
            .push_bind(count(row.blackout_ms))
            .push_bind(count(row.packets_received));
        values
            .push_bind(count(row.packets_stored))
            .push_bind(0)
            .push_bind(0)
            .push_bind(row.why.clone())
            .push_bind(moment(row));
    });
    main.build().execute(&mut *conn).await.unwrap();

    let fields = rows.iter().flat_map(|(ident, row)| row.fields.iter().map(move |field| (ident, row, field)));
    let mut statement =
        QueryBuilder::<Sqlite>::new("INSERT INTO recording_field (recording, field, value, moment) ");
    statement.push_values(fields, |mut values, (ident, row, (field, value))| {
        values.push_bind(ident).push_bind(field).push_bind(value).push_bind(moment(row));
    });
    statement.build().execute(&mut *conn).await.unwrap();

    // Keys are compared as they are written here: none of these ids is a UCID.
    let ids = rows.iter().flat_map(|(ident, row)| row.known_as.iter().map(move |id| (ident, id)));
    let mut statement =
        QueryBuilder::<Sqlite>::new("INSERT INTO recording_known_as (recording, known_as, id_key) ");
    statement.push_values(ids, |mut values, (ident, id)| {
        values.push_bind(ident).push_bind(id).push_bind(id);
    });
    statement.build().execute(&mut *conn).await.unwrap();

    let parties = rows.iter().flat_map(|(ident, row)| row.parties.iter().map(move |party| (ident, party)));
    let mut statement =
        QueryBuilder::<Sqlite>::new("INSERT INTO recording_party (recording, place, name, address, stream) ");
    statement.push_values(parties, |mut values, (ident, party)| {
        values.push_bind(ident).push_bind(party.stream.unwrap()).push_bind(party.name.clone());
        values.push_bind(party.address.clone()).push_bind(party.stream);
    });
    statement.build().execute(&mut *conn).await.unwrap();

    put_words(conn, rows).await;
}

/// What they are found by.
async fn put_words(conn: &mut SqliteConnection, rows: &[(i64, RecordingRow)]) {
    let numbers = rows.iter().flat_map(|(ident, row)| {
        let numbers = [&row.ani, &row.dnis, &row.device].into_iter().flatten().map(String::as_str);
        let addresses = row.parties.iter().map(|party| party.address.as_str());
        numbers.chain(addresses).filter_map(reversed_digits).map(move |number| (ident, number))
    });
    let mut statement =
        QueryBuilder::<Sqlite>::new("INSERT OR IGNORE INTO recording_number (recording, reversed) ");
    statement.push_values(numbers, |mut values, (ident, number)| {
        values.push_bind(ident).push_bind(number);
    });
    statement.build().execute(&mut *conn).await.unwrap();

    let mut statement = QueryBuilder::<Sqlite>::new("INSERT INTO recording_words (rowid, words) ");
    statement.push_values(rows, |mut values, (_, row)| {
        let names =
            row.parties.iter().filter_map(|party| party.name.as_deref()).chain(row.agent_name.as_deref());
        let numbers = [&row.ani, &row.dnis, &row.device].into_iter().flatten().map(String::as_str);
        let addresses = row.parties.iter().map(|party| party.address.as_str());
        let all = names.chain(numbers).chain(addresses).chain(row.fields.values().map(String::as_str));
        values.push_bind(moment(row)).push_bind(all.collect::<Vec<_>>().join("\n"));
    });
    statement.build().execute(&mut *conn).await.unwrap();
}

/// What people look for; `n` is a recording that is there.
fn questions(n: u64) -> Vec<(&'static str, Query)> {
    let row = row(n);
    let day = |days: i64| Wall::from_ns(row.started.as_ns() + days * 86_400_000_000_000);
    let all = Query::default;
    let text = |words: &str| Query { text: Some(words.to_owned()), ..all() };
    let caller = row.ani.clone();
    vec![
        ("the newest", all()),
        ("those of one day", Query { from: Some(day(0)), to: Some(day(1)), ..all() }),
        ("an agent's newest", Query { agent: Some(agent_of(n).to_string()), ..all() }),
        (
            "an agent's of one day, by name",
            Query { agent: row.agent_name.clone(), from: Some(day(0)), to: Some(day(1)), ..all() },
        ),
        ("a caller's number", Query { number: caller.clone(), ..all() }),
        ("a hotline's number", Query { number: row.dnis.clone(), ..all() }),
        (
            "the last four digits",
            Query { number: caller.map(|ani| ani[ani.len() - 4..].to_owned()), ..all() },
        ),
        ("an order number, user2", Query { user: [(2, order(n))].into(), ..all() }),
        ("a segment, user1", Query { user: [(1, row.fields["user1"].clone())].into(), ..all() }),
        ("an order number, as text", text(&order(n))),
        ("a rare pair of words", text(&format!("{} {}", agent_name(agent_of(n)), row.fields["user3"]))),
        ("a word of every twentieth", text(pick(&TOPICS, mixed(n, 8)))),
        ("a word of every fifth", text(&row.fields["user1"])),
        ("three letters of a word", text(&pick(&TOPICS, mixed(n, 8))[..3])),
        (
            "a word of every fifth, of one day",
            Query { from: Some(day(0)), to: Some(day(1)), ..text(&row.fields["user1"]) },
        ),
        (
            "a word and an agent",
            Query { agent: Some(agent_of(n).to_string()), ..text(pick(&TOPICS, mixed(n, 8))) },
        ),
        ("a category", Query { category: Some("escalated".to_owned()), ..all() }),
        ("what has a note", Query { remarked: Some(RemarkKind::Note), ..all() }),
        ("an id of another system", Query { known_as: Some(known_as(n).to_lowercase()), ..all() }),
        ("nothing there is, as text", text("zyzzyva")),
    ]
}

async fn mark(index: &Index, recordings: u64) {
    for n in (0..200).map(|k| mixed(k, 11) % recordings) {
        for (kind, text) in
            [(RemarkKind::Category, "escalated"), (RemarkKind::Note, "the caller was promised a callback")]
        {
            let wanted = RemarkWanted {
                recording: row(n).id,
                kind,
                text: text.to_owned(),
                from_ms: None,
                to_ms: None,
                who: "Kim".to_owned(),
                source: "192.0.2.7".to_owned(),
                at: Wall::from_ns(FIRST_NS),
            };
            index.add_remark(&wanted).await.unwrap();
        }
    }
}

/// The value below which `of` of 1000 lie, in ms.
fn percentile(times: &mut [Duration], of: usize) -> f64 {
    times.sort_unstable();
    times[(times.len() - 1) * of / 1_000].as_secs_f64() * 1e3
}

fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.next()?;
    arguments.next()
}

#[tokio::main]
async fn main() {
    let recordings: u64 = argument("--recordings").map_or(100_000, |count| count.parse().unwrap());
    let rounds: u64 = argument("--rounds").map_or(50, |count| count.parse().unwrap());
    let temporary = tempfile::tempdir().unwrap();
    let folder = argument("--folder").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let path = folder.join(format!("search-{recordings}.sqlite"));
    if !path.exists() {
        let draft = folder.join("draft.sqlite");
        Index::open(&draft).await.unwrap().close().await;
        fill(&draft, recordings).await;
        let index = Index::open(&draft).await.unwrap();
        mark(&index, recordings).await;
        index.close().await;
        std::fs::rename(&draft, &path).unwrap();
    }
    let index = Index::open(&path).await.unwrap();
    let bytes = std::fs::metadata(&path).unwrap().len();
    println!("{} recordings, {:.2} GB\n", index.count().await.unwrap(), bytes as f64 / 1e9);

    let mut yardstick = Vec::new();
    let mut taken: BTreeMap<usize, (&str, Vec<Duration>, usize)> = BTreeMap::new();
    for round in 0..rounds {
        let n = mixed(round, 10) % recordings;
        let began = Instant::now();
        index.recording(row(n).id).await.unwrap().unwrap();
        yardstick.push(began.elapsed());
        for (place, (name, query)) in questions(n).into_iter().enumerate() {
            let began = Instant::now();
            let page = index.find(&query).await.unwrap();
            let (_, times, rows) = taken.entry(place).or_insert_with(|| (name, Vec::new(), 0));
            times.push(began.elapsed());
            *rows += page.items.len();
        }
    }
    let unit = percentile(&mut yardstick, 500);
    println!("one row by its id: {unit:.2} ms (p50), {:.2} ms (p99)\n", percentile(&mut yardstick, 990));
    println!("| question | rows | p50, ms | p99, ms | largest, ms | p99 over one row by its id |");
    println!("| --- | --: | --: | --: | --: | --: |");
    for (name, times, rows) in taken.values_mut() {
        let (p50, p99, most) = (percentile(times, 500), percentile(times, 990), percentile(times, 1_000));
        let rows = *rows as f64 / times.len() as f64;
        println!("| {name} | {rows:.0} | {p50:.1} | {p99:.1} | {most:.1} | {:.0} |", p99 / unit);
    }
}

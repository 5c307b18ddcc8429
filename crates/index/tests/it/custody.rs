//! Recordings in the chain of the audit: what somebody does to rows past us is seen against it.

use calls::time::Wall;
use index::custody::{Standing, Unrecorded};
use index::trail::{Kept, Query};
use index::{Cause, Mark, RedactionAsked, RedactionDone, Rule, Verdict};

use crate::opening::raw;
use crate::world::{Key, World, id, row};

fn now() -> Wall {
    Wall::from_ms(1_800_000_000_000)
}

/// Three recordings: the first as it was sealed, the second redacted, the third erased.
async fn world() -> World {
    let world = World::new().await;
    for place in 1..=3 {
        world.put(&row(place)).await;
    }
    // Put again, as after a crash: no other entry.
    world.put(&row(1)).await;
    let asked = RedactionAsked {
        recording: id(2),
        from: Wall::from_ms(1_000),
        until: Wall::from_ms(2_000),
        who: "Robin".into(),
        why: "a card number".into(),
        source: "127.0.0.1".into(),
        at: now(),
        card_data: false,
    };
    let number = world.index.ask_redaction(&asked).await.expect("it may be redacted");
    let done = RedactionDone {
        at: now(),
        packets: 50,
        packets_left: 400,
        digest_before: [2; 32],
        digest_after: [22; 32],
        file_bytes: 77_000,
    };
    for _ in 0..2 {
        world.index.end_redaction(number, &done).await.expect("it ends, and ends once");
    }
    let cause = Cause { rule: Rule::Subject, who: "Pia".into(), why: "GDPR 17".into(), source: "::1".into() };
    let mark = Mark { marked: now(), erase: now(), cause };
    world.index.mark(&[3], &mark, false).await.expect("it is marked");
    let Verdict::Done(erasure) = world.index.decide_erasure(3, now()).await.expect("it is decided") else {
        panic!("nothing is in the way");
    };
    assert!(standings(&world).await.iter().all(|standing| *standing == Standing::Good), "while it goes on");
    for _ in 0..2 {
        world.index.end_erasure(erasure.number, now(), (1, 3)).await.expect("it ends, and ends once");
    }
    world
}

async fn standings(world: &World) -> Vec<Standing> {
    let custody = world.index.trail().custody(0).await.expect("it is compared");
    assert!(custody.windows(2).all(|pair| pair[0].number < pair[1].number));
    custody.into_iter().map(|custody| custody.standing).collect()
}

#[tokio::test]
async fn a_seal_another_file_and_an_erasure_are_entries_of_the_chain_once_each() {
    let world = world().await;
    let found = world.index.trail().find(&Query::default()).await.unwrap();
    let said = found.items.into_iter().rev().map(|Kept { said, .. }| {
        let (entry, _) = said.unwrap();
        assert_eq!((entry.kind.as_str(), entry.who.as_str()), ("recorder", "sidetone"));
        format!("{} {} {} {}", entry.action, &entry.recording[34..], entry.about, entry.detail)
    });
    let hex = |byte: &str| byte.repeat(32);
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            format!("recording.seal 01 recording 1 digest {}", hex("01")),
            format!("recording.seal 02 recording 2 digest {}", hex("02")),
            format!("recording.seal 03 recording 3 digest {}", hex("03")),
            format!("recording.reseal 02 redaction 1 digest {} in place of digest {}", hex("16"), hex("02")),
            "recording.erase 03 erasure 1 for Pia: GDPR 17; 1 files, 3 keys".to_owned(),
        ]
    );
    assert_eq!(standings(&world).await, [Standing::Good, Standing::Good, Standing::Good]);
    assert_eq!(world.index.trail().unrecorded().await.unwrap(), Unrecorded::default());
    assert_eq!(world.index.trail().custody(2).await.unwrap().len(), 1, "from an entry on");
}

#[tokio::test]
async fn a_row_that_is_taken_away_exchanged_or_brought_back_does_not_fit_the_chain() {
    // Whoever can write the file can take triggers and references away.
    const OPEN: &str = "PRAGMA foreign_keys = OFF; PRAGMA writable_schema = ON; \
        DELETE FROM sqlite_schema WHERE type = 'trigger'; PRAGMA writable_schema = RESET;";
    let digest = |byte: &str| format!("digest {}", byte.repeat(32));
    let good = || [Standing::Good, Standing::Good, Standing::Good];
    let with = |place: usize, standing: Standing| {
        let mut all = good();
        all[place] = standing;
        all
    };
    let cases = [
        ("DELETE FROM recording WHERE ident = 1", with(0, Standing::Missing)),
        ("DELETE FROM recording WHERE ident = 3", with(2, Standing::Missing)),
        (
            "UPDATE recording SET digest = (SELECT digest FROM recording WHERE ident = 2) WHERE ident = 1",
            with(0, Standing::Another { said: digest("01"), stands: digest("16") }),
        ),
        // The file of before a span was erased, and the row that fits it.
        (
            "UPDATE recording SET digest = unhex(replace(hex(zeroblob(32)), '00', '02')) WHERE ident = 2",
            with(1, Standing::Another { said: digest("16"), stands: digest("02") }),
        ),
        (
            "INSERT INTO erasure SELECT 2, id, ident, digest, file_bytes, started_ns, ended_ns, 'subject', 'x', 'x', 'x', 0, '',
                1, 2, 3, 1, 1 FROM recording WHERE ident = 1",
            with(0, Standing::ErasedUnsaid),
        ),
        ("DELETE FROM erasure", with(2, Standing::Returned)),
        (
            "UPDATE recording SET ident = 1000 WHERE ident = 1",
            with(0, Standing::Another { said: "recording 1".into(), stands: "recording 1000".into() }),
        ),
    ];
    for (statement, expected) in cases {
        let world = world().await;
        assert_eq!(standings(&world).await, good());
        let mut conn = raw(&world).await;
        sqlx::raw_sql(OPEN).execute(&mut conn).await.unwrap();
        let changed = sqlx::raw_sql(statement).execute(&mut conn).await;
        let changed = changed.unwrap_or_else(|error| panic!("{statement}: {error}"));
        assert_eq!(changed.rows_affected(), 1, "{statement}");
        assert_eq!(standings(&world).await, expected, "{statement}");
    }
}

#[tokio::test]
async fn a_row_that_was_put_in_past_the_chain_is_seen_however_old_it_looks() {
    let world = World::signing().await;
    world.put(&row(1)).await;
    let world = world.reopened_by(Key::new("own")).await;
    assert_eq!(world.index.trail().unrecorded().await.unwrap(), Unrecorded::default());
    // The row of another install's recorder, with a number below all others.
    let mut conn = raw(&world).await;
    let columns: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM pragma_table_info('recording') WHERE name NOT IN ('ident', 'id', 'moment', 'file')",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    let columns = columns.join(", ");
    for ident in [0, -1] {
        let put = format!(
            "INSERT INTO recording (ident, id, moment, file, {columns}) SELECT {ident}, randomblob(16), {ident}, 'f{ident}', {columns}
             FROM recording WHERE ident = 1"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(put)).execute(&mut conn).await.unwrap();
    }
    let found = world.index.trail().unrecorded().await.unwrap();
    assert_eq!((found.count, found.unlisted, found.one.is_some()), (2, 2, true));
    // A recorder that starts takes nothing in that came past it.
    let world = world.reopened_by(Key::new("own")).await;
    assert_eq!(world.index.trail().unrecorded().await.unwrap(), found);
}

#[tokio::test]
async fn recordings_of_before_seals_were_written_down_are_adopted_once_and_kept_like_others() {
    const OPEN: &str = "DROP TRIGGER audit_is_not_deleted; DELETE FROM audit;";
    let world = world().await;
    let mut conn = raw(&world).await;
    sqlx::raw_sql(OPEN).execute(&mut conn).await.unwrap();
    let world = world.reopened_by(Key::new("own")).await;
    let found = world.index.trail().find(&Query::default()).await.unwrap();
    let said = found.items.into_iter().rev().map(|Kept { said, .. }| {
        let (entry, _) = said.unwrap();
        format!("{} {} {}", entry.action, entry.about, entry.detail)
    });
    let hex = |byte: &str| byte.repeat(32);
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            format!("recording.adopt recording 1 digest {}", hex("01")),
            format!("recording.adopt recording 2 digest {}", hex("16")),
            format!("recording.adopt recording 3 digest {}", hex("03")),
            "recording.erase erasure 1 it was erased before that was written down".to_owned(),
            "audit.begin  4 entries before this one, 3 recordings adopted".to_owned(),
        ]
    );
    assert_eq!(standings(&world).await, [Standing::Good, Standing::Good, Standing::Good]);
    assert_eq!(world.index.trail().unrecorded().await.unwrap(), Unrecorded::default());
    let changed = "UPDATE recording SET digest = zeroblob(32) WHERE ident = 1";
    sqlx::raw_sql(changed).execute(&mut conn).await.unwrap();
    assert!(matches!(standings(&world).await[0], Standing::Another { .. }));
}

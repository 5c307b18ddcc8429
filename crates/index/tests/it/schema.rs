//! What the schema has beside what the steps make, or has not, is seen.

use crate::opening::raw;
use crate::world::World;

#[tokio::test]
async fn a_schema_is_what_the_steps_make_and_each_thing_that_is_more_missing_or_different_is_named() {
    let world = World::new().await;
    assert_eq!(world.index.schema_differences().await.unwrap(), [""; 0]);
    let mut conn = raw(&world).await;
    // Statistics are SQLite's own.
    sqlx::raw_sql("ANALYZE").execute(&mut conn).await.unwrap();
    assert_eq!(world.index.schema_differences().await.unwrap(), [""; 0]);
    for (statement, said) in [
        (
            "CREATE TRIGGER evil AFTER INSERT ON audit BEGIN UPDATE recording SET keep_days = 0; END",
            "the trigger evil was put in: no version of this program has one",
        ),
        ("DROP TRIGGER audit_is_not_changed", "the trigger audit_is_not_changed is missing"),
        (
            "DROP TRIGGER hold_is_not_deleted; CREATE TRIGGER hold_is_not_deleted BEFORE DELETE ON hold BEGIN SELECT 1; END",
            "the trigger hold_is_not_deleted is not as this program makes it",
        ),
        ("CREATE VIEW more AS SELECT 1", "the view more was put in: no version of this program has one"),
        ("DROP INDEX audit_by_time", "the index audit_by_time is missing"),
    ] {
        sqlx::raw_sql(statement).execute(&mut conn).await.unwrap();
        let found = world.index.schema_differences().await.unwrap();
        assert!(found.iter().any(|found| found == said), "{statement}: {found:?}");
    }
}

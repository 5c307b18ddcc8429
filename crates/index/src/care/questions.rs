//! What is asked of the index about what becomes of recordings, and told to it.

use calls::id::RecordingId;
use calls::time::Wall;

use super::{
    Due, Erasure, Hold, HoldWanted, Mark, Marked, Restriction, Standing, Transfer, TransferEnd, TransferKind,
    Verdict,
};
use crate::error::{CareError, DatabaseError, FindError, HoldError};
use crate::query::Query;
use crate::row::RecordingRow;
use crate::{Index, sqlite};

impl Index {
    /// Recordings whose next archive action is one of these and was due by `now`, of those that ended by `ended_by`; the
    /// longest due first, at most `limit`. What is marked or held is left out.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn due(
        &self,
        (now, ended_by): (Wall, Wall),
        actions: &[i64],
        limit: u32,
    ) -> Result<Vec<Due>, DatabaseError> {
        sqlite::care::due(&self.database, (now, ended_by), actions, limit).await
    }

    /// How many recordings that is without a limit.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn count_due(
        &self,
        (now, ended_by): (Wall, Wall),
        actions: &[i64],
    ) -> Result<u64, DatabaseError> {
        sqlite::care::count_due(&self.database, (now, ended_by), actions).await
    }

    /// How many recordings were made in a day, on the average of the 30 days before `now`, and how many marks by retention
    /// that count were set since `since`.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn volume(&self, now: Wall, since: Wall) -> Result<(u64, u64), DatabaseError> {
        sqlite::care::volume(&self.database, now, since).await
    }

    /// How much is kept, marked and erased.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn standing(&self) -> Result<Standing, DatabaseError> {
        sqlite::care::standing(&self.database).await
    }

    /// The greatest numeric key there is; 0 if there is none.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn last_ident(&self) -> Result<i64, DatabaseError> {
        sqlite::care::last_ident(&self.database).await
    }

    /// What retention remembers, as it was given to [`Index::remember_retention`].
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn retention_state(&self) -> Result<Option<String>, DatabaseError> {
        sqlite::care::state(&self.database).await
    }

    /// Has something remembered over restarts. Durable on return.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn remember_retention(&self, state: &str) -> Result<(), DatabaseError> {
        sqlite::care::remember(&self.database, state).await
    }

    /// Marks recordings to be erased at `mark.erase`. What a hold holds is not marked (checked in the same transaction).
    /// `counted` says whether they count for the brake. Durable on return.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn mark(
        &self,
        idents: &[i64],
        mark: &Mark,
        counted: bool,
    ) -> Result<Vec<(i64, Verdict<()>)>, DatabaseError> {
        sqlite::erase::mark(&self.database, idents, mark, counted).await
    }

    /// Recordings whose marks say that they are erased by `now`, at most `limit`, the oldest first.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn marked_by(&self, now: Wall, limit: u32) -> Result<Vec<Marked>, DatabaseError> {
        sqlite::erase::marked_by(&self.database, now, limit).await
    }

    /// Decides that a marked recording is erased, unless a hold is in the way, which takes the mark away: both are looked at
    /// in the one transaction that takes the recording from those who search (C7-02). Durable on return; nothing may be
    /// destroyed before.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn decide_erasure(&self, ident: i64, at: Wall) -> Result<Verdict<Erasure>, DatabaseError> {
        sqlite::erase::decide(&self.database, ident, at).await
    }

    /// Writes down that an erasure is done, and empties the row. Ending one that is ended changes nothing.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn end_erasure(
        &self,
        number: i64,
        at: Wall,
        (files, keys): (u64, u64),
    ) -> Result<(), DatabaseError> {
        sqlite::erase::end(&self.database, number, at, (files, keys)).await
    }

    /// Sees to it that what was deleted is not left in the free room of the database and its log.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn scrub(&self) -> Result<(), DatabaseError> {
        sqlite::erase::scrub(&self.database).await
    }

    /// Erasures that are decided and not done.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn erasures_not_done(&self) -> Result<Vec<Erasure>, DatabaseError> {
        sqlite::erase::not_done(&self.database).await
    }

    /// The erasure of a recording, if it was erased or is about to be.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn erasure_of(&self, id: RecordingId) -> Result<Option<Erasure>, DatabaseError> {
        sqlite::erase::of(&self.database, id).await
    }

    /// Erasures behind number `after` (0 for the beginning), oldest first, at most [`crate::PAGE_MAX`].
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn erasures_after(&self, after: i64) -> Result<Vec<Erasure>, DatabaseError> {
        sqlite::erase::after(&self.database, after).await
    }

    /// Writes down that the file of a recording goes to an archive; `None` if it is not there any more, is to be erased, or a
    /// hold forbids that it is moved. Durable on return; nothing may be put there before.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn begin_transfer(
        &self,
        due: &Due,
        kind: TransferKind,
        target: &str,
        at: Wall,
    ) -> Result<Option<Transfer>, DatabaseError> {
        sqlite::transfer::begin(&self.database, due, kind, target, at).await
    }

    /// Writes down that a file was seen to be whole in its archive, and what is next for the recording. Of a move the file
    /// before may be removed after this, and not earlier.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn end_transfer(
        &self,
        transfer: &Transfer,
        next: Option<(i64, Wall)>,
        at: Wall,
    ) -> Result<TransferEnd, DatabaseError> {
        sqlite::transfer::end(&self.database, transfer, next, at).await
    }

    /// Forgets a transfer that was not ended. Nothing of it may be in the archive any more.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn give_up_transfer(&self, number: i64) -> Result<(), DatabaseError> {
        sqlite::transfer::give_up(&self.database, number).await
    }

    /// Writes down that the file before a move was removed.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn end_removal(&self, number: i64, at: Wall) -> Result<(), DatabaseError> {
        sqlite::transfer::removed(&self.database, number, at).await
    }

    /// Transfers that an earlier run has begun and not ended.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn transfers_not_done(&self) -> Result<Vec<Transfer>, DatabaseError> {
        sqlite::transfer::not_done(&self.database).await
    }

    /// The archives that have a copy of a recording beside its own file.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn copies_of(&self, id: RecordingId) -> Result<Vec<String>, DatabaseError> {
        sqlite::transfer::copies_of(&self.database, id).await
    }

    /// Places a hold, and has it hold what it names and what matches. Durable on return.
    ///
    /// # Errors
    /// [`HoldError`].
    pub async fn place_hold(&self, wanted: &HoldWanted, at: Wall) -> Result<Hold, HoldError> {
        sqlite::hold::place(&self.database, wanted, at).await
    }

    /// Releases a hold. Durable on return.
    ///
    /// # Errors
    /// [`HoldError`].
    pub async fn release_hold(
        &self,
        number: i64,
        (who, why): (&str, &str),
        at: Wall,
    ) -> Result<Hold, HoldError> {
        sqlite::hold::release(&self.database, number, (who, why), at).await
    }

    /// A hold by its number.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn hold(&self, number: i64) -> Result<Option<Hold>, DatabaseError> {
        sqlite::hold::one(&self.database, number).await
    }

    /// All holds, or those that hold, the newest first, at most [`crate::PAGE_MAX`].
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn holds(&self, released_too: bool) -> Result<Vec<Hold>, DatabaseError> {
        sqlite::hold::all(&self.database, released_too).await
    }

    /// The recordings a hold holds, or held, at most [`crate::PAGE_MAX`], those that joined last first.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn held_by(&self, number: i64) -> Result<Vec<(RecordingId, Wall)>, DatabaseError> {
        sqlite::hold::held_by(&self.database, number).await
    }

    /// Has a recording neither played nor given out, or lets it be again with `None`. Durable on return; what is so already
    /// stays as it is.
    ///
    /// # Errors
    /// [`CareError::Unknown`] if no row has this id.
    pub async fn restrict(&self, id: RecordingId, restriction: &Restriction) -> Result<(), CareError> {
        sqlite::erase::restrict(&self.database, id, restriction).await
    }

    /// Lets a restricted recording be played and given out again. Durable on return.
    ///
    /// # Errors
    /// [`CareError::Unknown`] if no row has this id.
    pub async fn lift_restriction(&self, id: RecordingId, who: &str, at: Wall) -> Result<(), CareError> {
        sqlite::erase::lift(&self.database, id, who, at).await
    }

    /// Recordings that are about somebody: those that match the search and, if a name is given, in which a party bears just
    /// that name, whatever its case.
    ///
    /// # Errors
    /// [`FindError`].
    pub async fn about(&self, query: &Query, name: Option<&str>) -> Result<Vec<RecordingRow>, FindError> {
        let mut query = Query { copies: true, limit: crate::PAGE_MAX, cursor: None, ..query.clone() };
        if let Some(name) = name {
            query.text = Some(name.to_owned());
        }
        let fold = |text: &str| text.trim().to_lowercase();
        let wanted = name.map(fold);
        let mut all = Vec::new();
        loop {
            let page = self.find(&query).await?;
            let bears = |row: &RecordingRow| {
                wanted.as_ref().is_none_or(|wanted| {
                    row.parties.iter().filter_map(|party| party.name.as_deref()).any(|it| fold(it) == *wanted)
                })
            };
            all.extend(page.items.into_iter().filter(bears));
            match page.next {
                Some(next) => query.cursor = Some(next),
                None => return Ok(all),
            }
        }
    }
}

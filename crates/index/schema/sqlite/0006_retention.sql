-- Version 6: what becomes of recordings: archives, marks, erasure, legal holds, restriction.

-- The name of the archive whose file is the recording's; absent while that is in the data folder. A move changes it.
ALTER TABLE recording ADD COLUMN place TEXT;
-- The archive action that runs next and when; absent until the first has run, for that one follows from `keep_days` and
-- `archive_action`. Each action that has run changes them.
ALTER TABLE recording ADD COLUMN next_action INTEGER;
ALTER TABLE recording ADD COLUMN next_due_ns INTEGER;
-- When it was decided that it is erased: from then on nobody finds it. Once that is done the row is empty but for what
-- `erasure` says. Set once.
ALTER TABLE recording ADD COLUMN erased_ns INTEGER;
-- When its next action is due; absent for never. Derived.
ALTER TABLE recording ADD COLUMN due_ns INTEGER GENERATED ALWAYS AS (
    CASE
        WHEN erased_ns IS NOT NULL THEN NULL
        WHEN next_action IS NOT NULL THEN next_due_ns
        WHEN keep_days BETWEEN 0 AND 36500 AND ended_ns < 4000000000000000000 THEN ended_ns + keep_days * 86400000000000
    END) VIRTUAL;

CREATE INDEX recording_by_due ON recording (due_ns) WHERE due_ns IS NOT NULL;

-- Who says anew how long it is kept begins its row of actions anew.
CREATE TRIGGER recording_is_kept_otherwise AFTER UPDATE OF keep_days, archive_action ON recording
WHEN OLD.keep_days IS NOT NEW.keep_days OR OLD.archive_action IS NOT NEW.archive_action
BEGIN
    UPDATE recording SET next_action = NULL, next_due_ns = NULL WHERE ident = NEW.ident;
    DELETE FROM mark WHERE recording = NEW.ident AND rule = 'retention';
END;

-- Recordings that are to be erased, and are still there (C7-03). Deleted when they are erased, or are not to be any more.
CREATE TABLE mark (
    -- The recording's `ident`.
    recording  INTEGER PRIMARY KEY REFERENCES recording (ident),
    marked_ns  INTEGER NOT NULL,
    -- Not before this.
    erase_ns   INTEGER NOT NULL,
    -- `retention` where its days are over, `subject` where somebody asked for it (C5-02).
    rule       TEXT NOT NULL CHECK (rule IN ('retention', 'subject')),
    -- Who wants it, on what legal ground, from where.
    who        TEXT NOT NULL,
    why        TEXT NOT NULL,
    source     TEXT NOT NULL,
    -- 1 if it counts for the brake, 0 if somebody has confirmed it.
    counted    INTEGER NOT NULL CHECK (counted IN (0, 1))
) STRICT;

CREATE INDEX mark_by_erase ON mark (erase_ns);
CREATE INDEX mark_by_marked ON mark (marked_ns);

-- Recordings that were erased: the proof of it (C5-01). Appended when it is decided, ended once, never deleted.
CREATE TABLE erasure (
    -- Counted from 1.
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The recording's id, 16 bytes, and its `ident`.
    recording  BLOB NOT NULL UNIQUE CHECK (length(recording) = 16),
    ident      INTEGER NOT NULL UNIQUE,
    -- The file that was erased: its digest, 32 bytes, and its length.
    digest     BLOB NOT NULL CHECK (length(digest) = 32),
    file_bytes INTEGER NOT NULL,
    -- From when to when it was recorded.
    started_ns INTEGER NOT NULL,
    ended_ns   INTEGER NOT NULL,
    -- As in `mark`.
    rule       TEXT NOT NULL CHECK (rule IN ('retention', 'subject')),
    who        TEXT NOT NULL,
    why        TEXT NOT NULL,
    source     TEXT NOT NULL,
    counted    INTEGER NOT NULL CHECK (counted IN (0, 1)),
    -- The archives that had a copy, a line each.
    places     TEXT NOT NULL,
    marked_ns  INTEGER NOT NULL,
    decided_ns INTEGER NOT NULL,
    -- When it was done, how many files were destroyed and how many keys in them; absent while it is not.
    done_ns    INTEGER,
    files      INTEGER,
    keys       INTEGER
) STRICT;

CREATE INDEX erasure_not_done ON erasure (number) WHERE done_ns IS NULL;
CREATE INDEX erasure_by_marked ON erasure (marked_ns);

CREATE TRIGGER erasure_is_ended_once BEFORE UPDATE ON erasure WHEN OLD.done_ns IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an erasure that is done is not changed'); END;
CREATE TRIGGER erasure_is_not_deleted BEFORE DELETE ON erasure
BEGIN SELECT RAISE(ABORT, 'erasures are not deleted'); END;

-- Files that are on their way to an archive, or were put there. Deleted with the recording.
CREATE TABLE transfer (
    -- Counted from 1.
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The recording's `ident`.
    recording  INTEGER NOT NULL REFERENCES recording (ident),
    -- The archive action, and what it does.
    action     INTEGER NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('move', 'copy', 'backup')),
    -- The archive it goes to, and the one it was in before; that absent for the data folder.
    target     TEXT NOT NULL,
    origin     TEXT,
    -- The digest of the file, 32 bytes.
    digest     BLOB NOT NULL CHECK (length(digest) = 32),
    begun_ns   INTEGER NOT NULL,
    -- When it was seen to be whole there and the row said so; absent while it is not.
    done_ns    INTEGER,
    -- Of a move: when the file before was removed; absent while it is not.
    removed_ns INTEGER
) STRICT;

CREATE INDEX transfer_by_recording ON transfer (recording);
CREATE INDEX transfer_not_done ON transfer (number)
    WHERE done_ns IS NULL OR (kind = 'move' AND removed_ns IS NULL);

-- Copies that outlive their recordings, each with what was known of it when it was made.
CREATE TABLE backup (
    -- Counted from 1.
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The recording's id, 16 bytes, and its `ident`.
    recording  BLOB NOT NULL CHECK (length(recording) = 16),
    ident      INTEGER NOT NULL,
    -- The archive, and the file there.
    target     TEXT NOT NULL,
    file       TEXT NOT NULL,
    digest     BLOB NOT NULL CHECK (length(digest) = 32),
    file_bytes INTEGER NOT NULL,
    made_ns    INTEGER NOT NULL,
    -- The call record as JSON; emptied when the copy is erased.
    record     TEXT NOT NULL,
    -- When the copy was erased; absent while it is there.
    erased_ns  INTEGER
) STRICT;

CREATE INDEX backup_by_recording ON backup (recording);

-- Legal holds (C7-02): what they hold is not erased, moved away or redacted. Ended once, never deleted.
CREATE TABLE hold (
    -- Counted from 1.
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The matter's id, whose it is, and why.
    matter       TEXT NOT NULL,
    owner        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    -- Who placed it, from where, when.
    who          TEXT NOT NULL,
    source       TEXT NOT NULL,
    placed_ns    INTEGER NOT NULL,
    -- 1 if recordings that match what follows belong to it, also those to come; 0 if only those that were named do.
    by_query     INTEGER NOT NULL CHECK (by_query IN (0, 1)),
    -- The conditions, as a search has them; absent for none.
    agent        TEXT,
    number_end   TEXT,
    from_ns      INTEGER,
    to_ns        INTEGER,
    words        TEXT,
    -- When it was released, by whom and why; absent while it holds.
    released_ns  INTEGER,
    released_who TEXT,
    released_why TEXT
) STRICT;

CREATE INDEX hold_that_holds ON hold (number) WHERE released_ns IS NULL;

CREATE TRIGGER hold_is_released_once BEFORE UPDATE ON hold WHEN OLD.released_ns IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a hold that was released is not changed'); END;
CREATE TRIGGER hold_is_not_deleted BEFORE DELETE ON hold
BEGIN SELECT RAISE(ABORT, 'holds are not deleted'); END;

-- What each hold holds, or has held. Append-only.
CREATE TABLE held (
    -- The hold's `number`.
    hold       INTEGER NOT NULL REFERENCES hold (number),
    -- The recording's `ident`.
    recording  INTEGER NOT NULL REFERENCES recording (ident),
    -- Since when.
    joined_ns  INTEGER NOT NULL,
    PRIMARY KEY (hold, recording)
) STRICT, WITHOUT ROWID;

CREATE INDEX held_by_recording ON held (recording);

CREATE TRIGGER held_is_not_deleted BEFORE DELETE ON held
BEGIN SELECT RAISE(ABORT, 'what was held is on record'); END;

-- Recordings that are stored, and neither played nor given out (C5-05). Each is lifted once.
CREATE TABLE restriction (
    -- Counted from 1.
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The recording's `ident`.
    recording  INTEGER NOT NULL REFERENCES recording (ident),
    since_ns   INTEGER NOT NULL,
    -- Who asked for it, why, from where.
    who        TEXT NOT NULL,
    why        TEXT NOT NULL,
    source     TEXT NOT NULL,
    -- When it was lifted and by whom; absent while it holds.
    lifted_ns  INTEGER,
    lifted_who TEXT
) STRICT;

CREATE UNIQUE INDEX restriction_that_holds ON restriction (recording) WHERE lifted_ns IS NULL;

-- What retention remembers over restarts: the clock it has seen, what was confirmed. One row, JSON of the server.
CREATE TABLE retention (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    state      TEXT NOT NULL
) STRICT;

-- 1 if what was erased was card data, which goes even under a hold (C6); never changes.
ALTER TABLE redaction ADD COLUMN card_data INTEGER NOT NULL DEFAULT 0 CHECK (card_data IN (0, 1));
-- The hold that held the recording then; absent if none did; never changes.
ALTER TABLE redaction ADD COLUMN under_hold INTEGER REFERENCES hold (number);

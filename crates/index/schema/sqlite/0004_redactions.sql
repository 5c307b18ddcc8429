-- Version 4: spans that were erased from sealed recordings.

-- Who had what erased, and what came of it (C2-12). Appended when it is asked for, ended once, never deleted.
CREATE TABLE redaction (
    -- Counted from 1.
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The recording's `ident`; never changes.
    recording     INTEGER NOT NULL REFERENCES recording (ident),
    -- The span, on the recorder's timeline; never changes.
    from_ns       INTEGER NOT NULL,
    until_ns      INTEGER NOT NULL,
    -- Who approved it, and why; never change.
    who           TEXT NOT NULL,
    why           TEXT NOT NULL,
    -- From where it was asked: the network address; never changes.
    source        TEXT NOT NULL,
    -- When it was asked; never changes.
    asked_ns      INTEGER NOT NULL,
    -- When it was done; absent while it is not.
    done_ns       INTEGER,
    -- How many packets were erased; present with `done_ns`.
    packets       INTEGER,
    -- The digests of the file before and after, 32 bytes; present with `done_ns`.
    digest_before BLOB CHECK (length(digest_before) = 32),
    digest_after  BLOB CHECK (length(digest_after) = 32)
) STRICT;

CREATE INDEX redaction_by_recording ON redaction (recording);
CREATE INDEX redaction_not_done ON redaction (number) WHERE done_ns IS NULL;

CREATE TRIGGER redaction_is_ended_once BEFORE UPDATE ON redaction WHEN OLD.done_ns IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a redaction that is done is not changed'); END;
CREATE TRIGGER redaction_is_not_deleted BEFORE DELETE ON redaction
BEGIN SELECT RAISE(ABORT, 'redactions are not deleted'); END;

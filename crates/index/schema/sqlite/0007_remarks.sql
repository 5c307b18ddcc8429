-- Version 5: what people attach to recordings.

-- A bookmark, a note or a category of a recording. Appended; taken back once, and kept even then.
CREATE TABLE remark (
    -- Counted from 1, over all recordings.
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The recording's `ident`; never changes.
    recording  INTEGER NOT NULL REFERENCES recording (ident),
    -- What it is; never changes.
    kind       TEXT NOT NULL CHECK (kind IN ('bookmark', 'note', 'category')),
    -- The text, as it was written; never changes.
    text       TEXT NOT NULL,
    -- `text` in lower case, to find categories by; follows it.
    text_key   TEXT NOT NULL,
    -- The place it is about, from the recording's start; absent if it is about the whole; never change.
    from_ms    INTEGER CHECK (from_ms >= 0),
    -- Where that place ends; absent for a point.
    to_ms      INTEGER CHECK (to_ms > from_ms),
    -- Who said it, and the network address it came from; never change.
    who        TEXT NOT NULL,
    source     TEXT NOT NULL,
    -- When it was said; never changes.
    at_ns      INTEGER NOT NULL,
    -- Who took it back, and when; absent while it stands.
    removed_by TEXT,
    removed_ns INTEGER,
    CHECK ((removed_by IS NULL) = (removed_ns IS NULL))
) STRICT;

CREATE INDEX remark_by_recording ON remark (recording) WHERE removed_ns IS NULL;
CREATE INDEX remark_by_text ON remark (kind, text_key, recording) WHERE removed_ns IS NULL;

CREATE TRIGGER remark_is_taken_back_once BEFORE UPDATE ON remark WHEN OLD.removed_ns IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a remark that was taken back is not changed'); END;
CREATE TRIGGER remark_is_not_rewritten
BEFORE UPDATE OF number, recording, kind, text, from_ms, to_ms, who, source, at_ns ON remark
BEGIN SELECT RAISE(ABORT, 'a remark is not rewritten'); END;

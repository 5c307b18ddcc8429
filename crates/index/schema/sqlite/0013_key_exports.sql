-- Version 13: the private half of a key is given out under four eyes.

-- As before, with one kind more: a constraint cannot be changed in place.
CREATE TABLE approval_of_13 (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL CHECK (kind IN ('erasure', 'hold_release', 'key_export')),
    -- What is to be done, as the JSON it was asked with.
    what       TEXT NOT NULL,
    -- The name it was asked under, who asked (the kind of the principal and its name), why, from where and when; never change.
    asked_by   TEXT NOT NULL,
    asker      TEXT NOT NULL,
    why        TEXT NOT NULL,
    source     TEXT NOT NULL,
    asked_ns   INTEGER NOT NULL,
    -- Until when it can be approved; never changes.
    expires_ns INTEGER NOT NULL,
    -- Whether it was approved, by whom, from where and when; absent while nobody has decided.
    approved   INTEGER CHECK (approved IN (0, 1)),
    decided_by TEXT,
    decided_from TEXT,
    decided_ns INTEGER,
    CHECK ((approved IS NULL) = (decided_by IS NULL) AND (approved IS NULL) = (decided_ns IS NULL))
) STRICT;

INSERT INTO approval_of_13
SELECT number, kind, what, asked_by, asker, why, source, asked_ns, expires_ns, approved, decided_by, decided_from, decided_ns
FROM approval;
DROP TABLE approval;
ALTER TABLE approval_of_13 RENAME TO approval;

CREATE INDEX approval_waiting ON approval (number) WHERE approved IS NULL;

CREATE TRIGGER approval_is_decided_once BEFORE UPDATE ON approval WHEN OLD.approved IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an approval is decided once'); END;
CREATE TRIGGER approval_is_not_rewritten
BEFORE UPDATE OF number, kind, what, asked_by, asker, why, source, asked_ns, expires_ns ON approval
BEGIN SELECT RAISE(ABORT, 'what was asked for is not rewritten'); END;
CREATE TRIGGER approval_is_not_deleted BEFORE DELETE ON approval
BEGIN SELECT RAISE(ABORT, 'approvals are kept'); END;

-- What was approved to be given out, and was: each once.
CREATE TABLE given (
    approval INTEGER PRIMARY KEY,
    given_ns INTEGER NOT NULL
) STRICT;

CREATE TRIGGER given_is_not_rewritten BEFORE UPDATE ON given
BEGIN SELECT RAISE(ABORT, 'what was given out is not given back'); END;
CREATE TRIGGER given_is_not_deleted BEFORE DELETE ON given
BEGIN SELECT RAISE(ABORT, 'what was given out is not given back'); END;

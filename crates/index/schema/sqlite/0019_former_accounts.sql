-- Version 19: the name of an account that was removed is nobody else's; what was approved and not given out yet is taken back.

-- Accounts that were removed: approvals and the audit know people by name.
CREATE TABLE former_account (
    -- What its number was; absent of one that was removed before this version.
    number     INTEGER UNIQUE,
    name       TEXT NOT NULL,
    -- `name` in lower case.
    name_key   TEXT NOT NULL UNIQUE,
    -- When it was made, and by whom; absent with the number.
    created_ns INTEGER,
    created_by TEXT
) STRICT;

CREATE TRIGGER account_is_remembered AFTER DELETE ON account
BEGIN
    INSERT INTO former_account (number, name, name_key, created_ns, created_by)
    VALUES (OLD.number, OLD.name, OLD.name_key, OLD.created_ns, OLD.created_by);
END;
CREATE TRIGGER former_account_is_not_rewritten BEFORE UPDATE ON former_account
BEGIN SELECT RAISE(ABORT, 'who was there is not rewritten'); END;
CREATE TRIGGER former_account_is_not_deleted BEFORE DELETE ON former_account
BEGIN SELECT RAISE(ABORT, 'who was there is not forgotten'); END;

-- Of those that were removed before, whoever asked for something or decided it.
INSERT OR IGNORE INTO former_account (name, name_key)
SELECT name, lower(name) FROM (
    SELECT substr(asker, 8) AS name FROM approval WHERE asker LIKE 'person %'
    UNION SELECT decided_by FROM approval WHERE decided_by IS NOT NULL
)
WHERE lower(name) NOT IN (SELECT name_key FROM account) AND lower(name) <> 'anonymous';

-- What was approved to be given out, and taken back before it was: each once.
CREATE TABLE taken_back (
    approval INTEGER PRIMARY KEY,
    taken_by TEXT NOT NULL,
    at_ns    INTEGER NOT NULL
) STRICT;

CREATE TRIGGER taken_back_is_not_rewritten BEFORE UPDATE ON taken_back
BEGIN SELECT RAISE(ABORT, 'what was taken back is not given again'); END;
CREATE TRIGGER taken_back_is_not_deleted BEFORE DELETE ON taken_back
BEGIN SELECT RAISE(ABORT, 'what was taken back is not given again'); END;

-- Version 11: who may ask, and what waits for the approval of another.

-- A person who may log in.
CREATE TABLE account (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The name it logs in with; never changes.
    name       TEXT NOT NULL,
    -- `name` in lower case; follows it.
    name_key   TEXT NOT NULL UNIQUE,
    -- Argon2id in the PHC string format; absent if it logs in elsewhere only.
    password   TEXT,
    -- Who vouches for it elsewhere, and its name there (OpenID Connect `iss` and `sub`); absent if nobody does.
    issuer     TEXT,
    subject    TEXT,
    -- How often its second factor was made anew; 0 if it has none. The secret is made of this, the number and the state key,
    -- and stands nowhere.
    factor     INTEGER NOT NULL CHECK (factor >= 0),
    -- 1 once a code of the second factor was shown: from then on it is asked for.
    factor_on  INTEGER NOT NULL CHECK (factor_on IN (0, 1)),
    -- Roles, parted by commas.
    roles      TEXT NOT NULL,
    -- Whose calls they are for: business units and agents, parted by commas; both absent for everybody's.
    units      TEXT,
    agents     TEXT,
    -- 0 while it may not log in.
    active     INTEGER NOT NULL CHECK (active IN (0, 1)),
    -- When it was made, and by whom; never change.
    created_ns INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    -- When the password was set last; absent if there is none.
    password_ns INTEGER,
    UNIQUE (issuer, subject),
    CHECK ((units IS NULL) = (agents IS NULL)),
    CHECK ((issuer IS NULL) = (subject IS NULL))
) STRICT;

-- A key by which a program asks. Never deleted: what it has done names it.
CREATE TABLE api_key (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    -- What it is called; never changes, and is not used again.
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL UNIQUE,
    -- The part of the key that finds it; not secret.
    handle     TEXT NOT NULL UNIQUE,
    -- HMAC-SHA-256 of the key by `salt`.
    salt       BLOB NOT NULL CHECK (length(salt) = 16),
    hash       BLOB NOT NULL CHECK (length(hash) = 32),
    -- The one before it was exchanged, and until when it is still taken; absent if it never was.
    old_handle TEXT UNIQUE,
    old_salt   BLOB,
    old_hash   BLOB,
    old_ns     INTEGER,
    -- As for accounts.
    roles      TEXT NOT NULL,
    units      TEXT,
    agents     TEXT,
    created_ns INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    -- When it ends by itself; absent if it does not.
    expires_ns INTEGER,
    -- When it was taken back, and by whom; absent while it is not.
    revoked_ns INTEGER,
    revoked_by TEXT,
    CHECK ((units IS NULL) = (agents IS NULL)),
    CHECK ((revoked_ns IS NULL) = (revoked_by IS NULL))
) STRICT;

-- Something that one has asked for and another has to approve (four eyes). Asked once, decided once.
CREATE TABLE approval (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL CHECK (kind IN ('erasure', 'hold_release')),
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

CREATE INDEX approval_waiting ON approval (number) WHERE approved IS NULL;

CREATE TRIGGER approval_is_decided_once BEFORE UPDATE ON approval WHEN OLD.approved IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an approval is decided once'); END;
CREATE TRIGGER approval_is_not_rewritten
BEFORE UPDATE OF number, kind, what, asked_by, asker, why, source, asked_ns, expires_ns ON approval
BEGIN SELECT RAISE(ABORT, 'what was asked for is not rewritten'); END;
CREATE TRIGGER approval_is_not_deleted BEFORE DELETE ON approval
BEGIN SELECT RAISE(ABORT, 'approvals are kept'); END;

-- Lists of one business unit walk it.
CREATE INDEX recording_by_unit ON recording (business_unit, moment);

-- Version 10: the audit. Who did what, each entry tied to the one before by a hash (C8-03, C8-05); `ref/audit.md` has what is
-- hashed. Takes the place of `listen`.

-- Append-only.
CREATE TABLE audit (
    -- Counted from 1 without a gap.
    number     INTEGER PRIMARY KEY,
    -- When.
    at_ns      INTEGER NOT NULL,
    -- What kind of somebody it was, the name of the login or key, in which role, and the network address.
    kind       TEXT NOT NULL,
    who        TEXT NOT NULL,
    role       TEXT NOT NULL,
    source     TEXT NOT NULL,
    -- What was done, what it has come to (done, refused, failed), and what was answered.
    action     TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    answer     TEXT NOT NULL,
    -- What it was done to: the ids of recording and call as texts, and what else. Empty for none.
    recording  TEXT NOT NULL,
    call       TEXT NOT NULL,
    about      TEXT NOT NULL,
    -- How, and why as who did it says.
    detail     TEXT NOT NULL,
    reason     TEXT NOT NULL,
    -- SHA-256 over the content and the hash before. Empty only while the upgrade that brings listens here goes on.
    hash       BLOB NOT NULL CHECK (length(hash) IN (0, 32))
) STRICT;

INSERT INTO audit (number, at_ns, kind, who, role, source, action, outcome, answer, recording, call, about, detail, reason, hash)
SELECT row_number() OVER (ORDER BY number), at_ns, 'local', who, '', source, 'recording.listen', 'done', '',
    lower(substr(hex(recording), 1, 8) || '-' || substr(hex(recording), 9, 4) || '-' || substr(hex(recording), 13, 4)
        || '-' || substr(hex(recording), 17, 4) || '-' || substr(hex(recording), 21)),
    '', '', what, '', x''
FROM listen ORDER BY number;

DROP TABLE listen;

CREATE INDEX audit_by_time ON audit (at_ns);
CREATE INDEX audit_by_who ON audit (who, number);
CREATE INDEX audit_by_action ON audit (action, number);
CREATE INDEX audit_by_recording ON audit (recording, number) WHERE recording <> '';
CREATE INDEX audit_by_call ON audit (call, number) WHERE call <> '';
CREATE INDEX audit_without_hash ON audit (number) WHERE length(hash) = 0;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit WHEN length(OLD.hash) > 0
BEGIN SELECT RAISE(ABORT, 'the audit is not changed'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is not deleted'); END;

-- How the chain stood when it was signed. Append-only, but for the time stamp that comes later.
CREATE TABLE audit_head (
    -- The last entry then.
    number     INTEGER PRIMARY KEY,
    -- The hash behind it.
    hash       BLOB NOT NULL CHECK (length(hash) = 32),
    -- When it was signed.
    at_ns      INTEGER NOT NULL,
    -- The signature, which names its algorithm and key.
    signature  TEXT NOT NULL,
    -- The token of a time stamping authority (RFC 3161), DER; absent if there is none.
    token      BLOB
) STRICT;

CREATE TRIGGER audit_head_is_not_changed BEFORE UPDATE ON audit_head
WHEN OLD.token IS NOT NULL OR NEW.number <> OLD.number OR NEW.hash <> OLD.hash OR NEW.at_ns <> OLD.at_ns
    OR NEW.signature <> OLD.signature
BEGIN SELECT RAISE(ABORT, 'a head of the audit is not changed'); END;
CREATE TRIGGER audit_head_is_not_deleted BEFORE DELETE ON audit_head
BEGIN SELECT RAISE(ABORT, 'a head of the audit is not deleted'); END;

-- Version 16: a code of the second factor is taken once, over restarts too; it stands what came of what was approved; whom an
-- erasure was about is forgotten once it is decided.

-- The half minute since 1970 whose code was taken last; absent if none was.
ALTER TABLE account ADD COLUMN factor_step INTEGER;

-- What came of what was approved, written once. Absent while it is being done.
CREATE TABLE carried_out (
    approval INTEGER PRIMARY KEY,
    -- Why it could not be done; absent if it was done.
    problem  TEXT
) STRICT;

CREATE TRIGGER carried_out_is_not_rewritten BEFORE UPDATE ON carried_out
BEGIN SELECT RAISE(ABORT, 'what was done is not rewritten'); END;
CREATE TRIGGER carried_out_is_not_deleted BEFORE DELETE ON carried_out
BEGIN SELECT RAISE(ABORT, 'what was done is not deleted'); END;

INSERT INTO carried_out (approval) SELECT number FROM approval WHERE approved = 1;

-- As before, but that `what` of an erasure can be struck out.
DROP TRIGGER approval_is_decided_once;
DROP TRIGGER approval_is_not_rewritten;
CREATE TRIGGER approval_is_decided_once BEFORE UPDATE OF approved, decided_by, decided_from, decided_ns ON approval
WHEN OLD.approved IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an approval is decided once'); END;
CREATE TRIGGER approval_is_not_rewritten
BEFORE UPDATE OF number, kind, asked_by, asker, why, source, asked_ns, expires_ns ON approval
BEGIN SELECT RAISE(ABORT, 'what was asked for is not rewritten'); END;
CREATE TRIGGER approval_is_struck_out_only BEFORE UPDATE OF what ON approval
WHEN OLD.kind <> 'erasure' OR NEW.what <> '{"struck":true}'
BEGIN SELECT RAISE(ABORT, 'what was asked for is not rewritten'); END;

UPDATE approval SET what = '{"struck":true}' WHERE kind = 'erasure' AND approved IS NOT NULL;

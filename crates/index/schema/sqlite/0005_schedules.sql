-- Version 5: how long a recording is kept, and what becomes of it then. What an earlier version has recorded is kept for ever
-- until a command says otherwise.

-- The name of the schedule that had it kept, as it was then; absent if the settings did; never changes.
ALTER TABLE recording ADD COLUMN schedule TEXT;
-- Days from `ended_ns` that it is kept; absent for ever. Follows the field keepdays.
ALTER TABLE recording ADD COLUMN keep_days INTEGER CHECK (keep_days >= 0);
-- The number of the archive action that is done then; 1 purges. Follows the field archiveaction.
ALTER TABLE recording ADD COLUMN archive_action INTEGER NOT NULL DEFAULT 1;
-- 1 if a command said otherwise than schedule and settings.
ALTER TABLE recording ADD COLUMN overridden INTEGER NOT NULL DEFAULT 0 CHECK (overridden IN (0, 1));
-- What schedule or settings said: what holds again when a command writes -1; never change.
ALTER TABLE recording ADD COLUMN inherited_keep_days INTEGER CHECK (inherited_keep_days >= 0);
ALTER TABLE recording ADD COLUMN inherited_archive_action INTEGER NOT NULL DEFAULT 1;

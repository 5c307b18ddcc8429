-- Version 3: recordings of one communication session that several recording sessions brought.

-- How the recording's call belongs to an earlier one: copy (brought by another recording session at the same time)
-- or continues (brought anew after that one's session had ended); absent for most; never changes.
ALTER TABLE recording ADD COLUMN link TEXT CHECK (link IN ('copy', 'continues'));
-- That earlier call, 16 bytes of a UUIDv7; present with `link`; never changes.
ALTER TABLE recording ADD COLUMN linked_call BLOB CHECK (length(linked_call) = 16);
-- 1 for a copy all of which the original holds too: lists show it on demand. Derived: set when the later of the two is put.
ALTER TABLE recording ADD COLUMN doubled INTEGER NOT NULL DEFAULT 0 CHECK (doubled IN (0, 1));

CREATE INDEX recording_by_linked_call ON recording (linked_call) WHERE linked_call IS NOT NULL;

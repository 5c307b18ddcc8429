-- Version 2: ids that other systems gave a call, to find its recordings by.

-- What another system calls the call of a recording; written when the row is put, never changes.
CREATE TABLE recording_known_as (
    -- The recording's `ident`.
    recording  INTEGER NOT NULL REFERENCES recording (ident),
    -- The id as it was sent.
    known_as   TEXT NOT NULL,
    -- The form in which ids are compared; follows `known_as`.
    id_key     TEXT NOT NULL,
    PRIMARY KEY (recording, known_as)
) STRICT, WITHOUT ROWID;

CREATE INDEX recording_by_known_as ON recording_known_as (id_key);
CREATE INDEX recording_by_sip_call_id ON recording (sip_call_id);
CREATE INDEX recording_by_call_instance ON recording (call_instance);

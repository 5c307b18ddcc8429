-- Version 1: recordings, and who listened to them.
--
-- What may be rebuilt: everything in `recording`, `recording_party`, `recording_number` and `recording_words`
-- follows from the sealed files. What lives here only: annotations made after the seal (`annotation`, and the
-- current values in `recording_field`) and `listen`. For their sake the writer syncs at every commit.
--
-- Units: `_ns` are nanoseconds since 1970-01-01T00:00:00Z without leap seconds, `_ms` milliseconds, `_bytes`
-- bytes. "Never changes" means: set when the row is put, and by nobody after that.

-- One kept recording. A row implies a synced file of that length and digest.
CREATE TABLE recording (
    -- The numeric key, counted from 1 in the order of putting; never reused, never changes.
    ident            INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The recording's own id, 16 bytes of a UUIDv7; never changes.
    id               BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    -- The call it is kept of, 16 bytes of a UUIDv7; several recordings may share it; never changes.
    call_id          BLOB NOT NULL CHECK (length(call_id) = 16),
    -- SIP Call-ID of the recording session, as received; absent if no SIP was involved; never changes.
    sip_call_id      TEXT,
    -- The WFO call instance; never changes.
    call_instance    TEXT,
    -- The agent's own number, 0 to 4294967295; absent if nobody was known; never changes.
    agent_id         INTEGER,
    -- The agent's name when the recording was sealed; never changes.
    agent_name       TEXT,
    -- `agent_name` in lower case, to search by; follows it.
    agent_key        TEXT,
    -- The physical number of the phone; never changes.
    device           TEXT,
    -- I inbound, O outbound, absent unknown; an annotation of `calldirection` changes it.
    direction        TEXT CHECK (direction IN ('I', 'O')),
    -- The calling number as received; an annotation of `ani` changes it.
    ani              TEXT,
    -- The number called as received; an annotation of `dnis` changes it.
    dnis             TEXT,
    -- The agent's business unit, 0 if there is none; never changes.
    business_unit    INTEGER NOT NULL,
    -- First and one past the last instant on the recorder's timeline; never change.
    started_ns       INTEGER NOT NULL,
    ended_ns         INTEGER NOT NULL,
    -- Length as it plays, gaps and blackouts included; never changes.
    duration_ms      INTEGER NOT NULL,
    -- The sealed file, a path relative to the data folder with `/` between its parts; never changes.
    file             TEXT NOT NULL UNIQUE,
    -- Length of that file; never changes.
    file_bytes       INTEGER NOT NULL,
    -- SHA-256 by which that file is known, 32 bytes; never changes.
    digest           BLOB NOT NULL CHECK (length(digest) = 32),
    -- How many streams the file holds; never changes.
    streams          INTEGER NOT NULL,
    -- B10-04, by rule when sealing; never changes.
    completeness     TEXT NOT NULL CHECK (completeness IN ('complete', 'complete-with-gaps', 'partial', 'failed')),
    -- 1 if a stop of the recorder ended it, 0 otherwise; never changes.
    interrupted      INTEGER NOT NULL CHECK (interrupted IN (0, 1)),
    -- How much of `duration_ms` is blackout; never changes.
    blackout_ms      INTEGER NOT NULL,
    -- The ledger's sums over all streams; never change.
    packets_received INTEGER NOT NULL,
    packets_stored   INTEGER NOT NULL,
    packets_dark     INTEGER NOT NULL,
    packets_lost     INTEGER NOT NULL,
    -- The sentence that says why it was kept; never changes.
    why              TEXT NOT NULL
) STRICT;

CREATE INDEX recording_by_start ON recording (started_ns, ident);
CREATE INDEX recording_by_agent ON recording (agent_id, started_ns);
CREATE INDEX recording_by_agent_name ON recording (agent_key, started_ns);
CREATE INDEX recording_by_device ON recording (device, started_ns);
CREATE INDEX recording_by_call ON recording (call_id);

-- Metadata fields under their WFO keys: user1 to user15, ani, dnis, gate and so on. The current values.
CREATE TABLE recording_field (
    -- The recording's `ident`; never changes.
    recording  INTEGER NOT NULL REFERENCES recording (ident),
    -- The key, lower case; never changes.
    field      TEXT NOT NULL,
    -- The value now; an annotation changes it.
    value      TEXT NOT NULL,
    PRIMARY KEY (recording, field)
) STRICT, WITHOUT ROWID;

CREATE INDEX recording_by_field ON recording_field (field, value);

-- Who was in the call; written when the row is put, never changes.
CREATE TABLE recording_party (
    -- The recording's `ident`.
    recording  INTEGER NOT NULL REFERENCES recording (ident),
    -- Place in the list, from 0.
    place      INTEGER NOT NULL,
    -- Display name as received; absent if none was.
    name       TEXT,
    -- Address of record or bare number as received.
    address    TEXT NOT NULL,
    -- The stream this party speaks into, 0 to 65535; absent if unknown.
    stream     INTEGER,
    PRIMARY KEY (recording, place)
) STRICT, WITHOUT ROWID;

-- Every number a recording is found by. Derived: written again when a row is put or annotated.
CREATE TABLE recording_number (
    -- The digits in reverse order, so that "ends with" is a range of this key.
    reversed   TEXT NOT NULL,
    -- The recording's `ident`.
    recording  INTEGER NOT NULL REFERENCES recording (ident),
    PRIMARY KEY (reversed, recording)
) STRICT, WITHOUT ROWID;

CREATE INDEX recording_number_by_recording ON recording_number (recording);

-- Every word a recording is found by; rowid is the recording's `ident`. Derived, as above. Symbols count as
-- parts of words (category So), so that a marker like a star can be searched for.
CREATE VIRTUAL TABLE recording_words USING fts5 (
    words,
    content = '',
    contentless_delete = 1,
    prefix = '2 3',
    tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co So'"
);

-- What people and systems said about a recording after the seal, in the order they said it. Append-only.
CREATE TABLE annotation (
    -- Counted from 1.
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The recording's `ident`.
    recording  INTEGER NOT NULL REFERENCES recording (ident),
    -- When it was said.
    at_ns      INTEGER NOT NULL,
    -- The metadata key, lower case.
    field      TEXT NOT NULL,
    -- The value it was given.
    value      TEXT NOT NULL
) STRICT;

CREATE INDEX annotation_by_recording ON annotation (recording);

-- Who listened, appended before the first byte of audio leaves (C8-05). Append-only.
CREATE TABLE listen (
    -- Counted from 1.
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    -- When.
    at_ns      INTEGER NOT NULL,
    -- The recording's id, 16 bytes; it need not be in `recording`, for a live call can be listened to.
    recording  BLOB NOT NULL CHECK (length(recording) = 16),
    -- Who: the name of the login or key, or what stands for it where none is asked.
    who        TEXT NOT NULL,
    -- From where: the network address.
    source     TEXT NOT NULL,
    -- What was asked for: format and range.
    what       TEXT NOT NULL
) STRICT;

CREATE INDEX listen_by_recording ON listen (recording);

CREATE TRIGGER annotation_is_not_changed BEFORE UPDATE ON annotation
BEGIN SELECT RAISE(ABORT, 'annotations are only appended'); END;
CREATE TRIGGER listen_is_not_changed BEFORE UPDATE ON listen
BEGIN SELECT RAISE(ABORT, 'listens are only appended'); END;
CREATE TRIGGER listen_is_not_deleted BEFORE DELETE ON listen
BEGIN SELECT RAISE(ABORT, 'listens are only appended'); END;

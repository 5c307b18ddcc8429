-- Version 6: lists and searches walk one order, that of `moment`, however many recordings there are.

-- The start in milliseconds times 1024, plus a number that tells recordings of one millisecond apart in the order of putting:
-- the order of lists. Derived from `started_ns` when the row is put; never changes.
ALTER TABLE recording ADD COLUMN moment INTEGER NOT NULL DEFAULT 0;

-- Each as its millisecond says, or one behind the one before if that is more.
UPDATE recording SET moment = placed.moment FROM (
    SELECT ident, place + max(earliest - place) OVER (ORDER BY place ROWS UNBOUNDED PRECEDING) AS moment
    FROM (
        SELECT ident, started_ns / 1000000 * 1024 AS earliest, row_number() OVER (ORDER BY started_ns, ident) AS place
        FROM recording
    )
) AS placed WHERE placed.ident = recording.ident;

CREATE UNIQUE INDEX recording_by_moment ON recording (moment);
DROP INDEX recording_by_start;
DROP INDEX recording_by_agent;
DROP INDEX recording_by_agent_name;
DROP INDEX recording_by_device;
CREATE INDEX recording_by_agent ON recording (agent_id, moment);
CREATE INDEX recording_by_agent_name ON recording (agent_key, moment);
CREATE INDEX recording_by_device ON recording (device, moment);

-- The recording's `moment`; never changes.
ALTER TABLE recording_field ADD COLUMN moment INTEGER NOT NULL DEFAULT 0;
UPDATE recording_field SET moment = (SELECT moment FROM recording WHERE ident = recording_field.recording);
DROP INDEX recording_by_field;
CREATE INDEX recording_by_field ON recording_field (field, value, moment);

-- The recording's `moment`; never changes.
ALTER TABLE remark ADD COLUMN moment INTEGER NOT NULL DEFAULT 0;
DROP INDEX remark_by_text;
CREATE INDEX remark_by_text ON remark (kind, text_key, moment) WHERE removed_ns IS NULL;
CREATE INDEX remark_by_kind ON remark (kind, moment) WHERE removed_ns IS NULL;

-- As before, but for the rowid, which is the recording's `moment`: words are met in the order of lists.
DROP TABLE recording_words;
CREATE VIRTUAL TABLE recording_words USING fts5 (
    words,
    content = '',
    contentless_delete = 1,
    prefix = '2 3',
    tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co So'"
);

INSERT INTO recording_words (rowid, words)
SELECT moment, replace(concat_ws(char(10), agent_name, ani, dnis, device,
    (SELECT group_concat(concat_ws(char(10), name, address), char(10)) FROM recording_party WHERE recording = ident),
    (SELECT group_concat(value, char(10)) FROM recording_field WHERE recording = ident)), char(0), ' ')
FROM recording ORDER BY moment;

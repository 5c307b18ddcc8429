-- Version 8: receivers of events, and the events on their way to them.

-- Who wants to be told of what happens.
CREATE TABLE webhook (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Its id in the API, a UUID; never changes.
    id            TEXT NOT NULL UNIQUE,
    url           TEXT NOT NULL,
    -- The kinds of events that are wanted, or families of them, parted by commas; empty for all.
    kinds         TEXT NOT NULL,
    -- 1 while events go to it.
    active        INTEGER NOT NULL CHECK (active IN (0, 1)),
    -- Why the recorder has switched it off; absent if it has not.
    why_off       TEXT,
    -- How often its secret was exchanged. The secret itself is made of this, the id and the state key, and stands nowhere.
    secret        INTEGER NOT NULL,
    -- When it was exchanged last.
    secret_ns     INTEGER NOT NULL,
    created_ns    INTEGER NOT NULL
) STRICT;

-- Events that a receiver wants, in the order they were told. The oldest go when there are too many.
CREATE TABLE outbox_event (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Its id on the wire, a UUID; the same with each try and for each receiver.
    id            TEXT NOT NULL UNIQUE,
    at_ns         INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    -- What is sent.
    body          TEXT NOT NULL
) STRICT;

CREATE INDEX outbox_event_by_time ON outbox_event (at_ns);

-- One event on its way to one receiver.
CREATE TABLE outbox_delivery (
    webhook       INTEGER NOT NULL REFERENCES webhook (number) ON DELETE CASCADE,
    event         INTEGER NOT NULL REFERENCES outbox_event (number) ON DELETE CASCADE,
    -- waiting, delivered, dead.
    state         TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
    -- Since when it waits: when it was told, or was to be sent again.
    since_ns      INTEGER NOT NULL,
    -- When it may be tried next.
    due_ns        INTEGER NOT NULL,
    -- 1 if those behind it wait for it, for the receiver is at fault and not the event.
    holds         INTEGER NOT NULL DEFAULT 0 CHECK (holds IN (0, 1)),
    attempts      INTEGER NOT NULL DEFAULT 0,
    -- When it was tried last, the HTTP status of the answer if there was one, and what was wrong.
    tried_ns      INTEGER,
    status        INTEGER,
    problem       TEXT,
    PRIMARY KEY (webhook, event)
) STRICT, WITHOUT ROWID;

CREATE INDEX outbox_delivery_waiting ON outbox_delivery (webhook, event) WHERE state = 'waiting';
CREATE INDEX outbox_delivery_by_event ON outbox_delivery (event);

-- The number of the journal's frame up to which all events that are wanted are in the outbox. One row.
CREATE TABLE outbox_mark (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    journal       INTEGER NOT NULL
) STRICT;

INSERT INTO outbox_mark (one, journal) VALUES (1, 0);

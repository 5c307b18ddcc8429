-- Version 18: how the chain of the audit ends, signed (C8-03).

-- One row, put in the place of the one before by each batch of entries, in its transaction.
CREATE TABLE audit_tip (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    -- The last entry.
    number    INTEGER NOT NULL,
    -- The hash behind it.
    hash      BLOB NOT NULL CHECK (length(hash) = 32),
    -- The signature, which names its algorithm and key.
    signature TEXT NOT NULL
) STRICT;

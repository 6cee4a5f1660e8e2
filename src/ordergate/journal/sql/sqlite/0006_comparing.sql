-- What was said to providers, what comparisons came to, and what shadow translations were counted.

-- Lines of JSON, one for each request and its answer; of an operation that was redacted or pruned NULL.
ALTER TABLE operations ADD COLUMN exchanges BLOB;

DROP INDEX operations_to_prune;
CREATE INDEX operations_to_prune ON operations (updated_at)
    WHERE state IN ('succeeded', 'failed') AND (idempotency_key IS NOT NULL OR request IS NOT NULL
        OR work IS NOT NULL OR response_status IS NOT NULL OR exchanges IS NOT NULL);

CREATE TABLE comparisons (
    id              TEXT PRIMARY KEY,
    merchant        TEXT NOT NULL,
    world           TEXT NOT NULL CHECK (world IN ('test', 'live')),
    idempotency_key TEXT,
    created_at      INTEGER NOT NULL,
    -- 0 while a repeat of its key may find out more.
    ended           INTEGER NOT NULL,
    record          BLOB NOT NULL,
    -- The document that is answered; NULL until there is one.
    body            BLOB
);

CREATE UNIQUE INDEX comparisons_by_key ON comparisons (merchant, world, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX comparisons_by_merchant ON comparisons (merchant, world, id);
CREATE INDEX comparisons_by_time ON comparisons (created_at);

CREATE TABLE shadows (
    world    TEXT NOT NULL CHECK (world IN ('test', 'live')),
    merchant TEXT NOT NULL,
    account  TEXT NOT NULL,
    kind     TEXT NOT NULL,
    code     TEXT NOT NULL,
    pointer  TEXT NOT NULL,
    detail   TEXT NOT NULL,
    example  TEXT NOT NULL,
    orders   INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    PRIMARY KEY (world, merchant, account, kind, code, pointer)
);

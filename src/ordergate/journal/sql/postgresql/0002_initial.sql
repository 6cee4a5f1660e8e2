-- The same tables as SQLite's, at the same version. Times are Unix milliseconds, UTC, by this server's clock where
-- processes are compared. Records are JSON documents; what is searched stands in columns beside them.

CREATE TABLE operations (
    id              TEXT PRIMARY KEY,
    merchant        TEXT NOT NULL,
    world           TEXT NOT NULL CHECK (world IN ('test', 'live')),
    kind            TEXT NOT NULL,
    method          TEXT NOT NULL,
    path            TEXT NOT NULL,
    idempotency_key TEXT,
    content_hash    TEXT NOT NULL,
    order_id        TEXT NOT NULL,
    reference       TEXT,
    state           TEXT NOT NULL CHECK (state IN ('in_progress', 'succeeded', 'failed', 'unknown')),
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    record          BYTEA NOT NULL,
    request         BYTEA,
    response_status INTEGER,
    response_body   BYTEA,
    account         TEXT,
    attempts        INTEGER NOT NULL,
    work            BYTEA,
    -- The process that works on it; it may be taken over once that one's lease in nodes has ended.
    owner           TEXT,
    -- The provider's id of the newest order that was known in the account before: where a probe begins to look.
    newest_order    TEXT,
    -- From then on nothing that was sent can still arrive.
    settles_at      BIGINT,
    -- When recovery looks after it; NULL for never.
    due_at          BIGINT
);

-- One operation per key; a key that has expired is set to NULL.
CREATE UNIQUE INDEX operations_by_key
    ON operations (merchant, world, method, path, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

-- One unsettled write per order.
CREATE UNIQUE INDEX operations_unsettled
    ON operations (order_id)
    WHERE state IN ('in_progress', 'unknown');

CREATE INDEX operations_by_reference
    ON operations (merchant, world, reference, created_at)
    WHERE reference IS NOT NULL;

CREATE INDEX operations_by_state ON operations (world, state, id);
CREATE INDEX operations_due ON operations (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE orders (
    id                TEXT PRIMARY KEY,
    merchant          TEXT NOT NULL,
    world             TEXT NOT NULL CHECK (world IN ('test', 'live')),
    account           TEXT NOT NULL,
    adapter           TEXT NOT NULL,
    provider_order_id TEXT NOT NULL,
    status            TEXT NOT NULL,
    reference         TEXT,
    customer          TEXT,
    purpose           TEXT,
    created_at        BIGINT NOT NULL,
    revision          INTEGER NOT NULL,
    record            BYTEA NOT NULL
);

CREATE INDEX orders_by_provider_id ON orders (account, provider_order_id);
CREATE INDEX orders_newest ON orders (account, created_at);
CREATE INDEX orders_by_merchant ON orders (merchant, world, id);
CREATE INDEX orders_by_reference ON orders (merchant, world, reference) WHERE reference IS NOT NULL;
CREATE INDEX orders_by_customer ON orders (merchant, world, customer, id) WHERE customer IS NOT NULL;
CREATE INDEX orders_by_status ON orders (merchant, world, status, id);

CREATE TABLE links (
    merchant TEXT NOT NULL,
    world    TEXT NOT NULL CHECK (world IN ('test', 'live')),
    kind     TEXT NOT NULL CHECK (kind IN ('customers', 'products', 'payment_methods')),
    id       TEXT NOT NULL,
    account  TEXT NOT NULL,
    native   TEXT NOT NULL,
    PRIMARY KEY (merchant, world, kind, id, account)
);

CREATE INDEX links_by_native ON links (account, kind, native);

CREATE TABLE api_keys (
    id          TEXT PRIMARY KEY,
    secret_hash BYTEA NOT NULL UNIQUE,
    revoked_at  BIGINT,
    record      BYTEA NOT NULL
);

CREATE TABLE nodes (
    id          TEXT PRIMARY KEY,
    lease_until BIGINT NOT NULL
);

-- Rows that live for one transaction: whoever inserts one makes others with the same name wait.
CREATE TABLE locks (
    name TEXT PRIMARY KEY
);

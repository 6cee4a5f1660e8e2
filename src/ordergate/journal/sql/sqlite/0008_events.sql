-- What merchants are told of their orders' lives, to whom, and how that went.

-- An operation whose caller may have been answered without its outcome: once it settles, an event tells it.
ALTER TABLE operations ADD COLUMN awaited INTEGER NOT NULL DEFAULT 0;
UPDATE operations SET awaited = 1 WHERE state = 'unknown';

CREATE TABLE events (
    -- Of one order's events the earlier one has the smaller; others may become visible in another order.
    arrival    INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    merchant   TEXT NOT NULL,
    world      TEXT NOT NULL CHECK (world IN ('test', 'live')),
    -- Empty, or that of the order: a feed of its own.
    purpose    TEXT NOT NULL,
    order_id   TEXT NOT NULL,
    type       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- Its place in the feed, given once it is committed; NULL until then.
    number     INTEGER,
    record     BLOB NOT NULL
);

CREATE UNIQUE INDEX events_by_number ON events (merchant, world, purpose, number) WHERE number IS NOT NULL;
CREATE INDEX events_unnumbered ON events (merchant, world, purpose, arrival) WHERE number IS NULL;
CREATE INDEX events_by_type ON events (merchant, world, purpose, type, number) WHERE number IS NOT NULL;
CREATE INDEX events_by_order ON events (order_id, arrival);

-- The last number that each feed has given.
CREATE TABLE feeds (
    merchant TEXT NOT NULL,
    world    TEXT NOT NULL,
    purpose  TEXT NOT NULL,
    number   INTEGER NOT NULL,
    PRIMARY KEY (merchant, world, purpose)
);

CREATE TABLE webhook_endpoints (
    id       TEXT PRIMARY KEY,
    merchant TEXT NOT NULL,
    world    TEXT NOT NULL CHECK (world IN ('test', 'live')),
    enabled  INTEGER NOT NULL,
    record   BLOB NOT NULL
);

CREATE INDEX webhook_endpoints_by_merchant ON webhook_endpoints (merchant, world, id);

-- As they are: whoever signs needs them whole.
CREATE TABLE webhook_secrets (
    endpoint_id TEXT NOT NULL,
    secret      TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    ends_at     INTEGER,
    PRIMARY KEY (endpoint_id, secret)
);

CREATE TABLE webhook_deliveries (
    id          TEXT PRIMARY KEY,
    endpoint_id TEXT NOT NULL,
    merchant    TEXT NOT NULL,
    world       TEXT NOT NULL CHECK (world IN ('test', 'live')),
    event_id    TEXT NOT NULL,
    order_id    TEXT NOT NULL,
    type        TEXT NOT NULL,
    -- The event's.
    number      INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    -- Tries that have failed since it was queued last.
    failures    INTEGER NOT NULL,
    -- When it is to be made; NULL while it is being made, or held back by an earlier one of its order, and in the end.
    due_at      INTEGER,
    -- The process that makes it; it may be taken over once that one's lease in nodes has ended.
    owner       TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    record      BLOB NOT NULL,
    UNIQUE (endpoint_id, event_id)
);

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (endpoint_id, order_id, number)
    WHERE state = 'pending';
CREATE INDEX webhook_deliveries_taken ON webhook_deliveries (owner) WHERE owner IS NOT NULL;
CREATE INDEX webhook_deliveries_by_number ON webhook_deliveries (endpoint_id, number);
CREATE INDEX webhook_deliveries_failed ON webhook_deliveries (endpoint_id, number) WHERE state = 'failed';
CREATE INDEX webhook_deliveries_by_merchant ON webhook_deliveries (merchant, world, id);
CREATE INDEX webhook_deliveries_by_event ON webhook_deliveries (event_id);
CREATE INDEX webhook_deliveries_by_order ON webhook_deliveries (order_id);
CREATE INDEX webhook_deliveries_to_prune ON webhook_deliveries (updated_at) WHERE state <> 'pending';

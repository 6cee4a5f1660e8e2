-- The tables of the journal. Both databases have the same tables and the same schema version.
--
-- Times are Unix milliseconds, UTC. The clock of the serving process sets them.
-- A record is a JSON document; the columns beside it repeat the values that statements search for.
-- No statement visits more rows as the journal grows, so each filter of a list has an index. A list is sorted by id,
-- so its index ends with id.

CREATE TABLE operations (
    id              TEXT PRIMARY KEY,
    merchant        TEXT NOT NULL,
    world           TEXT NOT NULL CHECK (world IN ('test', 'live')),
    kind            TEXT NOT NULL,
    method          TEXT NOT NULL,
    path            TEXT NOT NULL,
    -- Set to NULL when the key expires.
    idempotency_key TEXT,
    content_hash    TEXT NOT NULL,
    order_id        TEXT NOT NULL,
    reference       TEXT,
    state           TEXT NOT NULL CHECK (state IN ('in_progress', 'succeeded', 'failed', 'unknown')),
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    record          BLOB NOT NULL,
    request         BLOB,
    response_status INTEGER,
    response_body   BLOB,
    account         TEXT,
    attempts        INTEGER NOT NULL,
    work            BLOB,
    -- The process that works on the operation. After the lease of that process in nodes, another one may acquire it.
    owner           TEXT,
    -- The provider's id of the account's newest known order at the time of the claim: a list probe starts there.
    newest_order    TEXT,
    -- After this time no sent request can still arrive at the provider.
    settles_at      INTEGER,
    -- When recovery works on the operation next; NULL for never.
    due_at          INTEGER,
    -- One JSON line for each exchange with the provider; NULL after the operation was redacted or pruned.
    exchanges       BLOB,
    -- 1 if the caller may have got an answer without the outcome: an event reports the outcome when it settles.
    awaited         INTEGER NOT NULL DEFAULT 0
);

-- One operation for each idempotency key.
CREATE UNIQUE INDEX operations_by_key
    ON operations (merchant, world, method, path, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
-- One unsettled operation for each order.
CREATE UNIQUE INDEX operations_unsettled
    ON operations (order_id)
    WHERE state IN ('in_progress', 'unknown');
CREATE INDEX operations_by_reference
    ON operations (merchant, world, reference, created_at)
    WHERE reference IS NOT NULL;
CREATE INDEX operations_by_state ON operations (world, state, id);
CREATE INDEX operations_by_order ON operations (order_id, id);
CREATE INDEX operations_by_merchant ON operations (merchant, world, id);
CREATE INDEX operations_by_merchant_and_state ON operations (merchant, world, state, id);
CREATE INDEX operations_of_all ON operations (world, id);
CREATE INDEX operations_due ON operations (due_at) WHERE due_at IS NOT NULL;
-- The operations of one process: recovery reads them every few seconds.
CREATE INDEX operations_owned ON operations (owner) WHERE owner IS NOT NULL;
-- The operations that prevent the removal of their account.
CREATE INDEX operations_unsettled_of_account ON operations (account)
    WHERE state IN ('in_progress', 'unknown') OR due_at IS NOT NULL;
-- The settled operations with data that only retries and recovery need.
CREATE INDEX operations_to_prune ON operations (updated_at)
    WHERE state IN ('succeeded', 'failed') AND (idempotency_key IS NOT NULL OR request IS NOT NULL
        OR work IS NOT NULL OR response_status IS NOT NULL OR exchanges IS NOT NULL);

-- The references of operations. SQLite has a single writer, which searches the operations; the table stays empty.
CREATE TABLE order_references (
    merchant  TEXT NOT NULL,
    world     TEXT NOT NULL,
    reference TEXT NOT NULL,
    PRIMARY KEY (merchant, world, reference)
);

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
    created_at        INTEGER NOT NULL,
    revision          INTEGER NOT NULL,
    record            BLOB NOT NULL,
    -- When the order was last read from the provider; NULL for never.
    synced_at         INTEGER,
    -- The provider's id of the last payment: some provider events contain no other id.
    payment_id        TEXT,
    -- PostgreSQL's index of ages needs it; see there.
    synced_period     INTEGER GENERATED ALWAYS AS (synced_at / 300000) VIRTUAL
);

CREATE INDEX orders_by_provider_id ON orders (account, provider_order_id);
CREATE INDEX orders_by_payment ON orders (account, payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX orders_newest ON orders (account, created_at);
CREATE INDEX orders_by_age ON orders (account, synced_at)
    WHERE status IN ('open', 'pending', 'partially_paid', 'paid', 'review');
-- With created_at at the end, a filter of times reads the index alone.
CREATE INDEX orders_by_merchant ON orders (merchant, world, id, created_at);
CREATE INDEX orders_by_account ON orders (merchant, world, account, id);
CREATE INDEX orders_by_adapter ON orders (merchant, world, adapter, id);
CREATE INDEX orders_by_status ON orders (merchant, world, status, id);
CREATE INDEX orders_by_reference ON orders (merchant, world, reference, id) WHERE reference IS NOT NULL;
CREATE INDEX orders_by_customer ON orders (merchant, world, customer, id) WHERE customer IS NOT NULL;
CREATE INDEX orders_by_purpose ON orders (merchant, world, purpose, id) WHERE purpose IS NOT NULL;
-- For operators, who search the orders of all merchants. The world is not the first column: for a list without
-- filters the planner would prefer such an index to the primary key.
CREATE INDEX orders_of_all ON orders (world, id, created_at);
CREATE INDEX orders_of_all_by_account ON orders (account, world, id);
CREATE INDEX orders_of_all_by_adapter ON orders (adapter, world, id);
CREATE INDEX orders_of_all_by_status ON orders (status, world, id);
CREATE INDEX orders_of_all_by_reference ON orders (reference, world, id) WHERE reference IS NOT NULL;
CREATE INDEX orders_of_all_by_customer ON orders (customer, world, id) WHERE customer IS NOT NULL;
CREATE INDEX orders_of_all_by_purpose ON orders (world, purpose, id) WHERE purpose IS NOT NULL;

-- The provider's id (native) of one of the merchant's ids, at one account.
CREATE TABLE links (
    merchant TEXT NOT NULL,
    world    TEXT NOT NULL CHECK (world IN ('test', 'live')),
    kind     TEXT NOT NULL CHECK (kind IN ('customers', 'products', 'payment_methods')),
    id       TEXT NOT NULL,
    account  TEXT NOT NULL,
    native   TEXT NOT NULL,
    PRIMARY KEY (merchant, world, kind, id, account)
);

CREATE INDEX links_by_native ON links (account, kind, native, merchant, world, id);

CREATE TABLE api_keys (
    id           TEXT PRIMARY KEY,
    secret_hash  BLOB NOT NULL UNIQUE,
    revoked_at   INTEGER,
    record       BLOB NOT NULL,
    -- Approximate: it is written once in a while.
    last_used_at INTEGER
);

-- The sessions of the console, by the hash of the browser's token.
CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY,
    key_id     TEXT NOT NULL,
    expires_at INTEGER NOT NULL
);

CREATE INDEX sessions_by_key ON sessions (key_id, expires_at);
CREATE INDEX sessions_expiring ON sessions (expires_at);

-- The processes that have the journal open.
CREATE TABLE nodes (
    id          TEXT PRIMARY KEY,
    lease_until INTEGER NOT NULL,
    -- 1 for a process that serves. Serving processes share the providers' rate limits; commands do not count.
    serves      INTEGER NOT NULL DEFAULT 1
);

CREATE TABLE comparisons (
    id              TEXT PRIMARY KEY,
    merchant        TEXT NOT NULL,
    world           TEXT NOT NULL CHECK (world IN ('test', 'live')),
    idempotency_key TEXT,
    reference       TEXT,
    created_at      INTEGER NOT NULL,
    -- 0 if a retry of the key may still learn more.
    ended           INTEGER NOT NULL,
    record          BLOB NOT NULL,
    -- The document that the API returns; NULL until it exists.
    body            BLOB
);

CREATE UNIQUE INDEX comparisons_by_key ON comparisons (merchant, world, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX comparisons_by_merchant ON comparisons (merchant, world, id);
CREATE INDEX comparisons_of_all ON comparisons (world, id);
-- The redaction of an order redacts the comparisons with its reference too.
CREATE INDEX comparisons_by_reference ON comparisons (merchant, world, reference) WHERE reference IS NOT NULL;
CREATE INDEX comparisons_by_time ON comparisons (created_at);

-- Counts of shadow translations.
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

-- The events of orders, for merchants.
CREATE TABLE events (
    -- Increases within one order. Events of different orders may become visible in another sequence.
    arrival    INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    merchant   TEXT NOT NULL,
    world      TEXT NOT NULL CHECK (world IN ('test', 'live')),
    -- The purpose of the order, or empty. Each purpose has a feed of its own.
    purpose    TEXT NOT NULL,
    order_id   TEXT NOT NULL,
    type       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- The place in the feed; NULL until the outbox numbers the committed event.
    number     INTEGER,
    record     BLOB NOT NULL
);

CREATE UNIQUE INDEX events_by_number ON events (merchant, world, purpose, number) WHERE number IS NOT NULL;
CREATE INDEX events_unnumbered ON events (merchant, world, purpose, arrival) WHERE number IS NULL;
CREATE INDEX events_by_type ON events (merchant, world, purpose, type, number) WHERE number IS NOT NULL;
CREATE INDEX events_by_order ON events (order_id, arrival);

-- The last number of each feed.
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

-- The secrets are not hashed: a signature needs the whole secret.
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
    -- The number of the event in its feed.
    number      INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    -- Failed tries since the delivery was last queued.
    failures    INTEGER NOT NULL,
    -- When the next try is due; NULL during a try, behind an earlier delivery of the order, and after the last try.
    due_at      INTEGER,
    -- The process that makes the try. After the lease of that process in nodes, another one may acquire it.
    owner       TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    record      BLOB NOT NULL,
    UNIQUE (endpoint_id, event_id)
);

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (endpoint_id, order_id, number)
    WHERE state = 'pending';
-- The count and the age of what an endpoint has not received: the metrics read them.
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (endpoint_id, created_at) WHERE state = 'pending';
-- The deliveries behind an earlier delivery of the same order.
CREATE INDEX webhook_deliveries_held ON webhook_deliveries (endpoint_id, number)
    WHERE state = 'pending' AND due_at IS NULL AND owner IS NULL;
CREATE INDEX webhook_deliveries_taken ON webhook_deliveries (endpoint_id, owner) WHERE owner IS NOT NULL;
CREATE INDEX webhook_deliveries_by_number ON webhook_deliveries (endpoint_id, number);
CREATE INDEX webhook_deliveries_failed ON webhook_deliveries (endpoint_id, number) WHERE state = 'failed';
CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint_id, id);
CREATE INDEX webhook_deliveries_by_endpoint_and_state ON webhook_deliveries (endpoint_id, state, id);
CREATE INDEX webhook_deliveries_by_merchant ON webhook_deliveries (merchant, world, id);
CREATE INDEX webhook_deliveries_by_merchant_and_state ON webhook_deliveries (merchant, world, state, id);
CREATE INDEX webhook_deliveries_of_all ON webhook_deliveries (world, id);
CREATE INDEX webhook_deliveries_of_all_by_state ON webhook_deliveries (world, state, id);
CREATE INDEX webhook_deliveries_by_event ON webhook_deliveries (event_id);
CREATE INDEX webhook_deliveries_by_order ON webhook_deliveries (order_id);
CREATE INDEX webhook_deliveries_to_prune ON webhook_deliveries (updated_at) WHERE state <> 'pending';

-- The events of providers, from webhooks and from feeds.
CREATE TABLE provider_events (
    number      INTEGER PRIMARY KEY,
    account     TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    type        TEXT NOT NULL,
    -- The resync job of the event: 'order ' and the provider's id, or 'operation ' and the id of the operation. NULL if
    -- the event names no order.
    subject     TEXT,
    webhook     INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'parked', 'processed')),
    received_at INTEGER NOT NULL,
    record      BLOB NOT NULL,
    -- The exact bytes of the webhook; NULL for an event of a feed, and after the order was redacted.
    body        BLOB
);

CREATE UNIQUE INDEX provider_events_by_id ON provider_events (account, event_id);
CREATE INDEX provider_events_by_subject ON provider_events (account, subject);
CREATE INDEX provider_events_open ON provider_events (account, state) WHERE state <> 'processed';
CREATE INDEX provider_events_received ON provider_events (account, received_at) WHERE webhook = 1;
CREATE INDEX provider_events_to_prune ON provider_events (received_at) WHERE state <> 'waiting';

-- The resync jobs: the orders to read from their provider again.
CREATE TABLE resync_jobs (
    account   TEXT NOT NULL,
    subject   TEXT NOT NULL,
    -- How many events have queued the job. A read that started before the last event does not finish the job.
    notified    INTEGER NOT NULL,
    tries     INTEGER NOT NULL DEFAULT 0,
    -- 1 if no merchant has the order.
    parked    INTEGER NOT NULL DEFAULT 0,
    -- When the order is read next; NULL until the next event.
    due_at    INTEGER,
    resynced_at INTEGER,
    -- The process that works on the job. After the lease of that process in nodes, another one may acquire it.
    owner     TEXT,
    PRIMARY KEY (account, subject)
);

CREATE INDEX resync_jobs_due ON resync_jobs (account, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX resync_jobs_to_prune ON resync_jobs (resynced_at) WHERE due_at IS NULL;

-- The polls of the accounts' feeds: one process polls an account at a time.
CREATE TABLE account_polls (
    account   TEXT PRIMARY KEY,
    due_at    INTEGER NOT NULL,
    -- When the last poll of the whole feed started.
    walked_at INTEGER NOT NULL,
    owner     TEXT
);

-- The last time of the host's clock, and the uptime of the host at that time, both in milliseconds.
CREATE TABLE host_time (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    boot     TEXT NOT NULL,
    uptime   INTEGER NOT NULL,
    at       INTEGER NOT NULL
);

-- Statistics for the planner, which counts nothing by itself: the rows of each index in a large journal, and the rows
-- that remain after its first column, its first two columns, and so on. Nearly all rows belong to one merchant, in one
-- world, at few accounts.
ANALYZE nodes;
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('orders', 'orders_by_merchant', '1000000 500000 500000 1 1'),
    ('orders', 'orders_by_account', '1000000 500000 500000 250000 1'),
    ('orders', 'orders_by_adapter', '1000000 500000 500000 250000 1'),
    ('orders', 'orders_by_status', '1000000 500000 500000 100000 1'),
    ('orders', 'orders_by_reference', '1000000 500000 500000 2 1'),
    ('orders', 'orders_by_customer', '1000000 500000 500000 10 1'),
    ('orders', 'orders_by_purpose', '1000 500 500 500 1'),
    ('orders', 'orders_by_provider_id', '1000000 250000 1'),
    ('orders', 'orders_newest', '1000000 250000 1'),
    ('orders', 'orders_by_age', '500000 250000 1'),
    ('orders', 'orders_by_payment', '1000000 250000 1'),
    ('orders', 'orders_of_all', '1000000 500000 1 1'),
    ('orders', 'orders_of_all_by_account', '1000000 250000 250000 1'),
    ('orders', 'orders_of_all_by_adapter', '1000000 500000 250000 1'),
    ('orders', 'orders_of_all_by_purpose', '1000 500 500 1'),
    ('orders', 'orders_of_all_by_reference', '1000000 2 2 1'),
    ('orders', 'orders_of_all_by_customer', '1000000 10 10 1'),
    ('orders', 'orders_of_all_by_status', '1000000 200000 100000 1'),
    ('operations', 'operations_by_key', '100000 50000 50000 50000 25000 1'),
    ('operations', 'operations_unsettled', '100 1'),
    ('operations', 'operations_by_reference', '1000000 500000 500000 2 1'),
    ('operations', 'operations_by_state', '1000000 500000 250000 1'),
    ('operations', 'operations_by_order', '1000000 5 1'),
    ('operations', 'operations_due', '100 1'),
    ('operations', 'operations_to_prune', '100000 1'),
    ('operations', 'operations_owned', '100 10'),
    ('operations', 'operations_unsettled_of_account', '100 50'),
    ('operations', 'operations_by_merchant', '1000000 500000 500000 1'),
    ('operations', 'operations_by_merchant_and_state', '1000000 500000 500000 250000 1'),
    ('operations', 'operations_of_all', '1000000 500000 1'),
    ('comparisons', 'comparisons_by_key', '10000 5000 5000 1'),
    ('comparisons', 'comparisons_by_merchant', '10000 5000 5000 1'),
    ('comparisons', 'comparisons_by_reference', '10000 5000 5000 2'),
    ('comparisons', 'comparisons_by_time', '10000 1'),
    ('comparisons', 'comparisons_of_all', '10000 5000 1'),
    ('events', 'events_by_number', '1000000 500000 500000 500000 1'),
    ('events', 'events_unnumbered', '100 50 50 50 1'),
    ('events', 'events_by_type', '1000000 500000 500000 500000 250000 1'),
    ('events', 'events_by_order', '1000000 5 1'),
    ('webhook_deliveries', 'sqlite_autoindex_webhook_deliveries_2', '1000000 250000 1'),
    ('webhook_deliveries', 'webhook_deliveries_due', '100 50 1'),
    ('webhook_deliveries', 'webhook_deliveries_pending', '1000 500 2 1'),
    ('webhook_deliveries', 'webhook_deliveries_held', '1000 500 1'),
    ('webhook_deliveries', 'webhook_deliveries_taken', '100 50 10'),
    ('webhook_deliveries', 'webhook_deliveries_by_number', '1000000 250000 1'),
    ('webhook_deliveries', 'webhook_deliveries_failed', '1000 500 1'),
    ('webhook_deliveries', 'webhook_deliveries_by_merchant', '1000000 500000 500000 1'),
    ('webhook_deliveries', 'webhook_deliveries_by_event', '1000000 2'),
    ('webhook_deliveries', 'webhook_deliveries_by_order', '1000000 5'),
    ('webhook_deliveries', 'webhook_deliveries_to_prune', '1000000 1'),
    ('webhook_deliveries', 'webhook_deliveries_by_endpoint', '1000000 250000 1'),
    ('webhook_deliveries', 'webhook_deliveries_by_endpoint_and_state', '1000000 250000 100000 1'),
    ('webhook_deliveries', 'webhook_deliveries_by_merchant_and_state', '1000000 500000 500000 250000 1'),
    ('webhook_deliveries', 'webhook_deliveries_of_all', '1000000 500000 1'),
    ('webhook_deliveries', 'webhook_deliveries_of_all_by_state', '1000000 500000 250000 1'),
    ('links', 'links_by_native', '1000000 250000 100000 1 1 1 1'),
    ('links', 'sqlite_autoindex_links_1', '1000000 500000 500000 250000 1 1'),
    ('provider_events', 'provider_events_by_id', '1000000 250000 1'),
    ('provider_events', 'provider_events_by_subject', '1000000 250000 5'),
    ('provider_events', 'provider_events_open', '100 50 50'),
    ('provider_events', 'provider_events_received', '500000 250000 1'),
    ('provider_events', 'provider_events_to_prune', '1000000 1'),
    ('resync_jobs', 'resync_jobs_due', '100 50 1'),
    ('resync_jobs', 'resync_jobs_to_prune', '1000000 1'),
    ('resync_jobs', 'sqlite_autoindex_resync_jobs_1', '1000000 250000 1');

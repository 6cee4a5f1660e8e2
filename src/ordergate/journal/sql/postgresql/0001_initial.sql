-- The tables of the journal. Both databases have the same tables and the same schema version.
--
-- Times are Unix milliseconds, UTC. Times that processes compare come from the clock of the database server.
-- A record is a JSON document; the columns beside it repeat the values that statements search for.
-- A table whose rows change has free room on its pages, so that a change that no index holds stays on its page. Such a
-- table is vacuumed after changes of a twentieth of its rows, not of a fifth.
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
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    record          BYTEA NOT NULL,
    request         BYTEA,
    response_status INTEGER,
    response_body   BYTEA,
    account         TEXT,
    attempts        INTEGER NOT NULL,
    work            BYTEA,
    -- The process that works on the operation. After the lease of that process in nodes, another one may acquire it.
    owner           TEXT,
    -- The provider's id of the account's newest known order at the time of the claim: a list probe starts there.
    newest_order    TEXT,
    -- After this time no sent request can still arrive at the provider.
    settles_at      BIGINT,
    -- When recovery works on the operation next; NULL for never.
    due_at          BIGINT,
    -- One JSON line for each exchange with the provider; NULL after the operation was redacted or pruned.
    exchanges       BYTEA,
    -- 1 if the caller may have got an answer without the outcome: an event reports the outcome when it settles.
    awaited         INTEGER NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor = 0.05);

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

-- Every reference that an operation was ever claimed with. A claim that adds its reference needs no search for
-- duplicates; any other one locks the row first.
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
    created_at        BIGINT NOT NULL,
    revision          INTEGER NOT NULL,
    record            BYTEA NOT NULL,
    -- When the order was last read from the provider; NULL for never.
    synced_at         BIGINT,
    -- The provider's id of the last payment: some provider events contain no other id.
    payment_id        TEXT,
    -- synced_at in periods of five minutes. A refresh that changes nothing else leaves the indexes as they are.
    synced_period     BIGINT GENERATED ALWAYS AS (synced_at / 300000) STORED
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX orders_by_provider_id ON orders (account, provider_order_id);
CREATE INDEX orders_by_payment ON orders (account, payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX orders_newest ON orders (account, created_at);
CREATE INDEX orders_by_age ON orders (account, synced_period)
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
    secret_hash  BYTEA NOT NULL UNIQUE,
    revoked_at   BIGINT,
    record       BYTEA NOT NULL,
    -- Approximate: it is written once in a while.
    last_used_at BIGINT
) WITH (fillfactor = 80);

-- The sessions of the console, by the hash of the browser's token.
CREATE TABLE sessions (
    token_hash BYTEA PRIMARY KEY,
    key_id     TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX sessions_by_key ON sessions (key_id, expires_at);
CREATE INDEX sessions_expiring ON sessions (expires_at);

-- The processes that have the journal open.
CREATE TABLE nodes (
    id          TEXT PRIMARY KEY,
    lease_until BIGINT NOT NULL,
    -- 1 for a process that serves. Serving processes share the providers' rate limits; commands do not count.
    serves      INTEGER NOT NULL DEFAULT 1
) WITH (fillfactor = 50);

-- A row exists during one transaction. Two transactions that insert the same name run one after the other.
CREATE TABLE locks (
    name TEXT PRIMARY KEY
);

CREATE TABLE comparisons (
    id              TEXT PRIMARY KEY,
    merchant        TEXT NOT NULL,
    world           TEXT NOT NULL CHECK (world IN ('test', 'live')),
    idempotency_key TEXT,
    reference       TEXT,
    created_at      BIGINT NOT NULL,
    -- 0 if a retry of the key may still learn more.
    ended           INTEGER NOT NULL,
    record          BYTEA NOT NULL,
    -- The document that the API returns; NULL until it exists.
    body            BYTEA
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
    orders   BIGINT NOT NULL,
    last_at  BIGINT NOT NULL,
    PRIMARY KEY (world, merchant, account, kind, code, pointer)
);

-- The events of orders, for merchants.
CREATE TABLE events (
    -- Increases within one order. Events of different orders may become visible in another sequence.
    arrival    BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    merchant   TEXT NOT NULL,
    world      TEXT NOT NULL CHECK (world IN ('test', 'live')),
    -- The purpose of the order, or empty. Each purpose has a feed of its own.
    purpose    TEXT NOT NULL,
    order_id   TEXT NOT NULL,
    type       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- The place in the feed; NULL until the outbox numbers the committed event.
    number     BIGINT,
    record     BYTEA NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE UNIQUE INDEX events_by_number ON events (merchant, world, purpose, number) WHERE number IS NOT NULL;
CREATE INDEX events_unnumbered ON events (merchant, world, purpose, arrival) WHERE number IS NULL;
CREATE INDEX events_by_type ON events (merchant, world, purpose, type, number) WHERE number IS NOT NULL;
CREATE INDEX events_by_order ON events (order_id, arrival);

-- The last number of each feed.
CREATE TABLE feeds (
    merchant TEXT NOT NULL,
    world    TEXT NOT NULL,
    purpose  TEXT NOT NULL,
    number   BIGINT NOT NULL,
    PRIMARY KEY (merchant, world, purpose)
) WITH (fillfactor = 50);

CREATE TABLE webhook_endpoints (
    id       TEXT PRIMARY KEY,
    merchant TEXT NOT NULL,
    world    TEXT NOT NULL CHECK (world IN ('test', 'live')),
    enabled  INTEGER NOT NULL,
    record   BYTEA NOT NULL
);

CREATE INDEX webhook_endpoints_by_merchant ON webhook_endpoints (merchant, world, id);

-- The secrets are not hashed: a signature needs the whole secret.
CREATE TABLE webhook_secrets (
    endpoint_id TEXT NOT NULL,
    secret      TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    ends_at     BIGINT,
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
    number      BIGINT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    -- Failed tries since the delivery was last queued.
    failures    INTEGER NOT NULL,
    -- When the next try is due; NULL during a try, behind an earlier delivery of the order, and after the last try.
    due_at      BIGINT,
    -- The process that makes the try. After the lease of that process in nodes, another one may acquire it.
    owner       TEXT,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    record      BYTEA NOT NULL,
    UNIQUE (endpoint_id, event_id)
) WITH (autovacuum_vacuum_scale_factor = 0.05);

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
    number      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account     TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    type        TEXT NOT NULL,
    -- The resync job of the event: 'order ' and the provider's id, or 'operation ' and the id of the operation. NULL if
    -- the event names no order.
    subject     TEXT,
    webhook     INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'parked', 'processed')),
    received_at BIGINT NOT NULL,
    record      BYTEA NOT NULL,
    -- The exact bytes of the webhook; NULL for an event of a feed, and after the order was redacted.
    body        BYTEA
) WITH (autovacuum_vacuum_scale_factor = 0.05);

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
    due_at    BIGINT,
    resynced_at BIGINT,
    -- The process that works on the job. After the lease of that process in nodes, another one may acquire it.
    owner     TEXT,
    PRIMARY KEY (account, subject)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX resync_jobs_due ON resync_jobs (account, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX resync_jobs_to_prune ON resync_jobs (resynced_at) WHERE due_at IS NULL;

-- The polls of the accounts' feeds: one process polls an account at a time.
CREATE TABLE account_polls (
    account   TEXT PRIMARY KEY,
    due_at    BIGINT NOT NULL,
    -- When the last poll of the whole feed started.
    walked_at BIGINT NOT NULL,
    owner     TEXT
) WITH (fillfactor = 50);

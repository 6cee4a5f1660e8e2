-- What providers tell of orders, by webhooks and in feeds; what is looked at because of it; whose turn a feed is.

CREATE TABLE provider_events (
    number      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account     TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    type        TEXT NOT NULL,
    -- What is looked at because of it: 'order ' and the provider's id, or 'operation ' and ours; NULL for nothing.
    subject     TEXT,
    webhook     INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'parked', 'processed')),
    received_at BIGINT NOT NULL,
    record      BYTEA NOT NULL,
    -- The exact bytes that came; NULL for what stood in a feed, and once its order was redacted.
    body        BYTEA
);

CREATE UNIQUE INDEX provider_events_by_id ON provider_events (account, event_id);
CREATE INDEX provider_events_by_subject ON provider_events (account, subject);
CREATE INDEX provider_events_open ON provider_events (account, state) WHERE state <> 'processed';
CREATE INDEX provider_events_received ON provider_events (account, received_at) WHERE webhook = 1;
CREATE INDEX provider_events_to_prune ON provider_events (received_at) WHERE state <> 'waiting';

CREATE TABLE event_subjects (
    account   TEXT NOT NULL,
    subject   TEXT NOT NULL,
    -- How often it was told of; a look that began before the last time is not the last.
    told      INTEGER NOT NULL,
    tries     INTEGER NOT NULL DEFAULT 0,
    parked    INTEGER NOT NULL DEFAULT 0,
    -- When it is looked at; NULL for not until it is told of again.
    due_at    BIGINT,
    looked_at BIGINT,
    -- The process that looks at it; another may once that one's lease in nodes has ended.
    owner     TEXT,
    PRIMARY KEY (account, subject)
);

CREATE INDEX event_subjects_due ON event_subjects (account, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX event_subjects_to_prune ON event_subjects (looked_at) WHERE due_at IS NULL;

CREATE TABLE account_polls (
    account   TEXT PRIMARY KEY,
    due_at    BIGINT NOT NULL,
    -- When the last whole walk through the account's feed began.
    walked_at BIGINT NOT NULL,
    owner     TEXT
);

-- When the provider was last asked for an order; NULL for before this column.
ALTER TABLE orders ADD COLUMN synced_at BIGINT;
CREATE INDEX orders_by_age ON orders (account, synced_at)
    WHERE status IN ('open', 'pending', 'partially_paid', 'paid', 'review');
-- The provider's id of the last payment: some events name nothing else.
ALTER TABLE orders ADD COLUMN payment_id TEXT;
CREATE INDEX orders_by_payment ON orders (account, payment_id) WHERE payment_id IS NOT NULL;

-- An index for each statement that runs by itself, and for each filter of a list, so that none visits more rows as the
-- journal grows.

-- Operations that a process works on: each process looks among them every few seconds.
CREATE INDEX operations_owned ON operations (owner) WHERE owner IS NOT NULL;
-- Operations that an account cannot be removed for.
CREATE INDEX operations_unsettled_of_account ON operations (account)
    WHERE state IN ('in_progress', 'unknown') OR due_at IS NOT NULL;

-- Lists are sorted by id, so each of their indexes ends with it; one that holds created_at behind it compares times
-- without a look at the row.
CREATE INDEX operations_by_merchant ON operations (merchant, world, id);
CREATE INDEX operations_by_merchant_and_state ON operations (merchant, world, state, id);
CREATE INDEX operations_of_all ON operations (world, id);

DROP INDEX orders_by_merchant;
CREATE INDEX orders_by_merchant ON orders (merchant, world, id, created_at);
CREATE INDEX orders_by_account ON orders (merchant, world, account, id);
CREATE INDEX orders_by_adapter ON orders (merchant, world, adapter, id);
CREATE INDEX orders_by_purpose ON orders (merchant, world, purpose, id) WHERE purpose IS NOT NULL;
CREATE INDEX orders_of_all ON orders (world, id, created_at);
CREATE INDEX orders_of_all_by_account ON orders (account, world, id);
CREATE INDEX orders_of_all_by_adapter ON orders (adapter, world, id);
CREATE INDEX orders_of_all_by_purpose ON orders (world, purpose, id) WHERE purpose IS NOT NULL;

CREATE INDEX comparisons_of_all ON comparisons (world, id);

CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint_id, id);
CREATE INDEX webhook_deliveries_by_endpoint_and_state ON webhook_deliveries (endpoint_id, state, id);
CREATE INDEX webhook_deliveries_by_merchant_and_state ON webhook_deliveries (merchant, world, state, id);
CREATE INDEX webhook_deliveries_of_all ON webhook_deliveries (world, id);
CREATE INDEX webhook_deliveries_of_all_by_state ON webhook_deliveries (world, state, id);

-- Deliveries that an earlier one of their order holds back.
CREATE INDEX webhook_deliveries_held ON webhook_deliveries (endpoint_id, number)
    WHERE state = 'pending' AND due_at IS NULL AND owner IS NULL;
DROP INDEX webhook_deliveries_taken;
CREATE INDEX webhook_deliveries_taken ON webhook_deliveries (endpoint_id, owner) WHERE owner IS NOT NULL;

DROP INDEX links_by_native;
CREATE INDEX links_by_native ON links (account, kind, native, merchant, world, id);

-- An order that was never read is the first to be read: as if that had been long ago.
UPDATE orders SET synced_at = 0 WHERE synced_at IS NULL;

-- What the host's clock said last, in milliseconds, with the seconds since the host was started, also in milliseconds.
CREATE TABLE host_time (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    boot     TEXT NOT NULL,
    uptime   INTEGER NOT NULL,
    at       INTEGER NOT NULL
);

-- What the planner is told of the indexes, for it counts nothing by itself: how many rows a large journal has, and how
-- many of them the first columns of an index leave. Nearly all are one merchant's, in one world, at few accounts.
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
    ('event_subjects', 'event_subjects_due', '100 50 1'),
    ('event_subjects', 'event_subjects_to_prune', '1000000 1'),
    ('event_subjects', 'sqlite_autoindex_event_subjects_1', '1000000 250000 1');

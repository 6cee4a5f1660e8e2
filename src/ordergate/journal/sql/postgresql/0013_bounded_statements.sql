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

-- Orders. See operations.sql for the rules of these files.

-- An operation of the order that is unsettled, or that recovery will probe again.
-- name: unsettled_or_due_operation
SELECT record FROM operations
WHERE order_id = :order_id
  AND (state IN ('in_progress', 'unknown') OR due_at IS NOT NULL OR owner IS NOT NULL)
ORDER BY id LIMIT 1;

-- The refusal of a provider stays: without it, a retry of the key would be sent again.
-- name: redact_operations
UPDATE operations SET request = NULL, work = NULL, exchanges = NULL,
                      response_status = CASE WHEN state = 'failed' THEN response_status END,
                      response_body = CASE WHEN state = 'failed' THEN response_body END
WHERE order_id = :order_id AND state IN ('succeeded', 'failed');

-- The operations at the other accounts of a comparison. Each order is redacted by itself.
-- name: redact_comparison_operations
UPDATE operations SET request = NULL, work = NULL, exchanges = NULL,
                      response_status = CASE WHEN state = 'failed' THEN response_status END,
                      response_body = CASE WHEN state = 'failed' THEN response_body END
WHERE merchant = :merchant AND world = :world AND method = 'POST' AND path = '/v1/comparisons'
  AND idempotency_key LIKE :keys AND state IN ('succeeded', 'failed');

-- name: unsettled_comparison_operation
SELECT record FROM operations
WHERE merchant = :merchant AND world = :world AND method = 'POST' AND path = '/v1/comparisons'
  AND idempotency_key LIKE :keys
  AND (state IN ('in_progress', 'unknown') OR due_at IS NOT NULL OR owner IS NOT NULL)
ORDER BY id LIMIT 1;

-- name: order_by_id
SELECT record, revision FROM orders WHERE id = :id;

-- name: save_order
INSERT INTO orders (id, merchant, world, account, adapter, provider_order_id, status, reference, customer,
                    purpose, created_at, synced_at, payment_id, revision, record)
VALUES (:id, :merchant, :world, :account, :adapter, :provider_order_id, :status, :reference, :customer,
        :purpose, :created_at, :synced_at, :payment_id, 1, :record)
ON CONFLICT (id) DO UPDATE SET provider_order_id = excluded.provider_order_id, status = excluded.status,
    customer = excluded.customer, synced_at = excluded.synced_at, payment_id = excluded.payment_id,
    revision = orders.revision + 1, record = excluded.record;

-- name: update_order
UPDATE orders SET status = :status, customer = :customer, synced_at = :synced_at,
                  payment_id = :payment_id, revision = revision + 1, record = :record
WHERE id = :id AND revision = :revision
RETURNING revision;

-- name: open_orders_of_account
SELECT count(*) FROM orders
WHERE account = :account AND status IN ('open', 'pending', 'partially_paid', 'paid', 'review');

-- name: unsettled_of_account
SELECT count(*) FROM operations
WHERE account = :account AND (state IN ('in_progress', 'unknown') OR due_at IS NOT NULL);

-- name: imported_order
SELECT record FROM orders WHERE account = :account AND provider_order_id = :provider_order_id
ORDER BY id DESC LIMIT 1;

-- name: known_order
SELECT 1 FROM orders WHERE account = :account AND provider_order_id = :provider_order_id LIMIT 1;

-- The key stays taken: a retry must not create the orders again.
-- name: redact_comparison
UPDATE comparisons SET body = NULL, ended = 1 WHERE id = :id;

-- name: redact_comparisons_of_reference
UPDATE comparisons SET body = NULL, ended = 1
WHERE merchant = :merchant AND world = :world AND reference = :reference;

-- name: redact_provider_events
UPDATE provider_events SET body = NULL
WHERE account = :account AND body IS NOT NULL AND subject IN (
    SELECT CAST(:subject AS TEXT) UNION ALL SELECT 'operation ' || id FROM operations WHERE order_id = :order_id);

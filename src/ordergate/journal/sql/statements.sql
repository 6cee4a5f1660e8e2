-- name: operation_by_key
SELECT record, response_status, response_body, id, created_at FROM operations
WHERE merchant = :merchant AND world = :world AND method = :method AND path = :path
  AND idempotency_key = :idempotency_key;

-- name: operation_by_id
SELECT record FROM operations WHERE id = :id;

-- name: operation_by_reference
SELECT record FROM operations
WHERE merchant = :merchant AND world = :world AND reference = :reference
  AND (created_at >= :since OR state IN ('in_progress', 'unknown'))
  AND state <> 'failed' AND id <> :id
  AND (:unknown_only = 0 OR state = 'unknown')
ORDER BY created_at LIMIT 1;

-- name: unsettled_operation
SELECT record FROM operations
WHERE order_id = :order_id AND state IN ('in_progress', 'unknown');

-- name: expire_key
UPDATE operations SET idempotency_key = NULL WHERE id = :id;

-- name: insert_operation
INSERT INTO operations (id, merchant, world, kind, method, path, idempotency_key, content_hash, order_id,
                        reference, state, created_at, updated_at, record, request, baseline)
VALUES (:id, :merchant, :world, :kind, :method, :path, :idempotency_key, :content_hash, :order_id,
        :reference, :state, :created_at, :updated_at, :record, :request, :baseline);

-- name: reopen_operation
UPDATE operations SET state = :state, updated_at = :updated_at, record = :record, request = :request,
                      baseline = :baseline, order_id = :order_id, response_status = NULL, response_body = NULL
WHERE id = :id;

-- name: settle_operation
UPDATE operations SET state = :state, updated_at = :updated_at, record = :record,
                      request = CASE WHEN :state = 'succeeded' THEN NULL ELSE request END,
                      response_status = :response_status, response_body = :response_body
WHERE id = :id;

-- name: running_operations
SELECT record FROM operations WHERE state = 'in_progress';

-- name: order_by_id
SELECT record, revision FROM orders WHERE id = :id;

-- name: order_revision
SELECT revision FROM orders WHERE id = :id;

-- name: save_order
INSERT INTO orders (id, merchant, world, account, adapter, provider_order_id, status, reference, customer,
                    purpose, created_at, revision, record)
VALUES (:id, :merchant, :world, :account, :adapter, :provider_order_id, :status, :reference, :customer,
        :purpose, :created_at, 1, :record)
ON CONFLICT (id) DO UPDATE SET provider_order_id = excluded.provider_order_id, status = excluded.status,
    customer = excluded.customer, revision = orders.revision + 1, record = excluded.record;

-- name: adopted_order
SELECT record FROM orders WHERE account = :account AND provider_order_id = :provider_order_id
ORDER BY id DESC LIMIT 1;

-- name: put_link
INSERT INTO links (merchant, world, kind, id, account, native)
VALUES (:merchant, :world, :kind, :id, :account, :native)
ON CONFLICT (merchant, world, kind, id, account) DO UPDATE SET native = excluded.native;

-- name: links_of_id
SELECT account, native FROM links
WHERE merchant = :merchant AND world = :world AND kind = :kind AND id = :id ORDER BY account;

-- name: delete_links
DELETE FROM links WHERE merchant = :merchant AND world = :world AND kind = :kind AND id = :id;

-- name: native_id
SELECT native FROM links
WHERE merchant = :merchant AND world = :world AND kind = :kind AND id = :id AND account = :account;

-- name: merchant_id
SELECT id FROM links
WHERE account = :account AND kind = :kind AND native = :native AND merchant = :merchant AND world = :world
ORDER BY id LIMIT 1;

-- name: add_key
INSERT INTO api_keys (id, secret_hash, record) VALUES (:id, :secret_hash, :record);

-- name: find_key
SELECT record FROM api_keys WHERE secret_hash = :secret_hash;

-- name: all_keys
SELECT record FROM api_keys ORDER BY id;

-- name: key_by_id
SELECT record FROM api_keys WHERE id = :id;

-- name: replace_key
UPDATE api_keys SET record = :record, revoked_at = :revoked_at WHERE id = :id;

-- name: ping
SELECT 1 FROM api_keys LIMIT 1;

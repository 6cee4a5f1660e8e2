-- Webhook endpoints and their secrets. See operations.sql for the rules of these files.

-- name: count_endpoints
SELECT count(*) FROM webhook_endpoints WHERE merchant = :merchant AND world = :world;

-- name: insert_endpoint
INSERT INTO webhook_endpoints (id, merchant, world, enabled, record)
VALUES (:id, :merchant, :world, :enabled, :record);

-- name: endpoint_by_id
SELECT record FROM webhook_endpoints WHERE id = :id;

-- name: endpoint_to_change
SELECT record FROM webhook_endpoints WHERE id = :id;

-- name: replace_endpoint
UPDATE webhook_endpoints SET enabled = :enabled, record = :record WHERE id = :id;

-- name: delete_endpoint
DELETE FROM webhook_endpoints WHERE id = :id RETURNING id;

-- name: delete_secrets
DELETE FROM webhook_secrets WHERE endpoint_id = :id;

-- name: delete_deliveries
DELETE FROM webhook_deliveries WHERE endpoint_id = :id;

-- name: insert_secret
INSERT INTO webhook_secrets (endpoint_id, secret, created_at, ends_at) VALUES (:id, :secret, :now, :ends_at);

-- name: end_secrets
UPDATE webhook_secrets SET ends_at = :ends_at
WHERE endpoint_id = :id AND (ends_at IS NULL OR ends_at > :ends_at);

-- name: delete_ended_secrets
DELETE FROM webhook_secrets WHERE endpoint_id = :id AND ends_at <= :now;

-- name: keep_newest_secrets
DELETE FROM webhook_secrets WHERE endpoint_id = :id AND secret NOT IN (
    SELECT secret FROM webhook_secrets WHERE endpoint_id = :id
    ORDER BY CASE WHEN ends_at IS NULL THEN 0 ELSE 1 END, created_at DESC, secret LIMIT :kept);

-- name: secrets_of_endpoint
SELECT secret, ends_at FROM webhook_secrets WHERE endpoint_id = :id AND (ends_at IS NULL OR ends_at > :now)
ORDER BY CASE WHEN ends_at IS NULL THEN 0 ELSE 1 END, created_at DESC;

-- name: due_endpoints
SELECT id FROM (
    SELECT id, (SELECT min(due_at) FROM webhook_deliveries
                WHERE endpoint_id = webhook_endpoints.id AND due_at IS NOT NULL) AS first_due
    FROM webhook_endpoints WHERE enabled = 1) AS waiting
WHERE first_due <= :now ORDER BY first_due;

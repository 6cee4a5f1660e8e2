-- Comparisons. See operations.sql for the rules of these files.

-- An expired key is free for another comparison.
-- name: free_comparison_key
UPDATE comparisons SET idempotency_key = NULL
WHERE merchant = :merchant AND world = :world AND idempotency_key = :idempotency_key AND created_at < :since;

-- name: comparison_by_key
SELECT record, body, ended FROM comparisons
WHERE merchant = :merchant AND world = :world AND idempotency_key = :idempotency_key;

-- name: insert_comparison
INSERT INTO comparisons (id, merchant, world, idempotency_key, reference, created_at, ended, record, body)
VALUES (:id, :merchant, :world, :idempotency_key, :reference, :created_at, :ended, :record, :body);

-- name: finish_comparison
UPDATE comparisons SET body = :body, ended = :ended WHERE id = :id AND ended = 0 RETURNING id;

-- name: comparison_by_id
SELECT record, body, ended FROM comparisons WHERE id = :id;

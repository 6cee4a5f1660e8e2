-- Operations: claim, attempt, settle. PostgreSQL needs these statements in another form.

-- A claim and a redaction of one order run one after the other: the second sees the effect of the first.
-- name: order_revision
SELECT revision FROM orders WHERE id = :id FOR SHARE;

-- name: prune_operations
UPDATE operations SET idempotency_key = NULL, request = NULL, work = NULL, exchanges = NULL,
                      response_status = NULL, response_body = NULL
WHERE id = ANY (ARRAY(
    SELECT id FROM operations
    WHERE state IN ('succeeded', 'failed') AND (idempotency_key IS NOT NULL OR request IS NOT NULL
        OR work IS NOT NULL OR response_status IS NOT NULL OR exchanges IS NOT NULL)
      AND updated_at < :since AND due_at IS NULL AND owner IS NULL
    ORDER BY updated_at LIMIT :limit
    FOR UPDATE SKIP LOCKED))
RETURNING id;

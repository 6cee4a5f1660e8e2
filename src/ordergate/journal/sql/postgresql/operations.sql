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

-- A concurrent claim that adds the reference, too, waits for this one. If only the operation is refused, the reference
-- stays: then a later claim of it searches for duplicates, and finds none.
-- name: insert_operation_of_new_reference
WITH new_reference AS (
    INSERT INTO order_references (merchant, world, reference) VALUES (:merchant, :world, :reference)
    ON CONFLICT DO NOTHING RETURNING reference)
INSERT INTO operations (id, merchant, world, kind, method, path, idempotency_key, content_hash, order_id,
                        reference, state, created_at, updated_at, record, request, work, account, attempts,
                        owner, awaited, settles_at, due_at, newest_order)
SELECT :id, :merchant, :world, :kind, :method, :path, :idempotency_key, :content_hash, :order_id,
       :reference, :state, :created_at, :updated_at, :record, :request, :work, :account, :attempts, :owner,
       :awaited, :now + :settling, :now,
       (SELECT provider_order_id FROM orders WHERE account = :account ORDER BY created_at DESC LIMIT 1)
FROM new_reference
WHERE NOT EXISTS (SELECT 1 FROM api_keys WHERE id = :api_key AND revoked_at IS NOT NULL)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: lock_reference
INSERT INTO order_references (merchant, world, reference) VALUES (:merchant, :world, :reference)
ON CONFLICT (merchant, world, reference) DO UPDATE SET reference = excluded.reference;

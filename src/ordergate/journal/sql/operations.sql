-- Operations: claim, attempt, settle.
--
-- A statement applies to both databases, unless postgresql/ has another one with the same name.
-- :now is the time in Unix milliseconds: for SQLite by the clock of this process, for PostgreSQL by the clock of the
-- server, so that the processes on several hosts agree about leases.

-- name: operation_by_key
SELECT record, response_status, response_body FROM operations
WHERE merchant = :merchant AND world = :world AND method = :method AND path = :path
  AND idempotency_key = :idempotency_key;

-- name: operation_by_id
SELECT record, response_status, response_body FROM operations WHERE id = :id;

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

-- name: operations_with_exchanges
SELECT record, work, request, exchanges FROM operations WHERE order_id = :order_id ORDER BY id;

-- name: exchanges_of_operation
SELECT exchanges FROM operations WHERE id = :id;

-- name: expire_key
UPDATE operations SET idempotency_key = NULL WHERE id = :id;

-- Returns no row if the key or the order already has an operation.
-- name: insert_operation
INSERT INTO operations (id, merchant, world, kind, method, path, idempotency_key, content_hash, order_id,
                        reference, state, created_at, updated_at, record, request, work, account, attempts,
                        owner, awaited, settles_at, due_at, newest_order)
SELECT :id, :merchant, :world, :kind, :method, :path, :idempotency_key, :content_hash, :order_id,
       :reference, :state, :created_at, :updated_at, :record, :request, :work, :account, :attempts, :owner,
       :awaited, :now + :settling, :now,
       (SELECT provider_order_id FROM orders WHERE account = :account ORDER BY created_at DESC LIMIT 1)
WHERE NOT EXISTS (SELECT 1 FROM api_keys WHERE id = :api_key AND revoked_at IS NOT NULL)
ON CONFLICT DO NOTHING
RETURNING id;

-- Returns no row if the key, the order or the reference already has an operation.
-- name: insert_operation_of_new_reference
INSERT INTO operations (id, merchant, world, kind, method, path, idempotency_key, content_hash, order_id,
                        reference, state, created_at, updated_at, record, request, work, account, attempts,
                        owner, awaited, settles_at, due_at, newest_order)
SELECT :id, :merchant, :world, :kind, :method, :path, :idempotency_key, :content_hash, :order_id,
       :reference, :state, :created_at, :updated_at, :record, :request, :work, :account, :attempts, :owner,
       :awaited, :now + :settling, :now,
       (SELECT provider_order_id FROM orders WHERE account = :account ORDER BY created_at DESC LIMIT 1)
WHERE NOT EXISTS (
    SELECT 1 FROM operations WHERE merchant = :merchant AND world = :world AND reference = :reference)
  AND NOT EXISTS (SELECT 1 FROM api_keys WHERE id = :api_key AND revoked_at IS NOT NULL)
ON CONFLICT DO NOTHING
RETURNING id;

-- Claims of a reference run one after the other. SQLite has a single writer, so they do anyway.
-- name: lock_reference
SELECT 1;

-- name: reopen_operation
UPDATE operations SET state = :state, updated_at = :updated_at, record = :record, request = :request,
                      work = :work, attempts = :attempts, owner = :owner, order_id = :order_id,
                      settles_at = :now + :settling, due_at = :now,
                      response_status = NULL, response_body = NULL, account = :account, awaited = :awaited,
                      newest_order = CASE WHEN account = :account THEN newest_order ELSE (
                          SELECT provider_order_id FROM orders WHERE orders.account = :account
                          ORDER BY orders.created_at DESC LIMIT 1) END
WHERE id = :id AND attempts = :attempts - 1 AND state = 'failed'
RETURNING id;

-- name: start_attempt
UPDATE operations SET state = 'in_progress', updated_at = :updated_at, record = :record, attempts = :attempts,
                      owner = :owner, settles_at = :now + :settling, due_at = :now
WHERE id = :id AND attempts = :attempts - 1 AND state IN ('in_progress', 'unknown')
  AND (owner IS NULL OR owner = :owner)
RETURNING id;

-- name: fail_over_operation
UPDATE operations SET updated_at = :updated_at, record = :record, attempts = :attempts, work = :work,
                      request = :request, account = :account, settles_at = :now + :settling, due_at = :now,
                      newest_order = (SELECT provider_order_id FROM orders WHERE account = :account
                                      ORDER BY created_at DESC LIMIT 1)
WHERE id = :id AND attempts = :attempts - 1 AND state = 'in_progress' AND owner = :holder
RETURNING id;

-- name: settle_operation
UPDATE operations SET state = :state, updated_at = :updated_at, record = :record,
                      request = CASE WHEN :state = 'succeeded' THEN NULL ELSE request END,
                      work = CASE WHEN :state = 'succeeded' THEN NULL ELSE work END,
                      response_status = :response_status, response_body = :response_body,
                      exchanges = COALESCE(:exchanges, exchanges),
                      owner = NULL, due_at = :now + :probe_in
WHERE id = :id AND attempts = :attempts
  AND ((:late = 0 AND state IN ('in_progress', 'unknown')) OR (:late = 1 AND state = 'failed'))
  AND (CAST(:holder AS TEXT) IS NULL OR owner = :holder)
RETURNING awaited;

-- A person resolved an operation that had succeeded. The time at which it settled stays.
-- name: save_resolution
UPDATE operations SET record = :record WHERE id = :id AND state = 'succeeded';

-- name: leave_unknown
UPDATE operations SET state = 'unknown', updated_at = :updated_at, record = :record, owner = NULL, awaited = 1,
                      exchanges = COALESCE(:exchanges, exchanges),
                      due_at = :now + :probe_in, settles_at = COALESCE(:now + :settles_in, settles_at)
WHERE id = :id AND attempts = :attempts AND owner = :holder AND state IN ('in_progress', 'unknown')
RETURNING id;

-- name: unknown_operations
SELECT count(*), COALESCE(:now - min(created_at), 0), count(*) - count(due_at) FROM operations
WHERE world IN ('test', 'live') AND state = 'unknown';

-- name: prune_operations
UPDATE operations SET idempotency_key = NULL, request = NULL, work = NULL, exchanges = NULL,
                      response_status = NULL, response_body = NULL
WHERE id IN (
    SELECT id FROM operations
    WHERE state IN ('succeeded', 'failed') AND (idempotency_key IS NOT NULL OR request IS NOT NULL
        OR work IS NOT NULL OR response_status IS NOT NULL OR exchanges IS NOT NULL)
      AND updated_at < :since AND due_at IS NULL AND owner IS NULL
    ORDER BY updated_at LIMIT :limit)
RETURNING id;

-- name: order_revision
SELECT revision FROM orders WHERE id = :id;

-- name: revoked_key
SELECT id FROM api_keys WHERE id = :api_key AND revoked_at IS NOT NULL;

-- name: prune_comparisons
DELETE FROM comparisons WHERE created_at < :since;

-- name: prune_shadows
DELETE FROM shadows WHERE last_at < :since;

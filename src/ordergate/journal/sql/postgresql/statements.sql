-- What PostgreSQL needs said otherwise: rows are locked, since several processes write at once.

-- name: unowned_operation
SELECT record, work, request, settles_at - :now, :now - created_at, newest_order,
       (SELECT max(orders.created_at + 0) FROM orders
        WHERE orders.account = operations.account AND orders.provider_order_id = operations.newest_order)
FROM operations
WHERE id = :id AND (state = 'unknown' OR (:late = 1 AND state = 'failed')) AND NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = operations.owner AND nodes.lease_until > :now)
FOR UPDATE OF operations SKIP LOCKED;

-- name: due_operations
SELECT record, work, request, settles_at - :now, :now - created_at, newest_order,
       (SELECT max(orders.created_at + 0) FROM orders
        WHERE orders.account = operations.account AND orders.provider_order_id = operations.newest_order)
FROM operations
WHERE due_at <= :now AND NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = operations.owner AND nodes.lease_until > :now)
ORDER BY due_at LIMIT :limit
FOR UPDATE OF operations SKIP LOCKED;

-- name: abandoned_operations
SELECT record FROM operations
WHERE owner IS NOT NULL AND ((owner = :node AND due_at < :now - :patience) OR NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = operations.owner AND nodes.lease_until > :now))
FOR UPDATE OF operations SKIP LOCKED;

-- A claim and a redaction of one order follow each other: whoever comes second sees what the first has done.
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

-- The server's clock is one of its own.
-- name: keep_host_time
SELECT 1;

-- name: host_time
SELECT 1;

-- name: key_by_id
SELECT record FROM api_keys WHERE id = :id FOR UPDATE;

-- name: native_ids
SELECT kind, id, native FROM links
WHERE merchant = :merchant AND world = :world AND account = :account AND (kind, id) IN (
    SELECT value ->> 0, value ->> 1 FROM json_array_elements(:ids::json));

-- name: take_lock
INSERT INTO locks (name) VALUES (:name) ON CONFLICT (name) DO UPDATE SET name = excluded.name;

-- name: drop_lock
DELETE FROM locks WHERE name = :name;

-- Of each parameter an array: thousands of rows in one statement are several times faster than one by one.
-- name: put_link_batch
INSERT INTO links (merchant, world, kind, id, account, native)
SELECT * FROM unnest(:merchant::text[], :world::text[], :kind::text[], :id::text[], :account::text[], :native::text[])
ON CONFLICT (merchant, world, kind, id, account) DO UPDATE SET native = excluded.native
WHERE links.native <> excluded.native;

-- name: accounts_with_due_subjects
SELECT account FROM jsonb_array_elements_text(:accounts::text::jsonb) AS asked (account)
WHERE EXISTS (SELECT 1 FROM event_subjects WHERE event_subjects.account = asked.account AND due_at <= :now);

-- name: due_subjects
SELECT subject, told, tries, parked FROM event_subjects
WHERE account = :account AND due_at <= :now AND NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = event_subjects.owner AND nodes.id <> :holder AND nodes.lease_until > :now)
ORDER BY due_at LIMIT :limit
FOR UPDATE OF event_subjects SKIP LOCKED;

-- name: due_poll
SELECT walked_at, :now + 0 FROM account_polls
WHERE account = :account AND (due_at <= :now OR due_at > :now + :every) AND NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = account_polls.owner AND nodes.id <> :holder AND nodes.lease_until > :now)
FOR UPDATE OF account_polls SKIP LOCKED;

-- name: prune_provider_events
DELETE FROM provider_events WHERE number = ANY (ARRAY(
    SELECT number FROM provider_events WHERE received_at < :since AND state <> 'waiting'
    ORDER BY received_at LIMIT :limit
    FOR UPDATE SKIP LOCKED))
RETURNING number;

-- name: prune_event_subjects
DELETE FROM event_subjects WHERE due_at IS NULL AND ctid = ANY (ARRAY(
    SELECT ctid FROM event_subjects WHERE looked_at < :since AND due_at IS NULL
    ORDER BY looked_at LIMIT :limit
    FOR UPDATE SKIP LOCKED));

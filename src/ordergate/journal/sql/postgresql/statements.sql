-- What PostgreSQL needs said otherwise: rows are locked, since several processes write at once.

-- name: unowned_operation
SELECT record, work, request, settles_at - :now, :now - created_at, newest_order,
       (SELECT max(orders.created_at) FROM orders
        WHERE orders.account = operations.account AND orders.provider_order_id = operations.newest_order)
FROM operations
WHERE id = :id AND state = 'unknown' AND NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = operations.owner AND nodes.lease_until > :now)
FOR UPDATE OF operations SKIP LOCKED;

-- name: due_operations
SELECT record, work, request, settles_at - :now, :now - created_at, newest_order,
       (SELECT max(orders.created_at) FROM orders
        WHERE orders.account = operations.account AND orders.provider_order_id = operations.newest_order)
FROM operations
WHERE due_at <= :now AND NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = operations.owner AND nodes.lease_until > :now)
ORDER BY due_at LIMIT :limit
FOR UPDATE OF operations SKIP LOCKED;

-- name: abandoned_operations
SELECT record FROM operations
WHERE owner IS NOT NULL AND state IN ('in_progress', 'unknown') AND attempts > 0
  AND ((owner = :node AND due_at < :now - :patience) OR NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = operations.owner AND nodes.lease_until > :now))
FOR UPDATE OF operations SKIP LOCKED;

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

-- Leases: which process works on which operation. PostgreSQL needs these statements in another form.

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

-- The server has a clock of its own.
-- name: save_host_time
SELECT 1;

-- name: host_time
SELECT 1;

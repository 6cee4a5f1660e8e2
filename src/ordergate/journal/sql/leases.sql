-- Leases: which process works on which operation. See operations.sql for the rules of these files.

-- The + 0 keeps SQLite from a search through all orders of the account for the newest.
-- name: unowned_operation
SELECT record, work, request, settles_at - :now, :now - created_at, newest_order,
       (SELECT max(orders.created_at + 0) FROM orders
        WHERE orders.account = operations.account AND orders.provider_order_id = operations.newest_order)
FROM operations
WHERE id = :id AND (state = 'unknown' OR (:late = 1 AND state = 'failed')) AND NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = operations.owner AND nodes.lease_until > :now);

-- name: due_operations
SELECT record, work, request, settles_at - :now, :now - created_at, newest_order,
       (SELECT max(orders.created_at + 0) FROM orders
        WHERE orders.account = operations.account AND orders.provider_order_id = operations.newest_order)
FROM operations
WHERE due_at <= :now AND NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = operations.owner AND nodes.lease_until > :now)
ORDER BY due_at LIMIT :limit;

-- name: abandoned_operations
SELECT record FROM operations
WHERE owner IS NOT NULL AND ((owner = :node AND due_at < :now - :patience) OR NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = operations.owner AND nodes.lease_until > :now));

-- name: acquire_operation
UPDATE operations SET owner = :holder, state = :state, record = :record, due_at = :now,
                      awaited = CASE WHEN :state = 'unknown' THEN 1 ELSE awaited END
WHERE id = :id;

-- name: release_operation
UPDATE operations SET owner = NULL, state = :state, record = :record, due_at = :now,
                      awaited = CASE WHEN :state = 'unknown' THEN 1 ELSE awaited END
WHERE id = :id;

-- name: probe_soon
UPDATE operations SET due_at = :now
WHERE id = :id AND state = 'unknown' AND (due_at IS NULL OR due_at > :now);

-- name: renew_lease
INSERT INTO nodes (id, lease_until, serves) VALUES (:node, :now + :lease, :serves)
ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until;

-- The clock, and the uptime of the host at that time: after a restart of the process they show a step of the clock.
-- name: save_host_time
INSERT INTO host_time (only_row, boot, uptime, at) VALUES (1, :boot, :uptime, :now)
ON CONFLICT (only_row) DO UPDATE SET boot = excluded.boot, uptime = excluded.uptime, at = excluded.at;

-- name: host_time
SELECT at + :uptime - uptime FROM host_time WHERE boot = :boot AND uptime <= :uptime;

-- name: serving_nodes
SELECT count(*) FROM nodes WHERE lease_until > :now AND serves = 1;

-- name: release_lease
DELETE FROM nodes WHERE id = :node;

-- name: delete_expired_nodes
DELETE FROM nodes WHERE lease_until < :now - 3600000;

-- name: delete_nodes
DELETE FROM nodes;

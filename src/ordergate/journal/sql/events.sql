-- Events of orders, and feeds. See operations.sql for the rules of these files.

-- name: insert_event
INSERT INTO events (id, merchant, world, purpose, order_id, type, created_at, record)
VALUES (:id, :merchant, :world, :purpose, :order_id, :type, :now, :record);

-- name: event_by_id
SELECT id, number, type, merchant, world, order_id, created_at, record FROM events WHERE id = :id;

-- name: number_of_event
SELECT number FROM events
WHERE id = :id AND merchant = :merchant AND world = :world AND purpose = :purpose;

-- name: events_of_order
SELECT id, number, type, merchant, world, order_id, created_at, record FROM events
WHERE order_id = :order_id
  AND arrival > coalesce((SELECT arrival FROM events WHERE id = :after AND order_id = :order_id), 0)
ORDER BY arrival LIMIT :limit;

-- name: recorded_type
SELECT type FROM events WHERE order_id = :order_id AND type = :type LIMIT 1;

-- name: order_purpose
SELECT purpose FROM orders WHERE id = :id;

-- name: replace_event
UPDATE events SET record = :record WHERE id = :id;

-- Deliveries of events to webhook endpoints. See operations.sql for the rules of these files.

-- name: unnumbered_feeds
SELECT DISTINCT merchant, world, purpose FROM events WHERE number IS NULL LIMIT :limit;

-- The transaction that locks the row of a feed numbers its events alone: a later number is committed later.
-- name: lock_feed
INSERT INTO feeds (merchant, world, purpose, number) VALUES (:merchant, :world, :purpose, 0)
ON CONFLICT (merchant, world, purpose) DO UPDATE SET number = feeds.number
RETURNING number;

-- name: advance_feed
UPDATE feeds SET number = :number WHERE merchant = :merchant AND world = :world AND purpose = :purpose;

-- name: number_events
UPDATE events SET number = :last + place
FROM (SELECT arrival AS arrived, row_number() OVER (ORDER BY arrival) AS place FROM events
      WHERE merchant = :merchant AND world = :world AND purpose = :purpose AND number IS NULL
      ORDER BY arrival LIMIT :limit) AS places
WHERE arrival = arrived
RETURNING id, order_id, type, number;

-- name: enabled_endpoints
SELECT record FROM webhook_endpoints WHERE merchant = :merchant AND world = :world AND enabled = 1 ORDER BY id;

-- A new delivery is held. release_held_deliveries releases it if no earlier delivery of its order is pending.
-- name: queue_delivery
INSERT INTO webhook_deliveries (id, endpoint_id, merchant, world, event_id, order_id, type, number, state,
                                failures, created_at, updated_at, record)
VALUES (:id, :endpoint_id, :merchant, :world, :event_id, :order_id, :type, :number, 'pending', 0, :now, :now,
        :record)
ON CONFLICT (endpoint_id, event_id) DO UPDATE SET state = 'pending', failures = 0, due_at = NULL,
    updated_at = excluded.updated_at
WHERE webhook_deliveries.owner IS NULL;

-- A due delivery is held again if an earlier one of its order is queued again. release_next_delivery releases it.
-- name: hold_delivery
UPDATE webhook_deliveries SET due_at = NULL
WHERE endpoint_id = :endpoint_id AND state = 'pending' AND due_at IS NOT NULL
  AND order_id IN (SELECT value FROM json_each(:orders)) AND EXISTS (
    SELECT 1 FROM webhook_deliveries AS earlier
    WHERE earlier.endpoint_id = webhook_deliveries.endpoint_id AND earlier.order_id = webhook_deliveries.order_id
      AND earlier.state = 'pending' AND earlier.number < webhook_deliveries.number);

-- A transaction that finishes an earlier delivery of these orders runs before or after this one, so that one of the two
-- releases the next delivery.
-- name: lock_deliveries_of_orders
SELECT 1;

-- name: release_held_deliveries
UPDATE webhook_deliveries SET due_at = :now
WHERE endpoint_id = :endpoint_id AND number BETWEEN :first AND :last AND state = 'pending' AND due_at IS NULL
  AND owner IS NULL AND NOT EXISTS (
    SELECT 1 FROM webhook_deliveries AS earlier
    WHERE earlier.endpoint_id = webhook_deliveries.endpoint_id AND earlier.order_id = webhook_deliveries.order_id
      AND earlier.state = 'pending' AND earlier.number < webhook_deliveries.number);

-- name: release_next_delivery
UPDATE webhook_deliveries SET due_at = :now
WHERE due_at IS NULL AND owner IS NULL AND id = (
    SELECT id FROM webhook_deliveries
    WHERE endpoint_id = :endpoint_id AND order_id = :order_id AND state = 'pending' ORDER BY number LIMIT 1);

-- name: outgoing_webhooks
SELECT COALESCE(sum(waiting), 0), COALESCE(:now - min(oldest), 0), count(*) - COALESCE(sum(enabled), 0) FROM (
    SELECT enabled,
           CASE WHEN enabled = 1 THEN (
               SELECT count(*) FROM webhook_deliveries
               WHERE endpoint_id = webhook_endpoints.id AND state = 'pending') END AS waiting,
           CASE WHEN enabled = 1 THEN (
               SELECT min(created_at) FROM webhook_deliveries
               WHERE endpoint_id = webhook_endpoints.id AND state = 'pending') END AS oldest
    FROM webhook_endpoints) AS endpoints;

-- name: acquire_deliveries
UPDATE webhook_deliveries SET owner = :owner, due_at = NULL
WHERE id IN (
    SELECT id FROM webhook_deliveries WHERE endpoint_id = :endpoint_id AND due_at <= :now
    ORDER BY due_at, number LIMIT :limit)
RETURNING id, endpoint_id, merchant, world, event_id, order_id, type, number, state, due_at, created_at, record,
          failures;

-- name: finish_delivery
UPDATE webhook_deliveries SET state = :state, failures = :failures, due_at = :now + :next_try_in, owner = NULL,
                              updated_at = :now, record = :record
WHERE id = :id AND owner = :owner
RETURNING id;

-- name: abandoned_deliveries
SELECT id FROM webhook_deliveries
WHERE owner IS NOT NULL AND (owner = :node OR NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = webhook_deliveries.owner AND nodes.lease_until > :now));

-- name: release_delivery
UPDATE webhook_deliveries SET owner = NULL, due_at = :now WHERE id = :id;

-- name: delivery_by_id
SELECT id, endpoint_id, merchant, world, event_id, order_id, type, number, state, due_at, created_at, record, failures
FROM webhook_deliveries WHERE id = :id;

-- name: replay_delivery
UPDATE webhook_deliveries SET state = 'pending', failures = 0, due_at = NULL, updated_at = :now
WHERE id = :id AND owner IS NULL
RETURNING id;

-- name: failed_events
SELECT event_id, order_id, type, number FROM webhook_deliveries
WHERE endpoint_id = :endpoint_id AND state = 'failed' AND number > :after
  AND EXISTS (SELECT 1 FROM events WHERE events.id = webhook_deliveries.event_id
              AND events.created_at >= :since AND events.created_at <= :until)
ORDER BY number LIMIT :limit;

-- name: events_of_range
SELECT id, order_id, type, number FROM events
WHERE merchant = :merchant AND world = :world AND purpose = '' AND number > :after
  AND created_at >= :since AND created_at <= :until
ORDER BY number LIMIT :limit;

-- name: events_with_delivery
SELECT event_id FROM webhook_deliveries WHERE endpoint_id = :endpoint_id AND owner IS NOT NULL;

-- name: prune_deliveries
DELETE FROM webhook_deliveries WHERE id IN (
    SELECT id FROM webhook_deliveries WHERE state <> 'pending' AND updated_at < :since
    ORDER BY updated_at LIMIT :limit)
RETURNING id;

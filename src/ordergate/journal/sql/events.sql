-- Events, webhook endpoints and deliveries; as in statements.sql.

-- name: insert_event
INSERT INTO events (id, merchant, world, purpose, order_id, type, created_at, record)
VALUES (:id, :merchant, :world, :purpose, :order_id, :type, :now, :record);

-- name: unnumbered_feeds
SELECT DISTINCT merchant, world, purpose FROM events WHERE number IS NULL LIMIT :limit;

-- Whoever has the feed's row numbers alone: what is numbered after that is visible after that.
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

-- name: event_by_id
SELECT id, number, type, merchant, world, order_id, created_at, record FROM events WHERE id = :id;

-- name: place_in_feed
SELECT number FROM events
WHERE id = :id AND merchant = :merchant AND world = :world AND purpose = :purpose;

-- name: order_events
SELECT id, number, type, merchant, world, order_id, created_at, record FROM events
WHERE order_id = :order_id
  AND arrival > coalesce((SELECT arrival FROM events WHERE id = :after AND order_id = :order_id), 0)
ORDER BY arrival LIMIT :limit;

-- name: told_types
SELECT DISTINCT type FROM events WHERE order_id = :order_id;

-- name: order_purpose
SELECT purpose FROM orders WHERE id = :id;

-- name: replace_event
UPDATE events SET record = :record WHERE id = :id;

-- name: count_endpoints
SELECT count(*) FROM webhook_endpoints WHERE merchant = :merchant AND world = :world;

-- name: insert_endpoint
INSERT INTO webhook_endpoints (id, merchant, world, enabled, record)
VALUES (:id, :merchant, :world, :enabled, :record);

-- name: endpoint_by_id
SELECT record FROM webhook_endpoints WHERE id = :id;

-- name: endpoint_to_change
SELECT record FROM webhook_endpoints WHERE id = :id;

-- name: enabled_endpoints
SELECT record FROM webhook_endpoints WHERE merchant = :merchant AND world = :world AND enabled = 1 ORDER BY id;

-- name: replace_endpoint
UPDATE webhook_endpoints SET enabled = :enabled, record = :record WHERE id = :id;

-- name: delete_endpoint
DELETE FROM webhook_endpoints WHERE id = :id RETURNING id;

-- name: delete_secrets
DELETE FROM webhook_secrets WHERE endpoint_id = :id;

-- name: delete_deliveries
DELETE FROM webhook_deliveries WHERE endpoint_id = :id;

-- name: insert_secret
INSERT INTO webhook_secrets (endpoint_id, secret, created_at, ends_at) VALUES (:id, :secret, :now, :ends_at);

-- name: end_secrets
UPDATE webhook_secrets SET ends_at = :ends_at
WHERE endpoint_id = :id AND (ends_at IS NULL OR ends_at > :ends_at);

-- name: forget_secrets
DELETE FROM webhook_secrets WHERE endpoint_id = :id AND ends_at <= :now;

-- name: keep_newest_secrets
DELETE FROM webhook_secrets WHERE endpoint_id = :id AND secret NOT IN (
    SELECT secret FROM webhook_secrets WHERE endpoint_id = :id
    ORDER BY CASE WHEN ends_at IS NULL THEN 0 ELSE 1 END, created_at DESC, secret LIMIT :kept);

-- name: secrets_of_endpoint
SELECT secret, ends_at FROM webhook_secrets WHERE endpoint_id = :id AND (ends_at IS NULL OR ends_at > :now)
ORDER BY CASE WHEN ends_at IS NULL THEN 0 ELSE 1 END, created_at DESC;

-- Held back at first: free_deliveries lets go of those that nothing stands before.
-- name: queue_delivery
INSERT INTO webhook_deliveries (id, endpoint_id, merchant, world, event_id, order_id, type, number, state,
                                failures, created_at, updated_at, record)
VALUES (:id, :endpoint_id, :merchant, :world, :event_id, :order_id, :type, :number, 'pending', 0, :now, :now,
        :record)
ON CONFLICT (endpoint_id, event_id) DO UPDATE SET state = 'pending', failures = 0, due_at = NULL,
    updated_at = excluded.updated_at
WHERE webhook_deliveries.owner IS NULL;

-- What was due already waits again where an earlier one of its order is queued anew; free_next lets go of it.
-- name: hold_back
UPDATE webhook_deliveries SET due_at = NULL
WHERE endpoint_id = :endpoint_id AND state = 'pending' AND due_at IS NOT NULL
  AND order_id IN (SELECT value FROM json_each(:orders)) AND EXISTS (
    SELECT 1 FROM webhook_deliveries AS earlier
    WHERE earlier.endpoint_id = webhook_deliveries.endpoint_id AND earlier.order_id = webhook_deliveries.order_id
      AND earlier.state = 'pending' AND earlier.number < webhook_deliveries.number);

-- Whoever ends an earlier delivery of these orders comes before or after, so that one of the two frees the next.
-- name: wait_for_ending
SELECT 1;

-- name: free_deliveries
UPDATE webhook_deliveries SET due_at = :now
WHERE endpoint_id = :endpoint_id AND number BETWEEN :first AND :last AND state = 'pending' AND due_at IS NULL
  AND owner IS NULL AND NOT EXISTS (
    SELECT 1 FROM webhook_deliveries AS earlier
    WHERE earlier.endpoint_id = webhook_deliveries.endpoint_id AND earlier.order_id = webhook_deliveries.order_id
      AND earlier.state = 'pending' AND earlier.number < webhook_deliveries.number);

-- name: free_next
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

-- name: due_endpoints
SELECT id FROM (
    SELECT id, (SELECT min(due_at) FROM webhook_deliveries
                WHERE endpoint_id = webhook_endpoints.id AND due_at IS NOT NULL) AS first_due
    FROM webhook_endpoints WHERE enabled = 1) AS waiting
WHERE first_due <= :now ORDER BY first_due;

-- name: take_deliveries
UPDATE webhook_deliveries SET owner = :owner, due_at = NULL
WHERE id IN (
    SELECT id FROM webhook_deliveries WHERE endpoint_id = :endpoint_id AND due_at <= :now
    ORDER BY due_at, number LIMIT :limit)
RETURNING id, endpoint_id, merchant, world, event_id, order_id, type, number, state, due_at, created_at, record,
          failures;

-- name: end_delivery
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

-- name: taken_events
SELECT event_id FROM webhook_deliveries WHERE endpoint_id = :endpoint_id AND owner IS NOT NULL;

-- name: prune_deliveries
DELETE FROM webhook_deliveries WHERE id IN (
    SELECT id FROM webhook_deliveries WHERE state <> 'pending' AND updated_at < :since
    ORDER BY updated_at LIMIT :limit)
RETURNING id;

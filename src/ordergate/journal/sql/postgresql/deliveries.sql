-- Deliveries of events to webhook endpoints. PostgreSQL needs these statements in another form.

-- A change or a deletion of an endpoint happens before or after, as a whole.
-- name: enabled_endpoints
SELECT record FROM webhook_endpoints WHERE merchant = :merchant AND world = :world AND enabled = 1 ORDER BY id
FOR SHARE;

-- name: queue_delivery_batch
INSERT INTO webhook_deliveries (id, endpoint_id, merchant, world, event_id, order_id, type, number, state,
                                failures, created_at, updated_at, record)
SELECT id, endpoint_id, merchant, world, event_id, order_id, type, number, 'pending', 0, :now, :now, record
FROM unnest(:id::text[], :endpoint_id::text[], :merchant::text[], :world::text[], :event_id::text[],
            :order_id::text[], :type::text[], :number::bigint[], :record::bytea[])
     AS given (id, endpoint_id, merchant, world, event_id, order_id, type, number, record)
ON CONFLICT (endpoint_id, event_id) DO UPDATE SET state = 'pending', failures = 0, due_at = NULL,
    updated_at = excluded.updated_at
WHERE webhook_deliveries.owner IS NULL;

-- name: hold_delivery
UPDATE webhook_deliveries SET due_at = NULL
WHERE endpoint_id = :endpoint_id AND state = 'pending' AND due_at IS NOT NULL
  AND order_id = ANY (ARRAY(SELECT jsonb_array_elements_text(:orders::text::jsonb))) AND EXISTS (
    SELECT 1 FROM webhook_deliveries AS earlier
    WHERE earlier.endpoint_id = webhook_deliveries.endpoint_id AND earlier.order_id = webhook_deliveries.order_id
      AND earlier.state = 'pending' AND earlier.number < webhook_deliveries.number);

-- name: lock_deliveries_of_orders
SELECT id FROM webhook_deliveries
WHERE endpoint_id = :endpoint_id AND state = 'pending' AND number < :first
  AND order_id = ANY (ARRAY(SELECT jsonb_array_elements_text(:orders::text::jsonb)))
ORDER BY number FOR SHARE;

-- name: acquire_deliveries
UPDATE webhook_deliveries SET owner = :owner, due_at = NULL
WHERE id = ANY (ARRAY(
    SELECT id FROM webhook_deliveries WHERE endpoint_id = :endpoint_id AND due_at <= :now
    ORDER BY due_at, number LIMIT :limit FOR UPDATE SKIP LOCKED))
RETURNING id, endpoint_id, merchant, world, event_id, order_id, type, number, state, due_at, created_at, record,
          failures;

-- name: abandoned_deliveries
SELECT id FROM webhook_deliveries
WHERE owner IS NOT NULL AND (owner = :node OR NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = webhook_deliveries.owner AND nodes.lease_until > :now))
FOR UPDATE SKIP LOCKED;

-- name: prune_deliveries
DELETE FROM webhook_deliveries WHERE id = ANY (ARRAY(
    SELECT id FROM webhook_deliveries WHERE state <> 'pending' AND updated_at < :since
    ORDER BY updated_at LIMIT :limit FOR UPDATE SKIP LOCKED))
RETURNING id;

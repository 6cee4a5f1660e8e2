-- Events of orders, and feeds. PostgreSQL needs these statements in another form.

-- name: insert_event_batch
INSERT INTO events (id, merchant, world, purpose, order_id, type, created_at, record)
SELECT id, merchant, world, purpose, order_id, type, :now, record
FROM unnest(:id::text[], :merchant::text[], :world::text[], :purpose::text[], :order_id::text[], :type::text[],
            :record::bytea[]) AS given (id, merchant, world, purpose, order_id, type, record);

-- name: replace_event_batch
UPDATE events SET record = given.record FROM unnest(:id::text[], :record::bytea[]) AS given (id, record)
WHERE events.id = given.id;

-- Finds what is kept of settled operations for repeats and recovery alone, the oldest first.

CREATE INDEX operations_to_prune ON operations (updated_at)
    WHERE state IN ('succeeded', 'failed') AND (idempotency_key IS NOT NULL OR request IS NOT NULL
        OR work IS NOT NULL OR response_status IS NOT NULL);

CREATE INDEX operations_by_order ON operations (order_id);

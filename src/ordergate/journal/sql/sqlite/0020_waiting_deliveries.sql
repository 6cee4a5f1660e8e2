-- How many deliveries an endpoint waits for, and the oldest of them: looked up whenever the metrics are read.
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (endpoint_id, created_at) WHERE state = 'pending';

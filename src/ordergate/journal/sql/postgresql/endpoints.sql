-- Webhook endpoints and their secrets. PostgreSQL needs these statements in another form.

-- Two transactions that change, delete or replay one endpoint run one after the other.
-- name: endpoint_to_change
SELECT record FROM webhook_endpoints WHERE id = :id FOR UPDATE;

-- API keys. PostgreSQL needs these statements in another form.

-- name: key_by_id
SELECT record FROM api_keys WHERE id = :id FOR UPDATE;

-- API keys. See operations.sql for the rules of these files.

-- name: add_key
INSERT INTO api_keys (id, secret_hash, record) VALUES (:id, :secret_hash, :record);

-- name: find_key
SELECT record FROM api_keys WHERE secret_hash = :secret_hash;

-- name: all_keys
SELECT record, last_used_at FROM api_keys ORDER BY id;

-- name: key_by_id
SELECT record FROM api_keys WHERE id = :id;

-- name: replace_key
UPDATE api_keys SET record = :record, revoked_at = :revoked_at WHERE id = :id;

-- This column is separate from the record, which a revocation or a rotation may write at the same time.
-- name: record_key_use
UPDATE api_keys SET last_used_at = :used_at
WHERE id = :id AND (last_used_at IS NULL OR last_used_at < :used_at);

-- Sessions of the console. See operations.sql for the rules of these files.

-- name: add_session
INSERT INTO sessions (token_hash, key_id, expires_at) VALUES (:token_hash, :key_id, :now + :lifetime);

-- name: delete_expired_sessions
DELETE FROM sessions WHERE expires_at <= :now;

-- name: keep_newest_sessions
DELETE FROM sessions WHERE key_id = :key_id AND expires_at < (
    SELECT min(newest.expires_at) FROM (
        SELECT expires_at FROM sessions WHERE key_id = :key_id ORDER BY expires_at DESC LIMIT :kept) AS newest);

-- name: session_key
SELECT api_keys.record FROM sessions JOIN api_keys ON api_keys.id = sessions.key_id
WHERE sessions.token_hash = :token_hash AND sessions.expires_at > :now;

-- name: delete_session
DELETE FROM sessions WHERE token_hash = :token_hash;

-- Whether the database works. See operations.sql for the rules of these files.

-- name: time_now
SELECT :now + 0;

-- name: ping
SELECT 1 FROM api_keys LIMIT 1;

-- Locks. PostgreSQL needs these statements in another form.

-- name: acquire_lock
INSERT INTO locks (name) VALUES (:name) ON CONFLICT (name) DO UPDATE SET name = excluded.name;

-- name: release_lock
DELETE FROM locks WHERE name = :name;

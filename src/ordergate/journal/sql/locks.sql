-- Locks. See operations.sql for the rules of these files.

-- Two transactions that acquire the same name run one after the other. SQLite has a single writer, so they do anyway.
-- name: acquire_lock
SELECT :name;

-- name: release_lock
SELECT :name;

-- What another process needs to find out about an operation, who looks after it, and when.

ALTER TABLE operations DROP COLUMN baseline;
ALTER TABLE operations ADD COLUMN account TEXT;
ALTER TABLE operations ADD COLUMN attempts INTEGER NOT NULL DEFAULT 1;
ALTER TABLE operations ADD COLUMN work BLOB;
-- The process that works on it; it may be taken over once that one's lease in nodes has ended.
ALTER TABLE operations ADD COLUMN owner TEXT;
-- The provider's id of the newest order that was known in the account before: where a probe begins to look.
ALTER TABLE operations ADD COLUMN newest_order TEXT;
-- From then on nothing that was sent can still arrive.
ALTER TABLE operations ADD COLUMN settles_at INTEGER;
-- When recovery looks after it; NULL for never.
ALTER TABLE operations ADD COLUMN due_at INTEGER;

UPDATE operations SET attempts = json_array_length(CAST(record AS TEXT), '$.attempts');
UPDATE operations SET due_at = updated_at WHERE state IN ('in_progress', 'unknown');

CREATE INDEX operations_due ON operations (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX orders_newest ON orders (account, created_at);

CREATE TABLE nodes (
    id          TEXT PRIMARY KEY,
    lease_until INTEGER NOT NULL
);

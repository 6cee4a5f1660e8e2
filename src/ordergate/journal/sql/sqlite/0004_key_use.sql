-- About when a key was used last.

ALTER TABLE api_keys ADD COLUMN last_used_at INTEGER;

-- Which processes serve: they share the providers' rate limits, and commands take no part of them.

ALTER TABLE nodes ADD COLUMN serves INTEGER NOT NULL DEFAULT 1;

-- Links from the ids of merchants to the ids of providers. PostgreSQL needs these statements in another form.

-- name: native_ids
SELECT kind, id, native FROM links
WHERE merchant = :merchant AND world = :world AND account = :account AND (kind, id) IN (
    SELECT value ->> 0, value ->> 1 FROM json_array_elements(:ids::json));

-- An array for each parameter: thousands of rows in one statement are several times faster than one by one.
-- name: put_link_batch
INSERT INTO links (merchant, world, kind, id, account, native)
SELECT * FROM unnest(:merchant::text[], :world::text[], :kind::text[], :id::text[], :account::text[], :native::text[])
ON CONFLICT (merchant, world, kind, id, account) DO UPDATE SET native = excluded.native
WHERE links.native <> excluded.native;

-- Links from the ids of merchants to the ids of providers. See operations.sql for the rules of these files.

-- name: put_link
INSERT INTO links (merchant, world, kind, id, account, native)
VALUES (:merchant, :world, :kind, :id, :account, :native)
ON CONFLICT (merchant, world, kind, id, account) DO UPDATE SET native = excluded.native
WHERE links.native <> excluded.native;

-- name: links_of_id
SELECT account, native FROM links
WHERE merchant = :merchant AND world = :world AND kind = :kind AND id = :id ORDER BY account;

-- name: delete_links
DELETE FROM links WHERE merchant = :merchant AND world = :world AND kind = :kind AND id = :id
RETURNING id;

-- name: linked_merchants
SELECT DISTINCT merchant FROM links WHERE world = :world;

-- name: linked_accounts
SELECT world, account, count(*) FROM links GROUP BY world, account;

-- :ids is a JSON array of [kind, id], so that one statement finds all ids of an order.
-- name: native_ids
SELECT kind, id, native FROM links
WHERE merchant = :merchant AND world = :world AND account = :account AND (kind, id) IN (
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:ids));

-- name: merchant_id
SELECT id FROM links
WHERE account = :account AND kind = :kind AND native = :native AND merchant = :merchant AND world = :world
ORDER BY id LIMIT 1;

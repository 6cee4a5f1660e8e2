-- Who is signed in to the console, by the hash of what the browser holds; the key decides what is allowed.

CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY,
    key_id     TEXT NOT NULL,
    expires_at INTEGER NOT NULL
);

CREATE INDEX sessions_by_key ON sessions (key_id, expires_at);
CREATE INDEX sessions_expiring ON sessions (expires_at);

-- Lists are sorted by id: an index that does not end with it loses against one that does, however much it finds.
DROP INDEX orders_by_reference;
CREATE INDEX orders_by_reference ON orders (merchant, world, reference, id) WHERE reference IS NOT NULL;

-- An operator searches among all merchants' orders. The world comes second: a list without filters takes the key.
CREATE INDEX orders_of_all_by_reference ON orders (reference, world, id) WHERE reference IS NOT NULL;
CREATE INDEX orders_of_all_by_customer ON orders (customer, world, id) WHERE customer IS NOT NULL;
CREATE INDEX orders_of_all_by_status ON orders (status, world, id);

DROP INDEX operations_by_order;
CREATE INDEX operations_by_order ON operations (order_id, id);

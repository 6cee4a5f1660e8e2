-- Every statement of both stores; what stands in postgresql/statements.sql replaces the one of the same name here.
-- :now is the store's own clock in Unix milliseconds: for SQLite this process's, for PostgreSQL the server's, so
-- that processes on several hosts agree about leases and settling times.

-- name: operation_by_key
SELECT record, response_status, response_body FROM operations
WHERE merchant = :merchant AND world = :world AND method = :method AND path = :path
  AND idempotency_key = :idempotency_key;

-- name: operation_by_id
SELECT record, response_status, response_body FROM operations WHERE id = :id;

-- name: operation_by_reference
SELECT record FROM operations
WHERE merchant = :merchant AND world = :world AND reference = :reference
  AND (created_at >= :since OR state IN ('in_progress', 'unknown'))
  AND state <> 'failed' AND id <> :id
  AND (:unknown_only = 0 OR state = 'unknown')
ORDER BY created_at LIMIT 1;

-- name: unsettled_operation
SELECT record FROM operations
WHERE order_id = :order_id AND state IN ('in_progress', 'unknown');

-- An unsettled operation of an order, or one that will be looked at again.
-- name: operation_under_way
SELECT record FROM operations
WHERE order_id = :order_id
  AND (state IN ('in_progress', 'unknown') OR due_at IS NOT NULL OR owner IS NOT NULL)
ORDER BY id LIMIT 1;

-- What a provider refused is kept: without it a repeat of the key would be sent again.
-- name: redact_operations
UPDATE operations SET request = NULL, work = NULL, exchanges = NULL,
                      response_status = CASE WHEN state = 'failed' THEN response_status END,
                      response_body = CASE WHEN state = 'failed' THEN response_body END
WHERE order_id = :order_id AND state IN ('succeeded', 'failed');

-- What was said for the other orders of a comparison; the orders themselves are redacted each for itself.
-- name: redact_compared
UPDATE operations SET request = NULL, work = NULL, exchanges = NULL,
                      response_status = CASE WHEN state = 'failed' THEN response_status END,
                      response_body = CASE WHEN state = 'failed' THEN response_body END
WHERE merchant = :merchant AND world = :world AND method = 'POST' AND path = '/v1/comparisons'
  AND idempotency_key LIKE :keys AND state IN ('succeeded', 'failed');

-- name: compared_under_way
SELECT record FROM operations
WHERE merchant = :merchant AND world = :world AND method = 'POST' AND path = '/v1/comparisons'
  AND idempotency_key LIKE :keys
  AND (state IN ('in_progress', 'unknown') OR due_at IS NOT NULL OR owner IS NOT NULL)
ORDER BY id LIMIT 1;

-- name: told_of_order
SELECT record, work, request, exchanges FROM operations WHERE order_id = :order_id ORDER BY id;

-- name: exchanges_of_operation
SELECT exchanges FROM operations WHERE id = :id;

-- name: expire_key
UPDATE operations SET idempotency_key = NULL WHERE id = :id;

-- No row where its key or its order is taken.
-- name: insert_operation
INSERT INTO operations (id, merchant, world, kind, method, path, idempotency_key, content_hash, order_id,
                        reference, state, created_at, updated_at, record, request, work, account, attempts,
                        owner, awaited, settles_at, due_at, newest_order)
SELECT :id, :merchant, :world, :kind, :method, :path, :idempotency_key, :content_hash, :order_id,
       :reference, :state, :created_at, :updated_at, :record, :request, :work, :account, :attempts, :owner,
       :awaited, :now + :settling, :now,
       (SELECT provider_order_id FROM orders WHERE account = :account ORDER BY created_at DESC LIMIT 1)
WHERE NOT EXISTS (SELECT 1 FROM api_keys WHERE id = :api_key AND revoked_at IS NOT NULL)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: reopen_operation
UPDATE operations SET state = :state, updated_at = :updated_at, record = :record, request = :request,
                      work = :work, attempts = :attempts, owner = :owner, order_id = :order_id,
                      settles_at = :now + :settling, due_at = :now,
                      response_status = NULL, response_body = NULL, account = :account, awaited = :awaited,
                      newest_order = CASE WHEN account = :account THEN newest_order ELSE (
                          SELECT provider_order_id FROM orders WHERE orders.account = :account
                          ORDER BY orders.created_at DESC LIMIT 1) END
WHERE id = :id AND attempts = :attempts - 1 AND state = 'failed'
RETURNING id;

-- name: begin_attempt
UPDATE operations SET state = 'in_progress', updated_at = :updated_at, record = :record, attempts = :attempts,
                      owner = :owner, settles_at = :now + :settling, due_at = :now
WHERE id = :id AND attempts = :attempts - 1 AND state IN ('in_progress', 'unknown')
  AND (owner IS NULL OR owner = :owner)
RETURNING id;

-- name: move_operation
UPDATE operations SET updated_at = :updated_at, record = :record, attempts = :attempts, work = :work,
                      request = :request, account = :account, settles_at = :now + :settling, due_at = :now,
                      newest_order = (SELECT provider_order_id FROM orders WHERE account = :account
                                      ORDER BY created_at DESC LIMIT 1)
WHERE id = :id AND attempts = :attempts - 1 AND state = 'in_progress' AND owner = :holder
RETURNING id;

-- name: settle_operation
UPDATE operations SET state = :state, updated_at = :updated_at, record = :record,
                      request = CASE WHEN :state = 'succeeded' THEN NULL ELSE request END,
                      work = CASE WHEN :state = 'succeeded' THEN NULL ELSE work END,
                      response_status = :response_status, response_body = :response_body,
                      exchanges = COALESCE(:exchanges, exchanges),
                      owner = NULL, due_at = :now + :look_again_in
WHERE id = :id AND attempts = :attempts
  AND ((:late = 0 AND state IN ('in_progress', 'unknown')) OR (:late = 1 AND state = 'failed'))
  AND (CAST(:holder AS TEXT) IS NULL OR owner = :holder)
RETURNING awaited;

-- A person's word about an operation that was applied; when it settled stays.
-- name: keep_resolution
UPDATE operations SET record = :record WHERE id = :id AND state = 'succeeded';

-- name: leave_unknown
UPDATE operations SET state = 'unknown', updated_at = :updated_at, record = :record, owner = NULL, awaited = 1,
                      exchanges = COALESCE(:exchanges, exchanges),
                      due_at = :now + :look_in, settles_at = COALESCE(:now + :settles_in, settles_at)
WHERE id = :id AND attempts = :attempts AND owner = :holder AND state IN ('in_progress', 'unknown')
RETURNING id;

-- The + 0 keeps SQLite from looking for the newest of all the account's orders.
-- name: unowned_operation
SELECT record, work, request, settles_at - :now, :now - created_at, newest_order,
       (SELECT max(orders.created_at + 0) FROM orders
        WHERE orders.account = operations.account AND orders.provider_order_id = operations.newest_order)
FROM operations
WHERE id = :id AND (state = 'unknown' OR (:late = 1 AND state = 'failed')) AND NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = operations.owner AND nodes.lease_until > :now);

-- name: due_operations
SELECT record, work, request, settles_at - :now, :now - created_at, newest_order,
       (SELECT max(orders.created_at + 0) FROM orders
        WHERE orders.account = operations.account AND orders.provider_order_id = operations.newest_order)
FROM operations
WHERE due_at <= :now AND NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = operations.owner AND nodes.lease_until > :now)
ORDER BY due_at LIMIT :limit;

-- name: unknown_operations
SELECT count(*), COALESCE(:now - min(created_at), 0), count(*) - count(due_at) FROM operations
WHERE world IN ('test', 'live') AND state = 'unknown';

-- name: abandoned_operations
SELECT record FROM operations
WHERE owner IS NOT NULL AND ((owner = :node AND due_at < :now - :patience) OR NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = operations.owner AND nodes.lease_until > :now));

-- name: take_operation
UPDATE operations SET owner = :holder, state = :state, record = :record, due_at = :now,
                      awaited = CASE WHEN :state = 'unknown' THEN 1 ELSE awaited END
WHERE id = :id;

-- name: give_up_operation
UPDATE operations SET owner = NULL, state = :state, record = :record, due_at = :now,
                      awaited = CASE WHEN :state = 'unknown' THEN 1 ELSE awaited END
WHERE id = :id;

-- name: look_soon
UPDATE operations SET due_at = :now
WHERE id = :id AND state = 'unknown' AND (due_at IS NULL OR due_at > :now);

-- name: prune_operations
UPDATE operations SET idempotency_key = NULL, request = NULL, work = NULL, exchanges = NULL,
                      response_status = NULL, response_body = NULL
WHERE id IN (
    SELECT id FROM operations
    WHERE state IN ('succeeded', 'failed') AND (idempotency_key IS NOT NULL OR request IS NOT NULL
        OR work IS NOT NULL OR response_status IS NOT NULL OR exchanges IS NOT NULL)
      AND updated_at < :since AND due_at IS NULL AND owner IS NULL
    ORDER BY updated_at LIMIT :limit)
RETURNING id;

-- name: stay_alive
INSERT INTO nodes (id, lease_until, serves) VALUES (:node, :now + :lease, :serves)
ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until;

-- name: time_now
SELECT :now + 0;

-- What the clock said, and how long the host had been up then: after a restart of the process a step shows.
-- name: keep_host_time
INSERT INTO host_time (only_row, boot, uptime, at) VALUES (1, :boot, :uptime, :now)
ON CONFLICT (only_row) DO UPDATE SET boot = excluded.boot, uptime = excluded.uptime, at = excluded.at;

-- name: host_time
SELECT at + :uptime - uptime FROM host_time WHERE boot = :boot AND uptime <= :uptime;

-- name: serving_nodes
SELECT count(*) FROM nodes WHERE lease_until > :now AND serves = 1;

-- name: leave
DELETE FROM nodes WHERE id = :node;

-- name: forget_nodes
DELETE FROM nodes WHERE lease_until < :now - 3600000;

-- name: all_nodes_gone
DELETE FROM nodes;

-- name: order_by_id
SELECT record, revision FROM orders WHERE id = :id;

-- name: order_revision
SELECT revision FROM orders WHERE id = :id;

-- name: save_order
INSERT INTO orders (id, merchant, world, account, adapter, provider_order_id, status, reference, customer,
                    purpose, created_at, synced_at, payment_id, revision, record)
VALUES (:id, :merchant, :world, :account, :adapter, :provider_order_id, :status, :reference, :customer,
        :purpose, :created_at, :synced_at, :payment_id, 1, :record)
ON CONFLICT (id) DO UPDATE SET provider_order_id = excluded.provider_order_id, status = excluded.status,
    customer = excluded.customer, synced_at = excluded.synced_at, payment_id = excluded.payment_id,
    revision = orders.revision + 1, record = excluded.record;

-- name: refresh_order
UPDATE orders SET status = :status, customer = :customer, synced_at = :synced_at,
                  payment_id = :payment_id, revision = revision + 1, record = :record
WHERE id = :id AND revision = :revision
RETURNING revision;

-- name: open_orders_of_account
SELECT count(*) FROM orders
WHERE account = :account AND status IN ('open', 'pending', 'partially_paid', 'paid', 'review');

-- name: unsettled_of_account
SELECT count(*) FROM operations
WHERE account = :account AND (state IN ('in_progress', 'unknown') OR due_at IS NOT NULL);

-- name: adopted_order
SELECT record FROM orders WHERE account = :account AND provider_order_id = :provider_order_id
ORDER BY id DESC LIMIT 1;

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

-- :ids is a JSON array of kind and id, so that an order's ids are one question.
-- name: native_ids
SELECT kind, id, native FROM links
WHERE merchant = :merchant AND world = :world AND account = :account AND (kind, id) IN (
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:ids));

-- name: merchant_id
SELECT id FROM links
WHERE account = :account AND kind = :kind AND native = :native AND merchant = :merchant AND world = :world
ORDER BY id LIMIT 1;

-- name: add_key
INSERT INTO api_keys (id, secret_hash, record) VALUES (:id, :secret_hash, :record);

-- name: find_key
SELECT record FROM api_keys WHERE secret_hash = :secret_hash;

-- name: all_keys
SELECT record, last_used_at FROM api_keys ORDER BY id;

-- name: key_by_id
SELECT record FROM api_keys WHERE id = :id;

-- name: revoked_key
SELECT id FROM api_keys WHERE id = :api_key AND revoked_at IS NOT NULL;

-- name: replace_key
UPDATE api_keys SET record = :record, revoked_at = :revoked_at WHERE id = :id;

-- A column of its own: whoever revokes or rotates a key at the same time writes the others.
-- name: touch_key
UPDATE api_keys SET last_used_at = :used_at
WHERE id = :id AND (last_used_at IS NULL OR last_used_at < :used_at);

-- A key that has expired is free for another comparison.
-- name: free_comparison_key
UPDATE comparisons SET idempotency_key = NULL
WHERE merchant = :merchant AND world = :world AND idempotency_key = :idempotency_key AND created_at < :since;

-- name: comparison_by_key
SELECT record, body, ended FROM comparisons
WHERE merchant = :merchant AND world = :world AND idempotency_key = :idempotency_key;

-- name: insert_comparison
INSERT INTO comparisons (id, merchant, world, idempotency_key, reference, created_at, ended, record, body)
VALUES (:id, :merchant, :world, :idempotency_key, :reference, :created_at, :ended, :record, :body);

-- name: end_comparison
UPDATE comparisons SET body = :body, ended = :ended WHERE id = :id AND ended = 0 RETURNING id;

-- name: comparison_by_id
SELECT record, body, ended FROM comparisons WHERE id = :id;

-- Its key stays taken: a repeat must not create the orders again.
-- name: forget_comparison
UPDATE comparisons SET body = NULL, ended = 1 WHERE id = :id;

-- name: forget_comparisons_of_reference
UPDATE comparisons SET body = NULL, ended = 1
WHERE merchant = :merchant AND world = :world AND reference = :reference;

-- name: prune_comparisons
DELETE FROM comparisons WHERE created_at < :since;

-- name: count_shadow
INSERT INTO shadows (world, merchant, account, kind, code, pointer, detail, example, orders, last_at)
VALUES (:world, :merchant, :account, :kind, :code, :pointer, :detail, :example, :orders, :last_at)
ON CONFLICT (world, merchant, account, kind, code, pointer) DO UPDATE SET
    orders = shadows.orders + excluded.orders, last_at = excluded.last_at, detail = excluded.detail,
    example = excluded.example;

-- name: shadow_counts
SELECT world, merchant, account, kind, code, pointer, detail, example, orders, last_at FROM shadows
WHERE world = :world AND (CAST(:merchant AS TEXT) IS NULL OR merchant = :merchant)
ORDER BY account, kind, orders DESC, code, pointer;

-- name: prune_shadows
DELETE FROM shadows WHERE last_at < :since;

-- name: add_session
INSERT INTO sessions (token_hash, key_id, expires_at) VALUES (:token_hash, :key_id, :now + :lifetime);

-- name: forget_sessions
DELETE FROM sessions WHERE expires_at <= :now;

-- name: keep_newest_sessions
DELETE FROM sessions WHERE key_id = :key_id AND expires_at < (
    SELECT min(newest.expires_at) FROM (
        SELECT expires_at FROM sessions WHERE key_id = :key_id ORDER BY expires_at DESC LIMIT :kept) AS newest);

-- name: session_key
SELECT api_keys.record FROM sessions JOIN api_keys ON api_keys.id = sessions.key_id
WHERE sessions.token_hash = :token_hash AND sessions.expires_at > :now;

-- name: end_session
DELETE FROM sessions WHERE token_hash = :token_hash;

-- name: ping
SELECT 1 FROM api_keys LIMIT 1;


-- Two transactions with one name follow each other. SQLite has one writer, so they do so anyway.
-- name: take_lock
SELECT :name;

-- name: drop_lock
SELECT :name;

-- name: insert_provider_event
INSERT INTO provider_events (account, event_id, type, subject, webhook, state, received_at, record, body)
VALUES (:account, :event_id, :type, :subject, :webhook,
        CASE WHEN CAST(:subject AS TEXT) IS NULL THEN 'processed' ELSE 'waiting' END, :now, :record, :body)
ON CONFLICT (account, event_id) DO NOTHING
RETURNING number;

-- The order that an operation made or changed, by the provider's id.
-- name: order_of_operation
SELECT orders.provider_order_id FROM operations JOIN orders ON orders.id = operations.order_id
WHERE operations.id = :id AND orders.account = :account;

-- name: order_of_payment
SELECT provider_order_id FROM orders WHERE account = :account AND payment_id = :payment_id ORDER BY id DESC LIMIT 1;

-- No sooner than :settle from now, so that more events can come, and :every after the last look.
-- name: tell_of_subject
INSERT INTO event_subjects (account, subject, told, due_at) VALUES (:account, :subject, 1, :now + :settle)
ON CONFLICT (account, subject) DO UPDATE SET told = event_subjects.told + 1,
    due_at = CASE
        WHEN event_subjects.due_at <= :now + :settle THEN event_subjects.due_at
        WHEN event_subjects.looked_at + :every > :now + :settle THEN event_subjects.looked_at + :every
        ELSE :now + :settle END;

-- Unknown outcomes, and those taken for not applied without the provider's word, are looked at: there is a trace.
-- name: look_at_named
UPDATE operations SET due_at = :now
WHERE id = :id AND account = :account AND (due_at IS NULL OR due_at > :now)
  AND (state = 'unknown' OR (state = 'failed' AND response_status IS NULL AND work IS NOT NULL))
RETURNING id;

-- :accounts is a JSON array: that nothing is due anywhere is one question, however many accounts there are.
-- name: accounts_with_due_subjects
SELECT value FROM json_each(:accounts)
WHERE EXISTS (SELECT 1 FROM event_subjects WHERE account = value AND due_at <= :now);

-- name: due_subjects
SELECT subject, told, tries, parked FROM event_subjects
WHERE account = :account AND due_at <= :now AND NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = event_subjects.owner AND nodes.id <> :holder AND nodes.lease_until > :now)
ORDER BY due_at LIMIT :limit;

-- name: take_subject
UPDATE event_subjects SET owner = :holder WHERE account = :account AND subject = :subject;

-- name: open_events_of_subject
SELECT record, :now - received_at FROM provider_events
WHERE account = :account AND subject = :subject AND state <> 'processed'
ORDER BY number LIMIT :limit;

-- name: finish_subject
UPDATE event_subjects SET owner = NULL, tries = 0, parked = :parked, looked_at = :now,
                          due_at = CASE WHEN told = :told THEN NULL ELSE :now + :every END
WHERE account = :account AND subject = :subject AND owner = :holder
RETURNING due_at;

-- name: close_events_of_subject
UPDATE provider_events SET state = :state, body = CASE WHEN :erase = 1 THEN NULL ELSE body END
WHERE account = :account AND subject = :subject AND state <> 'processed';

-- name: postpone_subject
UPDATE event_subjects SET owner = NULL, tries = tries + 1, looked_at = :now, due_at = :now + :pause
WHERE account = :account AND subject = :subject AND owner = :holder;

-- name: orders_to_read_again
SELECT provider_order_id FROM orders
WHERE account = :account AND status IN ('open', 'pending', 'partially_paid', 'paid', 'review')
  AND synced_at < :before AND NOT EXISTS (
    SELECT 1 FROM event_subjects WHERE event_subjects.account = orders.account AND due_at IS NOT NULL
      AND event_subjects.subject = 'order ' || orders.provider_order_id)
ORDER BY synced_at LIMIT :limit;

-- name: begin_polling
INSERT INTO account_polls (account, due_at, walked_at) VALUES (:account, :now + :every, :now)
ON CONFLICT (account) DO NOTHING;

-- One that is due later than :every from now was left by a configuration with longer pauses.
-- name: due_poll
SELECT walked_at, :now + 0 FROM account_polls
WHERE account = :account AND (due_at <= :now OR due_at > :now + :every) AND NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = account_polls.owner AND nodes.id <> :holder AND nodes.lease_until > :now);

-- name: take_poll
UPDATE account_polls SET owner = :holder WHERE account = :account;

-- name: end_poll
UPDATE account_polls SET owner = NULL, due_at = :now + :every, walked_at = COALESCE(:walked_at, walked_at)
WHERE account = :account AND owner = :holder;

-- name: last_webhook
SELECT max(received_at) FROM provider_events WHERE account = :account AND webhook = 1;

-- name: open_events
SELECT state, count(*) FROM provider_events WHERE account = :account AND state <> 'processed' GROUP BY state;

-- name: redact_provider_events
UPDATE provider_events SET body = NULL
WHERE account = :account AND body IS NOT NULL AND subject IN (
    SELECT CAST(:subject AS TEXT) UNION ALL SELECT 'operation ' || id FROM operations WHERE order_id = :order_id);

-- name: prune_provider_events
DELETE FROM provider_events WHERE number IN (
    SELECT number FROM provider_events WHERE received_at < :since AND state <> 'waiting'
    ORDER BY received_at LIMIT :limit)
RETURNING number;

-- name: prune_event_subjects
DELETE FROM event_subjects WHERE due_at IS NULL AND (account, subject) IN (
    SELECT account, subject FROM event_subjects WHERE looked_at < :since AND due_at IS NULL
    ORDER BY looked_at LIMIT :limit);

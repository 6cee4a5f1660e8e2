-- Events of providers, resync jobs, and polls. See operations.sql for the rules of these files.

-- name: insert_provider_event
INSERT INTO provider_events (account, event_id, type, subject, webhook, state, received_at, record, body)
VALUES (:account, :event_id, :type, :subject, :webhook,
        CASE WHEN CAST(:subject AS TEXT) IS NULL THEN 'processed' ELSE 'waiting' END, :now, :record, :body)
ON CONFLICT (account, event_id) DO NOTHING
RETURNING number;

-- The provider's id of the order that the operation created or changed.
-- name: order_of_operation
SELECT orders.provider_order_id FROM operations JOIN orders ON orders.id = operations.order_id
WHERE operations.id = :id AND orders.account = :account;

-- name: order_of_payment
SELECT provider_order_id FROM orders WHERE account = :account AND payment_id = :payment_id ORDER BY id DESC LIMIT 1;

-- The job is due :settle after the event, so that further events can arrive, and at least :every after the last read.
-- name: queue_resync_job
INSERT INTO resync_jobs (account, subject, notified, due_at) VALUES (:account, :subject, 1, :now + :settle)
ON CONFLICT (account, subject) DO UPDATE SET notified = resync_jobs.notified + 1,
    due_at = CASE
        WHEN resync_jobs.due_at <= :now + :settle THEN resync_jobs.due_at
        WHEN resync_jobs.resynced_at + :every > :now + :settle THEN resync_jobs.resynced_at + :every
        ELSE :now + :settle END;

-- The event names an operation whose outcome is unknown, or is failed without an answer of the provider: probe it now.
-- name: probe_named_operation
UPDATE operations SET due_at = :now
WHERE id = :id AND account = :account AND (due_at IS NULL OR due_at > :now)
  AND (state = 'unknown' OR (state = 'failed' AND response_status IS NULL AND work IS NOT NULL))
RETURNING id;

-- :accounts is a JSON array: one statement finds that no account has a due job.
-- name: accounts_with_due_jobs
SELECT value FROM json_each(:accounts)
WHERE EXISTS (SELECT 1 FROM resync_jobs WHERE account = value AND due_at <= :now);

-- name: due_resync_jobs
SELECT subject, notified, tries, parked FROM resync_jobs
WHERE account = :account AND due_at <= :now AND NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = resync_jobs.owner AND nodes.id <> :holder AND nodes.lease_until > :now)
ORDER BY due_at LIMIT :limit;

-- name: acquire_resync_job
UPDATE resync_jobs SET owner = :holder WHERE account = :account AND subject = :subject;

-- name: open_events_of_job
SELECT record, :now - received_at FROM provider_events
WHERE account = :account AND subject = :subject AND state <> 'processed'
ORDER BY number LIMIT :limit;

-- name: finish_resync_job
UPDATE resync_jobs SET owner = NULL, tries = 0, parked = :parked, resynced_at = :now,
                          due_at = CASE WHEN notified = :notified THEN NULL ELSE :now + :every END
WHERE account = :account AND subject = :subject AND owner = :holder
RETURNING due_at;

-- name: close_events_of_job
UPDATE provider_events SET state = :state, body = CASE WHEN :erase = 1 THEN NULL ELSE body END
WHERE account = :account AND subject = :subject AND state <> 'processed';

-- name: postpone_resync_job
UPDATE resync_jobs SET owner = NULL, tries = tries + 1, resynced_at = :now, due_at = :now + :pause
WHERE account = :account AND subject = :subject AND owner = :holder;

-- name: stale_orders
SELECT provider_order_id FROM orders
WHERE account = :account AND status IN ('open', 'pending', 'partially_paid', 'paid', 'review')
  AND synced_at < :before AND NOT EXISTS (
    SELECT 1 FROM resync_jobs WHERE resync_jobs.account = orders.account AND due_at IS NOT NULL
      AND resync_jobs.subject = 'order ' || orders.provider_order_id)
ORDER BY synced_at LIMIT :limit;

-- name: add_poll
INSERT INTO account_polls (account, due_at, walked_at) VALUES (:account, :now + :every, :now)
ON CONFLICT (account) DO NOTHING;

-- A poll that is due later than :every from now was scheduled by a configuration with a longer interval.
-- name: due_poll
SELECT walked_at, :now + 0 FROM account_polls
WHERE account = :account AND (due_at <= :now OR due_at > :now + :every) AND NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = account_polls.owner AND nodes.id <> :holder AND nodes.lease_until > :now);

-- name: acquire_poll
UPDATE account_polls SET owner = :holder WHERE account = :account;

-- name: release_poll
UPDATE account_polls SET owner = NULL, due_at = :now + :every, walked_at = COALESCE(:walked_at, walked_at)
WHERE account = :account AND owner = :holder;

-- name: last_webhook
SELECT max(received_at) FROM provider_events WHERE account = :account AND webhook = 1;

-- name: open_events
SELECT state, count(*) FROM provider_events WHERE account = :account AND state <> 'processed' GROUP BY state;

-- name: prune_provider_events
DELETE FROM provider_events WHERE number IN (
    SELECT number FROM provider_events WHERE received_at < :since AND state <> 'waiting'
    ORDER BY received_at LIMIT :limit)
RETURNING number;

-- name: prune_resync_jobs
DELETE FROM resync_jobs WHERE due_at IS NULL AND (account, subject) IN (
    SELECT account, subject FROM resync_jobs WHERE resynced_at < :since AND due_at IS NULL
    ORDER BY resynced_at LIMIT :limit);

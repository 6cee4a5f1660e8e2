-- Events of providers, resync jobs, and polls. PostgreSQL needs these statements in another form.

-- name: accounts_with_due_jobs
SELECT account FROM jsonb_array_elements_text(:accounts::text::jsonb) AS asked (account)
WHERE EXISTS (SELECT 1 FROM resync_jobs WHERE resync_jobs.account = asked.account AND due_at <= :now);

-- name: due_resync_jobs
SELECT subject, notified, tries, parked FROM resync_jobs
WHERE account = :account AND due_at <= :now AND NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = resync_jobs.owner AND nodes.id <> :holder AND nodes.lease_until > :now)
ORDER BY due_at LIMIT :limit
FOR UPDATE OF resync_jobs SKIP LOCKED;

-- name: due_poll
SELECT walked_at, :now + 0 FROM account_polls
WHERE account = :account AND (due_at <= :now OR due_at > :now + :every) AND NOT EXISTS (
    SELECT 1 FROM nodes WHERE nodes.id = account_polls.owner AND nodes.id <> :holder AND nodes.lease_until > :now)
FOR UPDATE OF account_polls SKIP LOCKED;

-- name: prune_provider_events
DELETE FROM provider_events WHERE number = ANY (ARRAY(
    SELECT number FROM provider_events WHERE received_at < :since AND state <> 'waiting'
    ORDER BY received_at LIMIT :limit
    FOR UPDATE SKIP LOCKED))
RETURNING number;

-- name: prune_resync_jobs
DELETE FROM resync_jobs WHERE due_at IS NULL AND ctid = ANY (ARRAY(
    SELECT ctid FROM resync_jobs WHERE resynced_at < :since AND due_at IS NULL
    ORDER BY resynced_at LIMIT :limit
    FOR UPDATE SKIP LOCKED));

-- The index finds the period; the rows of the oldest one are sorted.
-- name: stale_orders
SELECT provider_order_id FROM orders
WHERE account = :account AND status IN ('open', 'pending', 'partially_paid', 'paid', 'review')
  AND synced_period <= :before::bigint / 300000 AND synced_at < :before AND NOT EXISTS (
    SELECT 1 FROM resync_jobs WHERE resync_jobs.account = orders.account AND due_at IS NOT NULL
      AND resync_jobs.subject = 'order ' || orders.provider_order_id)
ORDER BY synced_period, synced_at LIMIT :limit;

-- Counts of shadow translations. See operations.sql for the rules of these files.

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

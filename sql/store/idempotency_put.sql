INSERT OR REPLACE INTO idempotency (scope, digest, created_ms, status, ids, item_status)
VALUES (:scope, :digest, :created_ms, :status, :ids, :item_status);

DELETE FROM idempotency
 WHERE rowid IN (SELECT rowid FROM idempotency
                  WHERE created_ms <= :before_ms
                  ORDER BY created_ms LIMIT :limit);

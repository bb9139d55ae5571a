SELECT digest, created_ms, status, ids, item_status
  FROM idempotency
 WHERE scope = :scope;

SELECT min(created_ms) FROM idempotency;

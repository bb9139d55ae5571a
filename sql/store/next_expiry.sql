SELECT min(expires_ms) FROM job WHERE expires_ms IS NOT NULL;

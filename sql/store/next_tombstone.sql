SELECT min(removed_ms) FROM tombstone;

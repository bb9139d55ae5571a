-- The last ordinals ever given and the newest moment that is stored.
SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'job'), 0),
       coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'event'), 0),
       (SELECT max(at_ms) FROM (
		SELECT at_ms FROM (SELECT at_ms FROM event
				    ORDER BY seq DESC LIMIT 1000)
		UNION ALL SELECT max(at_ms) FROM live
		UNION ALL SELECT max(removed_ms) FROM tombstone
		UNION ALL SELECT max(created_ms) FROM idempotency
		UNION ALL SELECT updated_ms FROM (SELECT updated_ms FROM job
						   ORDER BY seq DESC LIMIT 1)));

-- Events after the first are whole; the second is the newest.
SELECT coalesce((SELECT value FROM meta WHERE name = 'event_horizon'), 0),
       coalesce((SELECT max(seq) FROM event), 0);

-- All that may change in a job's life.
UPDATE job
   SET state = :state, version = :version, priority = :priority,
       progress = :progress, stage = :stage, remaining_ms = :remaining_ms,
       attempt = :attempt, max_attempts = :max_attempts,
       budget_from = :budget_from, run = :run, losses = :losses,
       on_error = :on_error, last_error = :last_error,
       last_error_attempt = :last_error_attempt, updated_ms = :updated_ms,
       not_before_ms = :not_before_ms, eligible_ms = :eligible_ms,
       started_ms = :started_ms, paused_ms = :paused_ms,
       finished_ms = :finished_ms, expires_ms = :expires_ms, ttl_s = :ttl_s,
       ttl_given = :ttl_given, title = :title, tags = :tags
 WHERE seq = :seq;

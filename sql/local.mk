# sql/: the schema, the views for people, and one statement a file
dist_man_MANS += %D%/heygend-jobs.5
SQL_SCHEMA = \
	%D%/schema/001-first.sql \
	$(NULL)
SQL_VIEWS = \
	%D%/views/history.sql \
	%D%/views/jobs.sql \
	%D%/views/queue.sql \
	%D%/views/summary.sql \
	$(NULL)
SQL_STORE = \
	%D%/store/begin.sql \
	%D%/store/bounds.sql \
	%D%/store/commit.sql \
	%D%/store/event_append.sql \
	%D%/store/event_purge.sql \
	%D%/store/event_recent.sql \
	%D%/store/idempotency_find.sql \
	%D%/store/idempotency_purge.sql \
	%D%/store/idempotency_put.sql \
	%D%/store/job_delete.sql \
	%D%/store/job_expired.sql \
	%D%/store/job_insert.sql \
	%D%/store/job_load.sql \
	%D%/store/job_tags.sql \
	%D%/store/job_update.sql \
	%D%/store/live_drop.sql \
	%D%/store/live_put.sql \
	%D%/store/meta_get.sql \
	%D%/store/meta_put.sql \
	%D%/store/meta_raise.sql \
	%D%/store/next_expiry.sql \
	%D%/store/next_idempotency.sql \
	%D%/store/next_tombstone.sql \
	%D%/store/rollback.sql \
	%D%/store/tag_delete.sql \
	%D%/store/tag_insert.sql \
	%D%/store/tombstone_delete.sql \
	%D%/store/tombstone_insert.sql \
	%D%/store/tombstone_oldest.sql \
	$(NULL)
SQL_READER = \
	%D%/reader/begin.sql \
	%D%/reader/commit.sql \
	%D%/reader/cursor_all.sql \
	%D%/reader/cursor_state.sql \
	%D%/reader/cursor_tag.sql \
	%D%/reader/events_bounds.sql \
	%D%/reader/events_of_job.sql \
	%D%/reader/events_scan.sql \
	%D%/reader/job_seq_of.sql \
	%D%/reader/tombstone_find.sql \
	$(NULL)
SQL_FILES = $(SQL_SCHEMA) $(SQL_VIEWS) $(SQL_STORE) $(SQL_READER)
EXTRA_DIST += %D%/embed.awk $(SQL_FILES)

SQL_EMBED = $(AM_V_GEN)$(MKDIR_P) %D% && out=`pwd`/$@ && cd '$(srcdir)' && \
	$(AWK) -f %D%/embed.awk -v
%D%/sql.h: %D%/embed.awk $(SQL_FILES) Makefile
	$(SQL_EMBED) want=h $(SQL_FILES) > "$$out.tmp" && mv "$$out.tmp" "$$out"
%D%/sql.c: %D%/embed.awk $(SQL_FILES) Makefile
	$(SQL_EMBED) want=c $(SQL_FILES) > "$$out.tmp" && mv "$$out.tmp" "$$out"
BUILT_SOURCES += %D%/sql.h
CLEANFILES += %D%/sql.c %D%/sql.h

# One program a module; each prints TAP.
UNIT_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) -Wno-format-extra-args
UNIT_LIBS = libcore.la $(CHECK_LIBS)
UNIT_TESTS = \
	%D%/test_body \
	%D%/test_channel \
	%D%/test_clock \
	%D%/test_engine \
	%D%/test_engine_random \
	%D%/test_engine_single \
	%D%/test_headers \
	%D%/test_job \
	%D%/test_json_check \
	%D%/test_log \
	%D%/test_memory \
	%D%/test_pace \
	%D%/test_query \
	%D%/test_queue \
	%D%/test_random \
	%D%/test_reader \
	%D%/test_reply \
	%D%/test_retry \
	%D%/test_runs \
	%D%/test_settings \
	%D%/test_settings_text \
	%D%/test_simulation \
	%D%/test_sse \
	%D%/test_store \
	%D%/test_store_faults \
	%D%/test_store_files \
	%D%/test_store_tools \
	%D%/test_timers \
	%D%/test_upgrade \
	%D%/test_wire \
	$(NULL)
if HAVE_CHECK
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif

tests_unit_test_channel_SOURCES = %D%/test_channel.c
tests_unit_test_channel_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_channel_LDADD = $(UNIT_LIBS)

tests_unit_test_clock_SOURCES = %D%/test_clock.c
tests_unit_test_clock_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_clock_LDADD = $(UNIT_LIBS)

tests_unit_test_engine_SOURCES = \
	%D%/given_engine.c \
	%D%/given_engine.h \
	%D%/given_store.c \
	%D%/given_store.h \
	%D%/test_engine.c \
	%D%/vfs_fault.c \
	%D%/vfs_fault.h \
	$(NULL)
tests_unit_test_engine_CFLAGS = $(UNIT_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_engine_LDADD = libdaemon.la $(SQLITE_LIBS) $(UNIT_LIBS)

tests_unit_test_engine_random_SOURCES = \
	%D%/given_engine.c \
	%D%/given_engine.h \
	%D%/given_store.c \
	%D%/given_store.h \
	%D%/test_engine_random.c \
	%D%/vfs_fault.c \
	%D%/vfs_fault.h \
	$(NULL)
tests_unit_test_engine_random_CFLAGS = $(UNIT_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_engine_random_LDADD = libdaemon.la $(SQLITE_LIBS) $(UNIT_LIBS)

tests_unit_test_engine_single_SOURCES = \
	%D%/given_engine.c \
	%D%/given_engine.h \
	%D%/given_store.c \
	%D%/given_store.h \
	%D%/test_engine_single.c \
	%D%/vfs_fault.c \
	%D%/vfs_fault.h \
	$(NULL)
tests_unit_test_engine_single_CFLAGS = $(UNIT_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_engine_single_LDADD = libdaemon.la $(SQLITE_LIBS) $(UNIT_LIBS)

tests_unit_test_job_SOURCES = %D%/test_job.c
tests_unit_test_job_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_job_LDADD = $(UNIT_LIBS)

tests_unit_test_json_check_SOURCES = %D%/test_json_check.c
tests_unit_test_json_check_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_json_check_LDADD = $(UNIT_LIBS)

tests_unit_test_log_SOURCES = %D%/test_log.c
tests_unit_test_log_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_log_LDADD = $(UNIT_LIBS)

tests_unit_test_queue_SOURCES = %D%/test_queue.c
tests_unit_test_queue_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_queue_LDADD = libdaemon.la $(UNIT_LIBS)

tests_unit_test_random_SOURCES = %D%/test_random.c
tests_unit_test_random_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_random_LDADD = $(UNIT_LIBS)

tests_unit_test_reader_SOURCES = \
	%D%/given_store.c \
	%D%/given_store.h \
	%D%/test_reader.c \
	$(NULL)
tests_unit_test_reader_CFLAGS = $(UNIT_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_reader_LDADD = libdaemon.la $(SQLITE_LIBS) $(UNIT_LIBS)
$(tests_unit_test_reader_OBJECTS): sql/sql.h

tests_unit_test_memory_SOURCES = %D%/test_memory.c
tests_unit_test_memory_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_memory_LDADD = libpace.la $(UNIT_LIBS) -lm

tests_unit_test_pace_SOURCES = %D%/test_pace.c
tests_unit_test_pace_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_pace_LDADD = libpace.la $(UNIT_LIBS) -lm

tests_unit_test_retry_SOURCES = %D%/test_retry.c
tests_unit_test_retry_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_retry_LDADD = libpace.la $(UNIT_LIBS)

tests_unit_test_runs_SOURCES = %D%/test_runs.c
tests_unit_test_runs_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_runs_LDADD = libworker.la $(UNIT_LIBS)

tests_unit_test_settings_SOURCES = %D%/test_settings.c
tests_unit_test_settings_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_settings_LDADD = $(UNIT_LIBS)

tests_unit_test_settings_text_SOURCES = %D%/test_settings_text.c
tests_unit_test_settings_text_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_settings_text_LDADD = $(UNIT_LIBS)

tests_unit_test_simulation_SOURCES = %D%/test_simulation.c
tests_unit_test_simulation_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_simulation_LDADD = libworker.la $(UNIT_LIBS)

tests_unit_test_store_SOURCES = \
	%D%/given_store.c \
	%D%/given_store.h \
	%D%/test_store.c \
	$(NULL)
tests_unit_test_store_CFLAGS = $(UNIT_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_LDADD = libdaemon.la $(SQLITE_LIBS) $(UNIT_LIBS)

tests_unit_test_store_files_SOURCES = \
	%D%/given_store.c \
	%D%/given_store.h \
	%D%/test_store_files.c \
	$(NULL)
tests_unit_test_store_files_CFLAGS = $(UNIT_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_files_LDADD = libdaemon.la $(SQLITE_LIBS) $(UNIT_LIBS)

tests_unit_test_store_faults_SOURCES = \
	%D%/given_store.c \
	%D%/given_store.h \
	%D%/test_store_faults.c \
	%D%/vfs_fault.c \
	%D%/vfs_fault.h \
	$(NULL)
tests_unit_test_store_faults_CFLAGS = $(UNIT_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_faults_LDADD = libdaemon.la $(SQLITE_LIBS) $(UNIT_LIBS)

# The same disk for a real daemon: vfs_fault.h tells how.
check_LTLIBRARIES += %D%/test_vfs.la
tests_unit_test_vfs_la_SOURCES = %D%/vfs_fault.c %D%/vfs_fault.h
tests_unit_test_vfs_la_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_VFS_PRELOADED
tests_unit_test_vfs_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_vfs_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-rpath /nowhere
tests_unit_test_vfs_la_LIBADD = $(SQLITE_LIBS)

# A disk that loses what was not synced: vfs_lossy.c tells how.
check_LTLIBRARIES += %D%/test_lossy.la
tests_unit_test_lossy_la_SOURCES = %D%/vfs_lossy.c
tests_unit_test_lossy_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_lossy_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version \
	-shared -rpath /nowhere
tests_unit_test_lossy_la_LIBADD = $(SQLITE_LIBS)

# A wall clock that a test can set: clock_shim.c tells how.
check_LTLIBRARIES += %D%/test_clock_shim.la
tests_unit_test_clock_shim_la_SOURCES = %D%/clock_shim.c
tests_unit_test_clock_shim_la_CFLAGS = $(AM_CFLAGS)
tests_unit_test_clock_shim_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version \
	-shared -rpath /nowhere

tests_unit_test_store_tools_SOURCES = \
	%D%/given_store.c \
	%D%/given_store.h \
	%D%/test_store_tools.c \
	$(NULL)
tests_unit_test_store_tools_CFLAGS = $(UNIT_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_tools_LDADD = libdaemon.la $(SQLITE_LIBS) $(UNIT_LIBS)
$(tests_unit_test_store_tools_OBJECTS): sql/sql.h

tests_unit_test_timers_SOURCES = %D%/test_timers.c
tests_unit_test_timers_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_timers_LDADD = libworker.la $(UNIT_LIBS)

# With one migration more: its SQL takes the place of the daemon's.
tests_unit_test_upgrade_SOURCES = \
	%D%/given_store.c \
	%D%/given_store.h \
	%D%/test_upgrade.c \
	%D%/vfs_fault.c \
	%D%/vfs_fault.h \
	$(NULL)
nodist_tests_unit_test_upgrade_SOURCES = %D%/next_sql.c
tests_unit_test_upgrade_CFLAGS = $(UNIT_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_upgrade_LDADD = libdaemon.la $(SQLITE_LIBS) $(UNIT_LIBS)
$(tests_unit_test_upgrade_OBJECTS): sql/sql.h
NEXT_SQL = $(SQL_SCHEMA) tests/data/schema/999-next.sql $(SQL_VIEWS) \
	$(SQL_STORE) $(SQL_READER)
%D%/next_sql.c: sql/embed.awk $(NEXT_SQL) Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && out=`pwd`/$@ && cd '$(srcdir)' && \
	$(AWK) -f sql/embed.awk -v want=c $(NEXT_SQL) > "$$out.tmp" && \
	mv "$$out.tmp" "$$out"
CLEANFILES += %D%/next_sql.c

tests_unit_test_body_SOURCES = %D%/test_body.c
tests_unit_test_body_CFLAGS = $(UNIT_CFLAGS) $(CJSON_CFLAGS)
tests_unit_test_body_LDADD = libdaemon.la $(UNIT_LIBS)

tests_unit_test_headers_SOURCES = %D%/test_headers.c
tests_unit_test_headers_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_headers_LDADD = libdaemon.la $(UNIT_LIBS)

tests_unit_test_query_SOURCES = %D%/test_query.c
tests_unit_test_query_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_query_LDADD = libdaemon.la $(UNIT_LIBS)

tests_unit_test_reply_SOURCES = %D%/test_reply.c
tests_unit_test_reply_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_reply_LDADD = libdaemon.la $(UNIT_LIBS)
tests_unit_test_sse_SOURCES = \
	client/buf.c \
	client/sse.c \
	%D%/test_sse.c \
	$(NULL)
tests_unit_test_sse_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_sse_LDADD = libpace.la $(UNIT_LIBS)

tests_unit_test_wire_SOURCES = \
	client/buf.c \
	client/error.c \
	client/wire.c \
	client/wire_out.c \
	%D%/test_wire.c \
	$(NULL)
tests_unit_test_wire_CFLAGS = $(UNIT_CFLAGS) $(CJSON_CFLAGS)
tests_unit_test_wire_LDADD = libpace.la $(CJSON_LIBS) $(UNIT_LIBS)

# A kernel and an allocator that refuse: refuse_shim.c tells how.
check_LTLIBRARIES += %D%/test_refuse_shim.la
tests_unit_test_refuse_shim_la_SOURCES = %D%/refuse_shim.c
tests_unit_test_refuse_shim_la_CFLAGS = $(AM_CFLAGS) -fno-builtin
tests_unit_test_refuse_shim_la_LDFLAGS = $(AM_LDFLAGS) -module \
	-avoid-version -shared -rpath /nowhere

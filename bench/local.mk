# Programs that measure: BENCH.md.
BENCHES = \
	%D%/beside \
	%D%/cpu \
	%D%/growth \
	%D%/recovery \
	%D%/running \
	%D%/start \
	%D%/status \
	%D%/submit \
	%D%/wake \
	%D%/worker \
	$(NULL)
EXTRA_PROGRAMS += $(BENCHES)
CLEANFILES += $(BENCHES)
.PHONY: benches
benches: $(BENCHES)

bench_worker_SOURCES = %D%/worker.c
bench_worker_LDADD = libcore.la

# The client's waiting in virtual time, beside what others do.
noinst_PROGRAMS += %D%/waiting
bench_waiting_SOURCES = \
	%D%/waiting.c \
	%D%/waiting.h \
	%D%/waiting_anchor.c \
	%D%/waiting_load.c \
	%D%/waiting_ours.c \
	%D%/waiting_tally.c \
	$(NULL)
bench_waiting_LDADD = libpace.la
# Those that start the real heygend.
BENCH_SERVER = \
	%D%/ask.c \
	%D%/ask.h \
	%D%/load.c \
	%D%/load.h \
	%D%/options.c \
	%D%/options.h \
	%D%/process.c \
	%D%/process.h \
	%D%/report.c \
	%D%/report.h \
	%D%/server.c \
	%D%/server.h \
	$(NULL)
bench_beside_SOURCES = \
	%D%/beside.c \
	%D%/walk.c \
	%D%/walk.h \
	$(BENCH_SERVER) \
	$(NULL)
bench_beside_LDADD = $(CIVETWEB_LIBS)
bench_cpu_SOURCES = %D%/cpu.c $(BENCH_SERVER)
bench_cpu_LDADD = $(CIVETWEB_LIBS)
bench_growth_SOURCES = \
	%D%/growth.c \
	%D%/walk.c \
	%D%/walk.h \
	$(BENCH_SERVER) \
	$(NULL)
bench_growth_LDADD = $(CIVETWEB_LIBS)
bench_recovery_SOURCES = %D%/recovery.c $(BENCH_SERVER)
bench_recovery_LDADD = $(CIVETWEB_LIBS)
bench_running_SOURCES = %D%/running.c $(BENCH_SERVER)
bench_running_LDADD = $(CIVETWEB_LIBS)
bench_start_SOURCES = %D%/start.c $(BENCH_SERVER)
bench_start_LDADD = $(CIVETWEB_LIBS)
bench_status_SOURCES = \
	%D%/status.c \
	%D%/walk.c \
	%D%/walk.h \
	$(BENCH_SERVER) \
	$(NULL)
bench_status_LDADD = $(CIVETWEB_LIBS)
bench_submit_SOURCES = %D%/submit.c $(BENCH_SERVER)
bench_submit_LDADD = libdaemon.la
$(bench_submit_OBJECTS): sql/sql.h
bench_wake_SOURCES = \
	%D%/crowd.c \
	%D%/crowd.h \
	%D%/wake.c \
	$(BENCH_SERVER) \
	$(NULL)
bench_wake_LDADD = $(CIVETWEB_LIBS)

EXTRA_DIST += \
	%D%/others/express.js \
	%D%/others/express.sh \
	%D%/others/fastapi_app.py \
	%D%/others/flask_app.py \
	%D%/others/jobs.py \
	%D%/others/nginx.py \
	%D%/others/package-lock.json \
	%D%/others/package.json \
	%D%/profile \
	%D%/run \
	$(NULL)
# The numbers, one table: BENCH_FLAGS may be --json, --quick or names.
.PHONY: bench
bench: $(BENCHES) heygend heygen-worker
	@HG_BUILDDIR='$(abs_builddir)' HG_SRCDIR='$(abs_srcdir)' \
		$(SHELL) $(srcdir)/%D%/run $(BENCH_FLAGS)

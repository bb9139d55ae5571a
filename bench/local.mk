# bench/: see HACKING.md
BENCHES = \
	%D%/running \
	%D%/start \
	%D%/status \
	%D%/submit \
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
	%D%/process.c \
	%D%/process.h \
	%D%/report.c \
	%D%/report.h \
	%D%/server.c \
	%D%/server.h \
	$(NULL)
bench_running_SOURCES = %D%/running.c $(BENCH_SERVER)
bench_running_LDADD = $(CIVETWEB_LIBS)
bench_start_SOURCES = %D%/start.c $(BENCH_SERVER)
bench_start_LDADD = $(CIVETWEB_LIBS)
bench_status_SOURCES = %D%/status.c $(BENCH_SERVER)
bench_status_LDADD = $(CIVETWEB_LIBS)
bench_submit_SOURCES = %D%/submit.c $(BENCH_SERVER)
bench_submit_LDADD = libdaemon.la
$(bench_submit_OBJECTS): sql/sql.h

EXTRA_DIST += %D%/run
# The numbers, one table: BENCH_FLAGS may be --json, --quick or names.
.PHONY: bench
bench: $(BENCHES) heygend heygen-worker
	HG_BUILDDIR='$(abs_builddir)' $(SHELL) $(srcdir)/%D%/run $(BENCH_FLAGS)

# bench/: see HACKING.md
BENCHES = \
	%D%/status \
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
BENCH_SERVER = %D%/load.c %D%/load.h %D%/server.c %D%/server.h
bench_status_SOURCES = %D%/status.c $(BENCH_SERVER)
bench_status_LDADD = $(CIVETWEB_LIBS)

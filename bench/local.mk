# bench/: see HACKING.md
BENCHES = \
	%D%/worker \
	$(NULL)
EXTRA_PROGRAMS += $(BENCHES)
CLEANFILES += $(BENCHES)
.PHONY: benches
benches: $(BENCHES)

bench_worker_SOURCES = %D%/worker.c
bench_worker_LDADD = libcore.la

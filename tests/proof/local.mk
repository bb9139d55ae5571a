# Proofs: runs that could refute a promise, not part of check.  Each is bounded
# in time and says its seed; SEED=N repeats it.  One that has not done all its
# rounds by then has proven nothing.  One that cannot be tried here, or not all
# of it, ends with 77 and appends its name to the file $PROOF_SKIPPED.
PROOF_SECONDS = 600
PROOF_KILLS = 1000
PROOF_KILLS_SECONDS = 1500
PROOF_STEPS = 400
PROOF_CLIENTS = 32
SEED =
PROOF_CRASH = $(AM_TESTS_ENVIRONMENT) \
	python3 $(top_srcdir)/tests/system/crash.py \
	--rounds $(PROOF_KILLS) --seconds $(PROOF_KILLS_SECONDS) \
	--clients $(PROOF_CLIENTS) $(SEED:%=--seed %)

PROOFS = proof-faults proof-bounds proof-daemon proof-worker proof-disk \
	proof-store proof-snapshot proof-clock proof-crowd proof-hours
.PHONY: proof $(PROOFS)
proof: all
	@PROOF_SKIPPED=`mktemp` || exit 1; export PROOF_SKIPPED; \
	trap 'rm -f "$$PROOF_SKIPPED"' EXIT; trap 'exit 1' HUP INT TERM; \
	held= failed= skipped=; for proof in $(PROOFS); do \
		: > "$$PROOF_SKIPPED"; \
		if $(MAKE) $(AM_MAKEFLAGS) $$proof; then \
			held="$$held $$proof"; \
		elif test -s "$$PROOF_SKIPPED"; then \
			skipped="$$skipped `cat "$$PROOF_SKIPPED"`"; \
		else \
			failed="$$failed $$proof"; \
		fi; \
	done; \
	all=all; \
	said="$${held:- nothing}$${skipped:+; skipped, so not shown:$$skipped}"; \
	if test "$$failed"; then \
		echo "proof: does NOT hold, or was cut short:$$failed; hold:$$said"; \
		exit 1; \
	fi; \
	test -z "$$skipped" || all=these; \
	echo "proof: $$all hold:$$said"

# What is promised besides.  Of the tests that are part of check, those that
# break the Nth write, sync or step for every N, and those of workers that are
# silent or speak nonsense: nothing in them is drawn.  And the numbers.
PROOF_FAULTS = \
	tests/system/test_clock_set.py \
	tests/system/test_crew.py \
	tests/system/test_store_faults.py \
	tests/unit/test_store_faults \
	tests/unit/test_upgrade \
	$(NULL)
proof-faults: all
	@$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(PROOF_FAULTS)'
proof-bounds: benches all
	@HG_BUILDDIR='$(abs_builddir)' HG_SRCDIR='$(abs_srcdir)' \
		$(SHELL) $(srcdir)/bench/run $(BENCH_FLAGS) start running

proof-daemon: all
	@$(PROOF_CRASH) --victim daemon
proof-worker: all
	@$(PROOF_CRASH) --victim worker
proof-disk: all
	@$(MAKE) $(AM_MAKEFLAGS) tests/unit/test_lossy.la
	@$(PROOF_CRASH) --victim daemon --lossy

# The clock: set back and forth under load, and eight hours in some minutes.
# A job costs some 60 us of CPU: ten million want a machine that is quiet.
PROOF_JOBS = 10000000
PROOF_HOURS_SECONDS = 2400
proof-clock: all
	@$(MAKE) $(AM_MAKEFLAGS) tests/unit/test_clock_shim.la
	@$(AM_TESTS_ENVIRONMENT) python3 $(srcdir)/%D%/clock.py \
		--rounds $(PROOF_STEPS) --seconds $(PROOF_SECONDS) \
		--clients $(PROOF_CLIENTS) $(SEED:%=--seed %)
proof-hours: all
	@$(AM_TESTS_ENVIRONMENT) python3 $(srcdir)/%D%/hours.py \
		--jobs $(PROOF_JOBS) --seconds $(PROOF_HOURS_SECONDS) \
		$(SEED:%=--seed %)
EXTRA_DIST += \
	%D%/clock.py \
	%D%/clock_witness.py \
	%D%/disk.py \
	%D%/flat.py \
	%D%/hours.py \
	%D%/hours_load.py \
	%D%/snapshot.py \
	%D%/store.py \
	$(NULL)

# A disk that is full, read-only, given up by the kernel, slow: only for root.
proof-store: all
	@$(MAKE) $(AM_MAKEFLAGS) tests/unit/test_vfs.la
	@$(AM_TESTS_ENVIRONMENT) python3 $(srcdir)/%D%/store.py \
		--seconds $(PROOF_SECONDS) --clients $(PROOF_CLIENTS) \
		$(SEED:%=--seed %)
# An operator holds a snapshot for a minute: 120 s in all.
proof-snapshot: all
	@$(AM_TESTS_ENVIRONMENT) python3 $(srcdir)/%D%/snapshot.py \
		$(SEED:%=--seed %)
# Ten thousand peers of the worst kinds; PARTS=idle,gone runs some of them.
PARTS =
proof-crowd: all
	@$(MAKE) $(AM_MAKEFLAGS) %D%/crowd %D%/plain
	@$(AM_TESTS_ENVIRONMENT) python3 $(srcdir)/%D%/crowd.py \
		--seconds $(PROOF_SECONDS) $(SEED:%=--seed %) \
		$(PARTS:%=--only %)
EXTRA_PROGRAMS += %D%/crowd %D%/plain
CLEANFILES += %D%/crowd %D%/plain
tests_proof_crowd_SOURCES = \
	%D%/crowd.c \
	%D%/crowd.h \
	%D%/crowd_kinds.c \
	$(NULL)
tests_proof_plain_SOURCES = %D%/plain.c
EXTRA_DIST += \
	%D%/crowd.py \
	$(NULL)

# The tests under valgrind's memcheck, with a full leak check: the units and
# the fuzz corpora, and the system tests with heygend, heygen-worker,
# heygenctl and client_probe each under a valgrind of its own (run.sh).  Then
# the tests that load the library into Python, with that Python under valgrind:
# the system's, since others may be built with what memcheck takes for errors.
# Every wait is VALGRIND_SLOW times as patient.
#
# Left out: what measures (waiting, crowd), what asks other programs (manuals,
# openapi, readme, package, client_install, proxy, unit, service, web), what
# preloads allocations or clocks of its own (refusals, refused_*, clock_set),
# crash, whose daemons do not live to tell what they leaked, client_examples,
# whose programs are documents and call what the others call, and coverage,
# crash_checker and proofs, which are all Python.
VALGRIND_SLOW = 20
VALGRIND_NAMES = client_probe heygen-worker heygenctl heygend
VALGRIND_SYSTEM = \
	tests/system/test_client_daemon.py \
	tests/system/test_client_probe.py \
	tests/system/test_crew.py \
	tests/system/test_ctl_table.py \
	tests/system/test_ctl_terminal.py \
	tests/system/test_ctl_verbs.py \
	tests/system/test_ctl_wait.py \
	tests/system/test_life.py \
	tests/system/test_log.py \
	tests/system/test_metrics.py \
	tests/system/test_model.py \
	tests/system/test_notify.py \
	tests/system/test_options.py \
	tests/system/test_raw.py \
	tests/system/test_repeatable.py \
	tests/system/test_settings.py \
	tests/system/test_sqlite3.py \
	tests/system/test_store_faults.py \
	tests/system/test_store_tools.py \
	tests/system/test_wire_access.py \
	tests/system/test_wire_edits.py \
	tests/system/test_wire_events.py \
	tests/system/test_wire_faults.py \
	tests/system/test_wire_framing.py \
	tests/system/test_wire_jobs.py \
	tests/system/test_wire_keys.py \
	tests/system/test_wire_lists.py \
	tests/system/test_wire_wait.py \
	tests/system/test_worker.py \
	$(NULL)
VALGRIND_TESTS = $(UNIT_TESTS) $(FUZZ_TARGETS) $(VALGRIND_SYSTEM)
VALGRIND_LIBRARY = \
	tests/system/test_client_calls.py \
	tests/system/test_client_hostile.py \
	tests/system/test_client_plain.py \
	tests/system/test_client_tls.py \
	tests/system/test_client_wait.py \
	tests/system/test_client_watch.py \
	$(NULL)
VALGRIND_RUN = $(abs_srcdir)/%D%/run.sh

.PHONY: check-valgrind
check-valgrind: all
	@rm -rf valgrind && $(MKDIR_P) valgrind/log
	@for name in $(VALGRIND_NAMES); do \
		ln -s '$(abs_srcdir)/%D%/run.sh' valgrind/$$name || exit 1; \
	done
	@v='$(abs_builddir)/valgrind'; status=0; \
	export HG_SLOW=$(VALGRIND_SLOW) HG_VALGRIND=yes; \
	HEYGEND="$$v/heygend" HEYGEN_WORKER="$$v/heygen-worker" \
	HEYGENCTL="$$v/heygenctl" CLIENT_PROBE="$$v/client_probe" \
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(VALGRIND_TESTS)' \
		LOG_COMPILER='$(VALGRIND_RUN)' || status=1; \
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(VALGRIND_LIBRARY)' \
		PY_LOG_COMPILER='$(VALGRIND_RUN) /usr/bin/python3' || status=1; \
	find valgrind/log -type f -size +0 -exec cat {} + | grep . && status=1; \
	exit $$status
EXTRA_DIST += %D%/run.sh %D%/suppressions tests/sanitizer/matrix.sh

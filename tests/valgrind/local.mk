# The tests under valgrind's memcheck, with a full leak check: the units and
# the fuzz corpora, and the system tests with heygend, heygen-worker,
# heygenctl and client_probe each under a valgrind of its own (run.sh).
# Every wait is VALGRIND_SLOW times as patient.
#
# Left out: what measures (waiting), what asks other programs (manuals,
# openapi, proxy, install, web), and what runs an installed heygend.
VALGRIND_SLOW = 20
VALGRIND_NAMES = client_probe heygen-worker heygenctl heygend
VALGRIND_SYSTEM = \
	tests/system/test_client_probe.py \
	tests/system/test_crew.py \
	tests/system/test_ctl_table.py \
	tests/system/test_ctl_terminal.py \
	tests/system/test_ctl_verbs.py \
	tests/system/test_ctl_wait.py \
	tests/system/test_life.py \
	tests/system/test_log.py \
	tests/system/test_metrics.py \
	tests/system/test_notify.py \
	tests/system/test_raw.py \
	tests/system/test_sqlite3.py \
	tests/system/test_store_faults.py \
	tests/system/test_store_tools.py \
	tests/system/test_wire_access.py \
	tests/system/test_wire_events.py \
	tests/system/test_wire_faults.py \
	tests/system/test_wire_framing.py \
	tests/system/test_wire_jobs.py \
	tests/system/test_wire_keys.py \
	tests/system/test_wire_wait.py \
	tests/system/test_worker.py \
	$(NULL)
VALGRIND_TESTS = $(UNIT_TESTS) $(FUZZ_TARGETS) $(VALGRIND_SYSTEM)

.PHONY: check-valgrind
check-valgrind: all
	@rm -rf valgrind && $(MKDIR_P) valgrind/log
	@for name in $(VALGRIND_NAMES); do \
		ln -s '$(abs_srcdir)/%D%/run.sh' valgrind/$$name || exit 1; \
	done
	@v='$(abs_builddir)/valgrind'; status=0; \
	HEYGEND="$$v/heygend" HEYGEN_WORKER="$$v/heygen-worker" \
	HEYGENCTL="$$v/heygenctl" CLIENT_PROBE="$$v/client_probe" \
	HG_SLOW=$(VALGRIND_SLOW) HG_VALGRIND=yes \
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(VALGRIND_TESTS)' \
		LOG_COMPILER='$(abs_srcdir)/%D%/run.sh' || status=1; \
	find valgrind/log -type f -size +0 -exec cat {} + | grep . && status=1; \
	exit $$status
EXTRA_DIST += %D%/run.sh %D%/suppressions tests/sanitizer/matrix.sh

# The real daemon, the real library; Python 3's standard library only.
SYSTEM_TESTS = \
	%D%/test_client_calls.py \
	%D%/test_client_daemon.py \
	%D%/test_client_examples.py \
	%D%/test_client_hostile.py \
	%D%/test_client_install.py \
	%D%/test_client_plain.py \
	%D%/test_client_probe.py \
	%D%/test_client_tls.py \
	%D%/test_client_wait.py \
	%D%/test_client_watch.py \
	%D%/test_clock_set.py \
	%D%/test_coverage.py \
	%D%/test_crash.py \
	%D%/test_crash_checker.py \
	%D%/test_crew.py \
	%D%/test_crowd.py \
	%D%/test_ctl_table.py \
	%D%/test_ctl_terminal.py \
	%D%/test_ctl_verbs.py \
	%D%/test_ctl_wait.py \
	%D%/test_life.py \
	%D%/test_log.py \
	%D%/test_manuals.py \
	%D%/test_model.py \
	%D%/test_notify.py \
	%D%/test_package.py \
	%D%/test_proofs.py \
	%D%/test_proxy.py \
	%D%/test_service.py \
	%D%/test_settings.py \
	%D%/test_unit.py \
	%D%/test_wire_access.py \
	%D%/test_wire_edits.py \
	%D%/test_wire_events.py \
	%D%/test_wire_faults.py \
	%D%/test_wire_framing.py \
	%D%/test_wire_jobs.py \
	%D%/test_wire_lists.py \
	%D%/test_metrics.py \
	%D%/test_openapi.py \
	%D%/test_options.py \
	%D%/test_raw.py \
	%D%/test_refusals.py \
	%D%/test_refused_ctl.py \
	%D%/test_refused_life.py \
	%D%/test_refused_rows.py \
	%D%/test_readme.py \
	%D%/test_repeatable.py \
	%D%/test_sqlite3.py \
	%D%/test_waiting.py \
	%D%/test_store_faults.py \
	%D%/test_store_tools.py \
	%D%/test_wire_keys.py \
	%D%/test_wire_wait.py \
	%D%/test_worker.py \
	$(NULL)
TESTS += $(SYSTEM_TESTS)
EXTRA_DIST += $(SYSTEM_TESTS) \
	%D%/bad_worker.py \
	%D%/crash.py \
	%D%/crash_check.py \
	%D%/crash_clients.py \
	%D%/ctl.py \
	%D%/fake.py \
	%D%/heygend.py \
	%D%/hglib.py \
	%D%/lossy.py \
	%D%/on-debian.sh \
	%D%/openapi.py \
	%D%/refuse.py \
	%D%/sandbox.py \
	%D%/systemd-sandbox.sh \
	$(NULL)

# what the tests of the library need in C
check_PROGRAMS += client_probe
client_probe_SOURCES = %D%/client_probe.c
client_probe_CPPFLAGS = -I$(top_srcdir)/client
client_probe_CFLAGS = $(AM_CFLAGS)
client_probe_LDADD = libheygen-client.la

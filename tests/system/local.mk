# The real daemon, the real library; Python 3's standard library only.
SYSTEM_TESTS = \
	%D%/test_client_hostile.py \
	%D%/test_client_plain.py \
	%D%/test_client_wait.py \
	%D%/test_ctl_table.py \
	%D%/test_life.py \
	%D%/test_wire_access.py \
	%D%/test_wire_framing.py \
	%D%/test_wire_jobs.py \
	%D%/test_sqlite3.py \
	%D%/test_waiting.py \
	%D%/test_worker.py \
	$(NULL)
TESTS += $(SYSTEM_TESTS)
EXTRA_DIST += $(SYSTEM_TESTS) %D%/ctl.py %D%/fake.py %D%/heygend.py %D%/hglib.py

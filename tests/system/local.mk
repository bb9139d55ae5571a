# The real daemon, the real library; Python 3's standard library only.
SYSTEM_TESTS = \
	%D%/test_worker.py \
	$(NULL)
TESTS += $(SYSTEM_TESTS)
EXTRA_DIST += $(SYSTEM_TESTS) %D%/heygend.py

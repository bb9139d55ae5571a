# One program a module; each prints TAP.
UNIT_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) -Wno-format-extra-args
UNIT_LIBS = libcore.la $(CHECK_LIBS)
UNIT_TESTS = \
	%D%/test_channel \
	%D%/test_job \
	%D%/test_random \
	%D%/test_retry \
	$(NULL)
if HAVE_CHECK
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif

tests_unit_test_channel_SOURCES = %D%/test_channel.c
tests_unit_test_channel_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_channel_LDADD = $(UNIT_LIBS)

tests_unit_test_job_SOURCES = %D%/test_job.c
tests_unit_test_job_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_job_LDADD = $(UNIT_LIBS)

tests_unit_test_random_SOURCES = %D%/test_random.c
tests_unit_test_random_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_random_LDADD = $(UNIT_LIBS)

tests_unit_test_retry_SOURCES = %D%/test_retry.c
tests_unit_test_retry_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_retry_LDADD = libpace.la $(UNIT_LIBS)

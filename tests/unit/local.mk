# One program a module; each prints TAP.
UNIT_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) -Wno-format-extra-args
UNIT_LIBS = libcore.la $(CHECK_LIBS)
UNIT_TESTS = \
	%D%/test_channel \
	%D%/test_job \
	%D%/test_random \
	%D%/test_retry \
	%D%/test_store \
	%D%/test_store_files \
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

tests_unit_test_store_SOURCES = \
	%D%/given_store.c \
	%D%/given_store.h \
	%D%/test_store.c \
	$(NULL)
tests_unit_test_store_CFLAGS = $(UNIT_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_LDADD = libdaemon.la $(SQLITE_LIBS) $(UNIT_LIBS)

tests_unit_test_store_files_SOURCES = \
	%D%/given_store.c \
	%D%/given_store.h \
	%D%/test_store_files.c \
	$(NULL)
tests_unit_test_store_files_CFLAGS = $(UNIT_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_files_LDADD = libdaemon.la $(SQLITE_LIBS) $(UNIT_LIBS)

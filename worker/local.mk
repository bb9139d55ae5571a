# worker/: heygen-worker; all but its loop is a library that the tests link
pkglibexec_PROGRAMS += heygen-worker
noinst_LTLIBRARIES += libworker.la
libworker_la_SOURCES = \
	%D%/runs.c \
	%D%/runs.h \
	%D%/simulation.c \
	%D%/simulation.h \
	%D%/timers.c \
	%D%/timers.h \
	$(NULL)
heygen_worker_SOURCES = %D%/worker.c
heygen_worker_LDADD = libworker.la libcore.la

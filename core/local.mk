# core/: what both programs stand on; one uninstalled convenience library
noinst_LTLIBRARIES += libcore.la
libcore_la_SOURCES = \
	%D%/job.c \
	%D%/job.h \
	$(NULL)
libcore_la_CFLAGS = $(AM_CFLAGS) $(INIH_CFLAGS)
libcore_la_LIBADD = $(INIH_LIBS)

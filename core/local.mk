# core/: what both programs stand on; one uninstalled convenience library
noinst_LTLIBRARIES += libcore.la
libcore_la_SOURCES = \
	%D%/channel.c \
	%D%/channel.h \
	%D%/job.c \
	%D%/job.h \
	%D%/random.c \
	%D%/random.h \
	$(NULL)
libcore_la_CFLAGS = $(AM_CFLAGS) $(INIH_CFLAGS)
libcore_la_LIBADD = $(INIH_LIBS)

# core/: what both programs stand on; one uninstalled convenience library
noinst_LTLIBRARIES += libcore.la
libcore_la_SOURCES = \
	%D%/channel.c \
	%D%/channel.h \
	%D%/clock.c \
	%D%/clock.h \
	%D%/job.c \
	%D%/job.h \
	%D%/json_check.c \
	%D%/json_check.h \
	%D%/log.c \
	%D%/log.h \
	%D%/random.c \
	%D%/random.h \
	%D%/settings.c \
	%D%/settings.h \
	%D%/settings_print.c \
	%D%/settings_row.c \
	%D%/settings_row.h \
	%D%/utf8.h \
	$(NULL)
libcore_la_CFLAGS = $(AM_CFLAGS) $(INIH_CFLAGS)
libcore_la_LIBADD = $(INIH_LIBS)

# client/: libheygen-client and heygenctl
pkgconfig_DATA = client/libheygen-client.pc
include_HEADERS += %D%/heygen-client.h

# The pure part of the library: no clock, no I/O, nothing exported.  The bench
# and the unit tests stand on it alone.
noinst_LTLIBRARIES += libpace.la
libpace_la_SOURCES = \
	%D%/alloc.c \
	%D%/alloc.h \
	%D%/retry.c \
	%D%/retry.h \
	$(NULL)
noinst_HEADERS += \
	%D%/memory.h \
	%D%/pace.h \
	$(NULL)

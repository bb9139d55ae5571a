# client/: libheygen-client and heygenctl
pkgconfig_DATA = client/libheygen-client.pc
include_HEADERS += %D%/heygen-client.h

# The pure part of the library: no clock, no I/O, nothing exported.  The bench
# and the unit tests stand on it alone.
noinst_LTLIBRARIES += libpace.la
libpace_la_SOURCES = \
	%D%/alloc.c \
	%D%/alloc.h \
	%D%/memory.c \
	%D%/memory.h \
	%D%/pace.c \
	%D%/pace.h \
	%D%/pace_many.c \
	%D%/pace_single.h \
	%D%/plan.c \
	%D%/plan.h \
	%D%/retry.c \
	%D%/retry.h \
	$(NULL)

# The library.  Nothing but HG_API leaves it: the list is compared by a test.
lib_LTLIBRARIES += libheygen-client.la
libheygen_client_la_SOURCES = \
	core/json_check.c \
	core/json_check.h \
	%D%/buf.c \
	%D%/buf.h \
	%D%/call.c \
	%D%/calls.c \
	%D%/client.c \
	%D%/error.c \
	%D%/error.h \
	%D%/internal.h \
	%D%/job.c \
	%D%/look.c \
	%D%/sse.c \
	%D%/sse.h \
	%D%/transport.c \
	%D%/transport.h \
	%D%/watch.c \
	%D%/watch.h \
	%D%/watch_plan.c \
	%D%/watch_read.c \
	%D%/watch_set.c \
	%D%/wire.c \
	%D%/wire.h \
	%D%/wire_out.c \
	$(NULL)
libheygen_client_la_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(CJSON_CFLAGS) \
	-fvisibility=hidden
libheygen_client_la_LIBADD = libpace.la $(CURL_LIBS) $(CJSON_LIBS)
libheygen_client_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 \
	-no-undefined -export-symbols-regex '^hg_[a-z]'
EXTRA_DIST += %D%/libheygen-client.syms

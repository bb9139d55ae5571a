# Fuzz targets; fuzz.h says how to add one, run.sh how they are run.
FUZZ_TARGETS = \
	%D%/fuzz_answer \
	%D%/fuzz_body \
	%D%/fuzz_channel \
	%D%/fuzz_headers \
	%D%/fuzz_json_check \
	%D%/fuzz_page_token \
	%D%/fuzz_query \
	%D%/fuzz_settings \
	%D%/fuzz_sse \
	%D%/fuzz_wire \
	$(NULL)
FUZZERS = fuzz-answer fuzz-body fuzz-channel fuzz-headers fuzz-json_check \
	fuzz-page_token fuzz-query fuzz-settings fuzz-sse fuzz-wire
check_PROGRAMS += $(FUZZ_TARGETS)
EXTRA_DIST += $(srcdir)/%D%/corpus %D%/run.sh

if FUZZ
FUZZ_MAIN =
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
else
FUZZ_MAIN = %D%/replay.c
FUZZ_LINK = $(AM_LDFLAGS)
TESTS += $(FUZZ_TARGETS)
endif

tests_fuzz_fuzz_answer_SOURCES = \
	client/buf.c \
	client/error.c \
	client/transport.c \
	client/wire.c \
	client/wire_out.c \
	%D%/fuzz.h \
	%D%/fuzz_answer.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_answer_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(CJSON_CFLAGS)
tests_fuzz_fuzz_answer_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_answer_LDADD = libpace.la libcore.la $(CURL_LIBS) $(CJSON_LIBS)

tests_fuzz_fuzz_body_SOURCES = \
	%D%/fuzz.h \
	%D%/fuzz_body.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_body_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS)
tests_fuzz_fuzz_body_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_body_LDADD = libdaemon.la $(CJSON_LIBS)

tests_fuzz_fuzz_channel_SOURCES = \
	%D%/fuzz.h \
	%D%/fuzz_channel.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_channel_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_channel_LDADD = libworker.la libcore.la

tests_fuzz_fuzz_headers_SOURCES = \
	%D%/fuzz.h \
	%D%/fuzz_headers.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_headers_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_headers_LDADD = libdaemon.la

tests_fuzz_fuzz_json_check_SOURCES = \
	%D%/fuzz.h \
	%D%/fuzz_json_check.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_json_check_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS)
tests_fuzz_fuzz_json_check_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_json_check_LDADD = libcore.la $(CJSON_LIBS)

tests_fuzz_fuzz_page_token_SOURCES = \
	%D%/fuzz.h \
	%D%/fuzz_page_token.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_page_token_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_page_token_LDADD = libdaemon.la

tests_fuzz_fuzz_query_SOURCES = \
	%D%/fuzz.h \
	%D%/fuzz_query.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_query_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_query_LDADD = libdaemon.la

tests_fuzz_fuzz_settings_SOURCES = \
	%D%/fuzz.h \
	%D%/fuzz_settings.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_settings_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_settings_LDADD = libcore.la

tests_fuzz_fuzz_sse_SOURCES = \
	client/buf.c \
	client/sse.c \
	%D%/fuzz.h \
	%D%/fuzz_sse.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_sse_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_sse_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_sse_LDADD = libpace.la

tests_fuzz_fuzz_wire_SOURCES = \
	client/buf.c \
	client/error.c \
	client/wire.c \
	client/wire_out.c \
	%D%/fuzz.h \
	%D%/fuzz_wire.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_wire_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS)
tests_fuzz_fuzz_wire_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_wire_LDADD = libpace.la libcore.la $(CJSON_LIBS)

# What is found gathers in fuzz-NAME/.  A target that has had FUZZ_SECONDS is
# done; a finding of one does not keep the others from running.
FUZZ_SECONDS = 1800
FUZZ_ONLY = $(FUZZERS)
.PHONY: fuzz fuzz-minimise $(FUZZERS)
if FUZZ
fuzz:
	@failed=; for fuzzer in $(FUZZERS); do \
		$(MAKE) $(AM_MAKEFLAGS) $$fuzzer || failed="$$failed $$fuzzer"; \
	done; \
	test -z "$$failed" || { echo "failed:$$failed" >&2; exit 1; }
$(FUZZERS):
	@name=`echo $@ | sed s/^fuzz-//` && \
	$(MAKE) $(AM_MAKEFLAGS) %D%/fuzz_$$name && \
	$(SHELL) $(srcdir)/%D%/run.sh run $$name $(FUZZ_SECONDS) \
		%D%/fuzz_$$name $(srcdir)/%D%/corpus/$$name $(FUZZ_FLAGS)
fuzz-minimise: $(FUZZ_TARGETS)
	@for fuzzer in $(FUZZ_ONLY); do \
		name=`echo $$fuzzer | sed s/^fuzz-//` && \
		$(SHELL) $(srcdir)/%D%/run.sh minimise $$name \
			%D%/fuzz_$$name $(srcdir)/%D%/corpus/$$name || exit 1; \
	done
else
fuzz fuzz-minimise $(FUZZERS):
	@echo 'make $@ needs: configure --enable-fuzz CC=clang CXX=clang++' >&2; \
	exit 1
endif

# Fuzz targets; fuzz.h says how to add one.
FUZZ_TARGETS = \
	%D%/fuzz_body \
	%D%/fuzz_channel \
	%D%/fuzz_headers \
	%D%/fuzz_json_check \
	%D%/fuzz_query \
	%D%/fuzz_settings \
	$(NULL)
check_PROGRAMS += $(FUZZ_TARGETS)
EXTRA_DIST += $(srcdir)/%D%/corpus

if FUZZ
FUZZ_MAIN =
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
else
FUZZ_MAIN = %D%/replay.c
FUZZ_LINK = $(AM_LDFLAGS)
TESTS += $(FUZZ_TARGETS)
endif

tests_fuzz_fuzz_channel_SOURCES = \
	%D%/fuzz.h \
	%D%/fuzz_channel.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_channel_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_channel_LDADD = libworker.la libcore.la

tests_fuzz_fuzz_body_SOURCES = \
	%D%/fuzz.h \
	%D%/fuzz_body.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_body_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS)
tests_fuzz_fuzz_body_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_body_LDADD = libdaemon.la $(CJSON_LIBS)

tests_fuzz_fuzz_headers_SOURCES = \
	%D%/fuzz.h \
	%D%/fuzz_headers.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_headers_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_headers_LDADD = libdaemon.la

tests_fuzz_fuzz_query_SOURCES = \
	%D%/fuzz.h \
	%D%/fuzz_query.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_query_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_query_LDADD = libdaemon.la

tests_fuzz_fuzz_json_check_SOURCES = \
	%D%/fuzz.h \
	%D%/fuzz_json_check.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_json_check_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS)
tests_fuzz_fuzz_json_check_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_json_check_LDADD = libcore.la $(CJSON_LIBS)

tests_fuzz_fuzz_settings_SOURCES = \
	%D%/fuzz.h \
	%D%/fuzz_settings.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_settings_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_settings_LDADD = libcore.la

# New finds of a target gather in fuzz-NAME/, crashes beside it.
FUZZ_SECONDS = 60
.PHONY: fuzz
if FUZZ
fuzz: $(FUZZ_TARGETS)
	@for target in $(FUZZ_TARGETS); do \
		name=`basename $$target | sed s/^fuzz_//`; \
		echo "fuzzing $$name for $(FUZZ_SECONDS) s"; \
		mkdir -p fuzz-$$name && \
		$$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 \
			-rss_limit_mb=1024 -print_final_stats=1 -verbosity=0 \
			-artifact_prefix=fuzz-$$name. $(FUZZ_FLAGS) \
			fuzz-$$name '$(srcdir)/%D%'/corpus/$$name || exit 1; \
	done
else
fuzz:
	@echo 'make fuzz needs: configure --enable-fuzz CC=clang CXX=clang++' >&2; \
	exit 1
endif

# tests/: unit/ (Check), system/ (the real programs, Python 3), data/
include tests/analyze/local.mk
include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/openapi/local.mk
include tests/system/local.mk
include tests/valgrind/local.mk
include tests/web/local.mk
include tests/proof/local.mk
EXTRA_DIST += \
	%D%/COVERAGE.md \
	%D%/coverage.py \
	%D%/coverage_exit.c \
	%D%/data/history.txt \
	%D%/data/random.txt \
	%D%/data/raw-requests.txt \
	%D%/data/schema/999-next.sql \
	%D%/data/store-1.sql \
	%D%/demo.sh \
	%D%/npm.sh \
	$(NULL)

# The demo is a test, too: one line of TAP, its story as comments.
TESTS += %D%/demo.sh
demo: all client/examples/demo
	$(AM_V_at)HG_BUILDDIR='$(abs_top_builddir)' $(SHELL) $(srcdir)/%D%/demo.sh
.PHONY: demo

# What the tests run, in a build of its own: configure --enable-coverage.  The
# tests' own failures do not keep it from counting, and are its failure, too.
COVERAGE_LINES = 90
COVERAGE_BRANCHES = 80
COVERAGE_REPORT = python3 $(srcdir)/%D%/coverage.py $(abs_top_srcdir) \
	$(abs_top_builddir) $(COVERAGE_LINES) $(COVERAGE_BRANCHES)
if COVERAGE
heygend_SOURCES += %D%/coverage_exit.c
coverage: all
	@find . -name '*.gcda' -exec rm -f {} +
	@$(MAKE) $(AM_MAKEFLAGS) check; tested=$$?; \
	$(COVERAGE_REPORT) && exit $$tested
coverage-report:
	@$(COVERAGE_REPORT)
else
coverage coverage-report:
	@echo 'make coverage needs a build that counts:' >&2; \
	echo '	../configure --enable-coverage && make coverage' >&2; exit 1
endif
mostlyclean-local:
	-rm -rf coverage
	-find . -name '*.gc??' -exec rm -f {} +
.PHONY: coverage coverage-report

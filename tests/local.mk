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
	%D%/data/random.txt \
	%D%/data/raw-requests.txt \
	%D%/data/schema/999-next.sql \
	%D%/data/store-1.sql \
	%D%/demo.sh \
	$(NULL)

# The demo is a test, too: one line of TAP, its story as comments.
TESTS += %D%/demo.sh
demo: all client/examples/demo
	$(AM_V_at)HG_BUILDDIR='$(abs_top_builddir)' $(SHELL) $(srcdir)/%D%/demo.sh
.PHONY: demo

# tests/: unit/ (Check), system/ (the real programs, Python 3), data/
include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/system/local.mk
include tests/web/local.mk
EXTRA_DIST += \
	%D%/data/random.txt \
	%D%/data/store-1.sql \
	%D%/demo.sh \
	$(NULL)

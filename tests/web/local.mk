# The dashboard in a real browser; skipped where there is none.
WEB_TESTS = \
	%D%/harness.mjs \
	%D%/main.mjs \
	%D%/test_doing.mjs \
	%D%/test_finding.mjs \
	%D%/test_looking.mjs \
	%D%/test_speed.mjs \
	%D%/test_staying.mjs \
	$(NULL)
TESTS += %D%/run.sh
EXTRA_DIST += \
	$(WEB_TESTS) \
	%D%/package-lock.json \
	%D%/package.json \
	%D%/run.sh \
	$(NULL)

clean-local: clean-web-tests
clean-web-tests:
	-rm -rf %D%/npm
.PHONY: clean-web-tests

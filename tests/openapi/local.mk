# The description of the API under another project's eyes; skipped where npm
# is missing.
TESTS += %D%/run.sh
EXTRA_DIST += \
	%D%/package-lock.json \
	%D%/package.json \
	%D%/run.sh \
	$(NULL)

clean-local: clean-openapi-tests
clean-openapi-tests:
	-rm -rf %D%/npm
.PHONY: clean-openapi-tests

# What reads the sources instead of running them: gcc's analyzer, clang-tidy
# (.clang-tidy says what it asks), cppcheck, and shellcheck for the scripts.
# Not part of check.  ANALYZE_FILES='daemon/crew.c ...' reads only these.
ANALYZE_FILES =
ANALYZE = ANALYZE_FLAGS='$(DEFS) -I$(abs_builddir) \
	-I$(abs_srcdir) -I$(abs_srcdir)/client $(CPPFLAGS) $(CHECK_CFLAGS) \
	$(CJSON_CFLAGS) $(CURL_CFLAGS) $(INIH_CFLAGS) $(SQLITE_CFLAGS) \
	$(SYSTEMD_CFLAGS) -DPKGLIBEXECDIR=""' \
	bash $(srcdir)/%D%/run.sh
ANALYZERS = analyze-gcc analyze-clang-tidy analyze-cppcheck analyze-shellcheck
.PHONY: analyze $(ANALYZERS)
analyze:
	@$(MAKE) $(AM_MAKEFLAGS) -k $(ANALYZERS)
$(ANALYZERS): sql/sql.h
	@$(ANALYZE) $(@:analyze-%=%) '$(abs_srcdir)' $(ANALYZE_FILES)
EXTRA_DIST += .clang-tidy bench/.clang-tidy tests/.clang-tidy .shellcheckrc %D%/run.sh

# systemd/: the unit, made for where things go, and the user it runs as
systemdsystemunit_DATA = %D%/heygend.service
sysusers_DATA = %D%/heygend.conf
EXTRA_DIST += %D%/heygend.conf %D%/heygend.service.in
CLEANFILES += %D%/heygend.service

%D%/heygend.service: %D%/heygend.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	$(SED) -e 's|[@]UNIT_COMMAND@|$(UNIT_COMMAND)|g' \
	       -e 's|[@]UNIT_TYPE@|$(UNIT_TYPE)|g' \
	       -e '$(UNIT_EDIT)' \
	       '$(srcdir)/%D%/heygend.service.in' >$@.tmp && mv $@.tmp $@

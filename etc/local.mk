# etc/: the commented sample and its manual, made of the table of settings;
# `make settings` writes them anew, `make check` compares them with it.
dist_man_MANS += %D%/heygend.ini.5
EXTRA_DIST += %D%/heygend.ini

EXTRA_PROGRAMS = %D%/settings-text
etc_settings_text_SOURCES = %D%/settings-text.c
etc_settings_text_LDADD = libcore.la
CLEANFILES += $(EXTRA_PROGRAMS)

.PHONY: settings
settings: etc/settings-text$(EXEEXT)
	$(AM_V_GEN)etc/settings-text sample >heygend.ini.new && \
	mv heygend.ini.new $(srcdir)/etc/heygend.ini
	$(AM_V_GEN)etc/settings-text manual >settings.new && \
	sed -e '/^\.\\" settings begin$$/r settings.new' \
	    -e '/^\.\\" settings begin$$/,/^\.\\" settings end$$/{/^\.\\" settings /!d;}' \
	    $(srcdir)/etc/heygend.ini.5 >heygend.ini.5.new && \
	mv heygend.ini.5.new $(srcdir)/etc/heygend.ini.5 && rm settings.new

# What an operator has written stays; what nobody has touched goes.
install-data-local: install-settings
.PHONY: install-settings
install-settings:
	$(MKDIR_P) '$(DESTDIR)$(sysconfdir)'
	test -e '$(DESTDIR)$(sysconfdir)/heygend.ini' || \
	$(INSTALL_DATA) $(srcdir)/etc/heygend.ini '$(DESTDIR)$(sysconfdir)/heygend.ini'

uninstall-local: uninstall-settings
.PHONY: uninstall-settings
uninstall-settings:
	if cmp -s $(srcdir)/etc/heygend.ini '$(DESTDIR)$(sysconfdir)/heygend.ini'; \
	then rm -f '$(DESTDIR)$(sysconfdir)/heygend.ini'; fi

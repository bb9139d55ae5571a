# web/: the dashboard.  Its files become one table of bytes, the style sheet a
# part of its page, no tool but the shell's needed; heygend links libassets.la and serves them below "/".
WEB_ASSETS = \
	api.js \
	app.js \
	dom.js \
	feed.js \
	form.js \
	icon.svg \
	index.html \
	job.js \
	keep.js \
	list.js \
	queue.js \
	say.js \
	table.js \
	waterline.js \
	words.js \
	$(NULL)
WEB_SHEETS = \
	style.css \
	$(NULL)
EXTRA_DIST += \
	%D%/embed.sh \
	$(WEB_SHEETS:%=web/%) \
	$(WEB_ASSETS:%=web/%) \
	%D%/screenshots/job-dark.png \
	%D%/screenshots/jobs.png \
	$(NULL)

noinst_LTLIBRARIES += libassets.la
libassets_la_SOURCES = daemon/assets.h
nodist_libassets_la_SOURCES = %D%/assets.c doc/documents.c
CLEANFILES += %D%/assets.c

%D%/assets.c: %D%/embed.sh %D%/local.mk $(WEB_ASSETS:%=web/%) $(WEB_SHEETS:%=web/%)
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	$(SHELL) $(srcdir)/%D%/embed.sh asset $(srcdir)/%D% $(WEB_ASSETS) > $@.tmp && \
	mv $@.tmp $@

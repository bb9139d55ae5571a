# doc/: the description of the API, embedded in heygend; what Prometheus and
# Grafana take; how nginx stands before it.
dist_doc_DATA = \
	%D%/grafana-heygend.json \
	%D%/heygend.rules.yml \
	%D%/nginx-heygend.conf \
	$(NULL)
nodist_doc_DATA = %D%/openapi.json
EXTRA_DIST += \
	%D%/openapi.json.in \
	$(NULL)
CLEANFILES += %D%/documents.c %D%/openapi.json

# the brackets keep configure from filling in the name here as well
%D%/openapi.json: %D%/openapi.json.in %D%/local.mk config.status
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	$(SED) 's/@PACKAGE[_]VERSION@/$(PACKAGE_VERSION)/' \
		$(srcdir)/%D%/openapi.json.in > $@.tmp && \
	mv $@.tmp $@

%D%/documents.c: web/embed.sh %D%/openapi.json
	$(AM_V_GEN)$(SHELL) $(srcdir)/web/embed.sh document %D% openapi.json \
		> $@.tmp && \
	mv $@.tmp $@

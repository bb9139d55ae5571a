# daemon/: the engine and the HTTP front; one library, so that tests link it
noinst_LTLIBRARIES += libdaemon.la
libdaemon_la_SOURCES = \
	%D%/board.c \
	%D%/board.h \
	%D%/board_private.h \
	%D%/board_slots.c \
	%D%/board_wait.c \
	%D%/board_write.h \
	%D%/body.c \
	%D%/body.h \
	%D%/crew.c \
	%D%/crew.h \
	%D%/cursor.c \
	%D%/cursor.h \
	%D%/engine.c \
	%D%/engine.h \
	%D%/engine_commands.c \
	%D%/engine_inbox.c \
	%D%/engine_jobs.c \
	%D%/engine_main.h \
	%D%/engine_private.h \
	%D%/engine_single.c \
	%D%/engine_start.c \
	%D%/engine_stats.c \
	%D%/engine_stats.h \
	%D%/engine_time.c \
	%D%/event.h \
	%D%/headers.c \
	%D%/headers.h \
	%D%/http.c \
	%D%/http.h \
	%D%/http_access.c \
	%D%/http_body.c \
	%D%/http_fault.c \
	%D%/http_private.h \
	%D%/http_request.c \
	%D%/http_request.h \
	%D%/http_route.c \
	%D%/http_seat.c \
	%D%/http_seat.h \
	%D%/http_stream.c \
	%D%/http_stream.h \
	%D%/index.c \
	%D%/index.h \
	%D%/json_shorten.c \
	%D%/json_shorten.h \
	%D%/keys.c \
	%D%/keys.h \
	%D%/metrics.c \
	%D%/metrics.h \
	%D%/notify.c \
	%D%/notify.h \
	%D%/options.c \
	%D%/options.h \
	%D%/outcome.h \
	%D%/page_token.c \
	%D%/page_token.h \
	%D%/process.c \
	%D%/process.h \
	%D%/query.c \
	%D%/query.h \
	%D%/queue.c \
	%D%/queue.h \
	%D%/reader.c \
	%D%/reader.h \
	%D%/reader_events.c \
	%D%/reader_list.c \
	%D%/reader_sql.h \
	%D%/reply.c \
	%D%/reply.h \
	%D%/ring.c \
	%D%/route_about.c \
	%D%/route_asset.c \
	%D%/route_bulk.c \
	%D%/route_common.c \
	%D%/route_event_stream.c \
	%D%/route_events.c \
	%D%/route_events.h \
	%D%/route_job.c \
	%D%/route_jobs.c \
	%D%/route_metrics.c \
	%D%/route_openapi.c \
	%D%/route_queue.c \
	%D%/route_result.c \
	%D%/route_status.c \
	%D%/route_stream.c \
	%D%/route_submit.c \
	%D%/route_wait.c \
	%D%/state_dir.c \
	%D%/state_dir.h \
	%D%/store.c \
	%D%/store.h \
	%D%/store_events.c \
	%D%/store_jobs.c \
	%D%/store_keys.c \
	%D%/store_log.c \
	%D%/store_row.c \
	%D%/store_schema.c \
	%D%/store_sql.c \
	%D%/store_sql.h \
	%D%/store_tools.c \
	%D%/store_tools.h \
	%D%/table.c \
	%D%/table.h \
	%D%/text.c \
	%D%/text.h \
	%D%/turn.c \
	%D%/wire_json.c \
	%D%/wire_json.h \
	$(NULL)
nodist_libdaemon_la_SOURCES = \
	sql/sql.c \
	sql/sql.h \
	$(NULL)
libdaemon_la_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS) $(SQLITE_CFLAGS) \
	$(SYSTEMD_CFLAGS)
libdaemon_la_LIBADD = libassets.la libcore.la $(CIVETWEB_LIBS) $(CJSON_LIBS) \
	$(SQLITE_LIBS) $(SYSTEMD_LIBS)
$(libdaemon_la_OBJECTS): sql/sql.h

sbin_PROGRAMS += heygend
dist_man_MANS += %D%/heygend.8
heygend_SOURCES = %D%/main.c
heygend_CPPFLAGS = $(AM_CPPFLAGS) -DPKGLIBEXECDIR='"$(pkglibexecdir)"'
heygend_LDADD = libdaemon.la

# daemon/: the engine and the HTTP front; one library, so that tests link it
noinst_LTLIBRARIES += libdaemon.la
libdaemon_la_SOURCES = \
	%D%/board.c \
	%D%/board.h \
	%D%/board_private.h \
	%D%/board_wait.c \
	%D%/board_write.h \
	%D%/crew.c \
	%D%/crew.h \
	%D%/engine.c \
	%D%/engine.h \
	%D%/engine_commands.c \
	%D%/engine_jobs.c \
	%D%/engine_main.h \
	%D%/engine_private.h \
	%D%/engine_start.c \
	%D%/engine_time.c \
	%D%/event.h \
	%D%/index.c \
	%D%/index.h \
	%D%/notify.c \
	%D%/notify.h \
	%D%/options.c \
	%D%/options.h \
	%D%/queue.c \
	%D%/queue.h \
	%D%/reader.c \
	%D%/reader.h \
	%D%/reader_events.c \
	%D%/reader_list.c \
	%D%/reader_sql.h \
	%D%/ring.c \
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
	%D%/table.c \
	%D%/table.h \
	%D%/turn.c \
	$(NULL)
nodist_libdaemon_la_SOURCES = \
	sql/sql.c \
	sql/sql.h \
	$(NULL)
libdaemon_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
libdaemon_la_LIBADD = libcore.la $(SQLITE_LIBS)
$(libdaemon_la_OBJECTS): sql/sql.h

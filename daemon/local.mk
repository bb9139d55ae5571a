# daemon/: the engine and the HTTP front; one library, so that tests link it
noinst_LTLIBRARIES += libdaemon.la
libdaemon_la_SOURCES = \
	%D%/board.h \
	%D%/engine.h \
	%D%/event.h \
	%D%/reader.c \
	%D%/reader.h \
	%D%/reader_events.c \
	%D%/reader_list.c \
	%D%/reader_sql.h \
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
	$(NULL)
nodist_libdaemon_la_SOURCES = \
	sql/sql.c \
	sql/sql.h \
	$(NULL)
libdaemon_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
libdaemon_la_LIBADD = libcore.la $(SQLITE_LIBS)
$(libdaemon_la_OBJECTS): sql/sql.h

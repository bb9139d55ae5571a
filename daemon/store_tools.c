#include "daemon/store_tools.h"

#include "daemon/store_sql.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 5000	/* somebody may be recovering the log */

static int say(char *out, size_t size, int error, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int say(char *out, size_t size, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(out, size, format, args);
	va_end(args);
	return error;
}

static int open_source(const char *dir, sqlite3 **db_out, char *message_out,
		       size_t size)
{
	char path[STORE_PATH_BYTES];
	sqlite3 *db = NULL;
	int code;

	snprintf(path, sizeof(path), "%s/%s", dir, STORE_FILE);
	code = sql_open(path, SQLITE_OPEN_READONLY, &db);
	if (code == SQLITE_OK) {
		(void)sqlite3_busy_timeout(db, PATIENCE_MS);
		code = sql_exec(db, "SELECT 1 FROM sqlite_schema");
	}
	if (code == SQLITE_OK) {
		*db_out = db;
		return 0;
	}
	(void)say(message_out, size, 0, "%s: %s", path,
		  db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
	sqlite3_close(db);
	return sql_failure(code);
}

/* --- backup ------------------------------------------------------------------- */

/* In one step: one snapshot, which stops no writer.  In several, each commit
 * between them would begin the copy anew. */
static int copy(sqlite3 *from, sqlite3 *to)
{
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
	int code;

	if (!backup)
		return sqlite3_extended_errcode(to);
	code = sqlite3_backup_step(backup, -1);
	(void)sqlite3_backup_finish(backup);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int copy_to(sqlite3 *from, const char *file, char *message_out,
		   size_t size)
{
	sqlite3 *to = NULL;
	int code = sql_open(file, SQLITE_OPEN_READWRITE, &to);

	if (code == SQLITE_OK)
		code = copy(from, to);
	/* a file of its own, not one with a log beside it */
	if (code == SQLITE_OK)
		code = sql_exec(to, "PRAGMA journal_mode = DELETE");
	if (code != SQLITE_OK)
		(void)say(message_out, size, 0, "cannot back up to %s: %s",
			  file, sqlite3_errstr(code));
	sqlite3_close(to);
	return code == SQLITE_OK ? 0 : sql_failure(code);
}

int store_backup(const char *dir, const char *file, char *message_out,
		 size_t size)
{
	sqlite3 *from = NULL;
	int fd, r;

	/* the name is taken first: nobody's file is written over */
	fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return say(message_out, size, -errno, "cannot create %s: %s",
			   file, strerror(errno));
	close(fd);
	r = open_source(dir, &from, message_out, size);
	if (r == 0)
		r = copy_to(from, file, message_out, size);
	sqlite3_close(from);
	if (r < 0)
		(void)unlink(file);
	else
		(void)say(message_out, size, 0, "backed up to %s", file);
	return r;
}

/* --- check ---------------------------------------------------------------------- */

/* Each counts rows that must not be there. */
static const struct {
	const char *sql, *wrong;
} rules[] = {
	{ "SELECT count(*) FROM live WHERE job_seq NOT IN (SELECT seq FROM job)",
	  "rows of progress without a job" },
	{ "SELECT count(*) FROM job WHERE state IN ('completed', 'error', "
	  "'canceled') AND finished_ms IS NULL",
	  "finished jobs without an end" },
	{ "SELECT count(*) FROM job WHERE seq > "
	  "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'job'), "
	  "9223372036854775807)",
	  "jobs beyond the last ordinal" },
	{ "SELECT count(*) FROM event WHERE job_seq NOT IN (SELECT seq FROM job "
	  "UNION ALL SELECT job_seq FROM tombstone)",
	  "events of no job" },
	{ "SELECT count(*) FROM tombstone JOIN job USING (id)",
	  "removed jobs that are still there" },
	{ "SELECT count(*) FROM job_tag LEFT JOIN job ON seq = job_seq "
	  "WHERE instr(' ' || coalesce(tags, '') || ' ', ' ' || tag || ' ') "
	  "= 0", "tags that their job does not have" },
	{ "SELECT count(*) FROM job WHERE state NOT IN ('queued', 'running', "
	  "'paused', 'completed', 'error', 'canceled')",
	  "jobs in no state" },
};

static int check_integrity(sqlite3 *db, char *message_out, size_t size)
{
	sqlite3_stmt *st = NULL;
	int code = sql_prepare(db, "PRAGMA integrity_check(1)", &st), r = 0;

	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	if (code != SQLITE_ROW)
		r = say(message_out, size, -EUCLEAN, "%s: %s", STORE_FILE,
			sqlite3_errmsg(db));
	else if (strcmp(column_text(st, 0), "ok") != 0)
		r = say(message_out, size, -EUCLEAN, "%s is corrupt: %s",
			STORE_FILE, column_text(st, 0));
	sqlite3_finalize(st);
	return r;
}

static int check_rules(sqlite3 *db, char *message_out, size_t size)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		int64_t count = 0;
		int code = sql_number(db, rules[i].sql, &count);

		if (code != SQLITE_OK)
			return say(message_out, size, -EUCLEAN, "%s: %s",
				   STORE_FILE, sqlite3_errmsg(db));
		if (count > 0)
			return say(message_out, size, -EUCLEAN,
				   "%s has %lld %s", STORE_FILE,
				   (long long)count, rules[i].wrong);
	}
	return 0;
}

static int check_version(sqlite3 *db, int64_t *version_out,
			 char *message_out, size_t size)
{
	int64_t id = 0, version = 0;

	if (sql_number(db, "PRAGMA application_id", &id) != SQLITE_OK ||
	    sql_number(db, "PRAGMA user_version", &version) != SQLITE_OK)
		return say(message_out, size, -EUCLEAN, "%s: %s", STORE_FILE,
			   sqlite3_errmsg(db));
	if (id != STORE_APPLICATION_ID)
		return say(message_out, size, -ENOTSUP,
			   "%s is not a job database", STORE_FILE);
	if (version > schema_version)
		return say(message_out, size, -ENOTSUP,
			   "%s has schema %lld, this heygend knows %d",
			   STORE_FILE, (long long)version, schema_version);
	*version_out = version;
	return 0;
}

int store_check(const char *dir, char *message_out, size_t size)
{
	sqlite3 *db = NULL;
	int64_t jobs = 0, version = 0;
	int r = open_source(dir, &db, message_out, size);

	if (r == 0)
		r = check_version(db, &version, message_out, size);
	if (r == 0)
		r = check_integrity(db, message_out, size);
	/* the rules are about the tables as they are today */
	if (r == 0 && version == schema_version)
		r = check_rules(db, message_out, size);
	if (r == 0) {
		(void)sql_number(db, "SELECT count(*) FROM job", &jobs);
		(void)say(message_out, size, 0, "%s/%s is whole: %lld jobs",
			  dir, STORE_FILE, (long long)jobs);
	}
	sqlite3_close(db);
	return r;
}

/* store_schema.c -- from any database that heygend ever wrote to today's. */
#include "daemon/store_sql.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Is it ours, or still nobody's?  Looks only. */
static int check_owner(struct store *s)
{
	int64_t id = 0, tables = 0;
	int code;

	code = sql_number(s->db, "PRAGMA application_id", &id);
	if (code == SQLITE_OK)
		code = sql_number(s->db, "SELECT count(*) FROM sqlite_schema",
				  &tables);
	if (code != SQLITE_OK)
		return store_failed(s, code);
	if (id == STORE_APPLICATION_ID || (id == 0 && tables == 0))
		return 0;
	store_say(s, "is not a heygend database");
	return -ENOTSUP;
}

/* What can only be said before the first table; not in a transaction. */
static int prepare_empty(struct store *s)
{
	int code = sql_exec(s->db, "PRAGMA auto_vacuum = INCREMENTAL");

	return code == SQLITE_OK ? 0 : store_failed(s, code);
}

/* A view that reads a table is in the way of making that table anew.  They
 * come back when all migrations are done, also after a kill in between. */
static int drop_views(struct store *s)
{
	sqlite3_stmt *st = NULL;
	int code;

	code = sql_prepare(s->db, "SELECT coalesce(group_concat("
			   "format('DROP VIEW \"%w\"', name), ';'), '') "
			   "FROM sqlite_schema WHERE type = 'view'", &st);
	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	if (code == SQLITE_ROW) {
		char *drops = sqlite3_mprintf("%s", column_text(st, 0));

		(void)sqlite3_reset(st);	/* it reads what is dropped */
		code = drops ? sql_exec(s->db, drops) : SQLITE_NOMEM;
		sqlite3_free(drops);
	}
	sqlite3_finalize(st);
	if (code == SQLITE_OK)
		code = sql_exec(s->db, "DELETE FROM meta WHERE name = 'views'");
	return code;
}

/* The end of a transaction that went well so far, or failed with code. */
static int finish(struct store *s, int code)
{
	if (code == SQLITE_OK)
		code = sql_exec(s->db, "COMMIT");
	if (code == SQLITE_OK)
		return 0;
	code = store_failed(s, code);
	if (!sqlite3_get_autocommit(s->db))
		(void)sql_exec(s->db, "ROLLBACK");
	return code;
}

static int run_migration(struct store *s, int version)
{
	char text[128];
	int code;

	snprintf(text, sizeof(text),
		 "PRAGMA user_version = %d; PRAGMA application_id = %d;",
		 version, STORE_APPLICATION_ID);
	code = sql_exec(s->db, "BEGIN IMMEDIATE");
	if (code == SQLITE_OK && version > 1)
		code = drop_views(s);
	if (code == SQLITE_OK)
		code = sql_exec(s->db, schema_sql[version - 1]);
	if (code == SQLITE_OK)
		code = sql_exec(s->db, text);
	return finish(s, code);
}

static int migrate_tables(struct store *s)
{
	int64_t have = 0;
	int code, r = 0;

	code = sql_number(s->db, "PRAGMA user_version", &have);
	if (code != SQLITE_OK)
		return store_failed(s, code);
	if (have > schema_version) {
		store_say(s, "has schema %lld, this heygend knows %d: a newer "
			  "heygend has used it", (long long)have,
			  schema_version);
		return -ENOTSUP;
	}
	r = check_owner(s);
	if (r == 0 && have == 0)
		r = prepare_empty(s);
	if (r == 0) {
		code = sql_exec(s->db, "PRAGMA journal_mode = WAL");
		r = code == SQLITE_OK ? 0 : store_failed(s, code);
	}
	while (r == 0 && have < schema_version)
		r = run_migration(s, ++have);
	return r;
}

/* --- the views follow the program, not the schema's number ---------------------- */

static int64_t views_digest(void)
{
	uint64_t h = 14695981039346656037u;	/* FNV-1a */

	for (int i = 0; i < SCHEMA_VIEWS; i++)
		for (const char *p = view_sql[i]; *p; p++)
			h = (h ^ (unsigned char)*p) * 1099511628211u;
	return (int64_t)(h >> 1);
}

static int replace_views(struct store *s, int64_t digest)
{
	char text[160];
	int code = sql_exec(s->db, "BEGIN IMMEDIATE");

	for (int i = 0; i < SCHEMA_VIEWS && code == SQLITE_OK; i++) {
		snprintf(text, sizeof(text), "DROP VIEW IF EXISTS %s",
			 view_names[i]);
		code = sql_exec(s->db, text);
		if (code == SQLITE_OK)
			code = sql_exec(s->db, view_sql[i]);
	}
	snprintf(text, sizeof(text), "INSERT OR REPLACE INTO meta "
		 "VALUES ('views', %lld)", (long long)digest);
	if (code == SQLITE_OK)
		code = sql_exec(s->db, text);
	return finish(s, code);
}

int store_migrate(struct store *s)
{
	int64_t digest = views_digest(), have = 0;
	int code, r;

	r = migrate_tables(s);
	if (r < 0)
		return r;
	code = sql_number(s->db, "SELECT coalesce((SELECT value FROM meta "
			  "WHERE name = 'views'), 0)", &have);
	if (code != SQLITE_OK)
		return store_failed(s, code);
	return have == digest ? 0 : replace_views(s, digest);
}

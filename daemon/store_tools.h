/* store_tools.h -- what an administrator does to a store, from a process of
 * its own, also while the daemon runs.
 *
 * Both write a sentence into message_out, on failure and on success, and
 * return 0 or a negative errno. */
#ifndef DAEMON_STORE_TOOLS_H
#define DAEMON_STORE_TOOLS_H

#include <stddef.h>

/* store_backup -- copies the database of a state directory to a new file,
 * by SQLite's online backup: one snapshot, which delays no turn of a daemon
 * that runs (its log grows meanwhile).  A file that is there is not overwritten:
 * -EEXIST.  What fails leaves no file. */
int store_backup(const char *dir, const char *file, char *message_out,
		 size_t size);

/* store_check -- is the database whole?  SQLite's own checks, the schema's
 * version, no row without its job. */
int store_check(const char *dir, char *message_out, size_t size);

#endif

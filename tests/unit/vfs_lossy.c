/* vfs_lossy.c -- a disk that may lose what was not synced.
 *
 *	LD_PRELOAD=.../test_lossy.so HEYGEND_TEST_LOSSY=1 heygend ...
 *
 * Wraps SQLite's default VFS.  Each write to the database or its log is noted
 * in FILE-undo first, with what was there before and what is there now; a
 * sync forgets the notes.  After kill -9 of the process the notes are what a
 * power cut could have taken: tests/system/lossy.py takes it.
 *
 * HEYGEND_TEST_LOSSY=liar: a sync does nothing.  Such a disk is there to be
 * found out. */
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct note {			/* what follows: `old` bytes, `new` bytes */
	int64_t at, size;	/* where; the file's size before */
	int64_t old, new;	/* new: -1: cut off there */
};

/* Behind the real file, which stays the first thing in it. */
struct tail {
	const sqlite3_io_methods *real;
	sqlite3_io_methods mine;
	int undo;		/* -1: nobody's promise */
};

static sqlite3_vfs *real_vfs;
static bool liar;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static struct tail *tail_of(sqlite3_file *f)
{
	size_t before = ((size_t)real_vfs->szOsFile + 7) / 8 * 8;

	return (struct tail *)((char *)f + before);
}

static void put(int fd, const void *data, size_t bytes)
{
	if (write(fd, data, bytes) != (ssize_t)bytes)
		abort();
}

/* In one piece, so that a kill leaves whole notes and at most one torn at the
 * end, whose write has not begun. */
static int note(sqlite3_file *f, int64_t at, int64_t old_end,
		const void *new, int64_t new_bytes)
{
	struct note n = { .at = at, .new = new_bytes };
	sqlite3_int64 size;
	char *whole;

	if (tail_of(f)->real->xFileSize(f, &size) != SQLITE_OK)
		return SQLITE_IOERR;
	n.size = size;
	n.old = old_end < n.size ? old_end - at : n.size - at;
	if (n.old < 0)
		n.old = 0;
	whole = malloc(sizeof(n) + n.old + (new ? new_bytes : 0));
	if (!whole)
		return SQLITE_NOMEM;
	memcpy(whole, &n, sizeof(n));
	if (n.old > 0 && tail_of(f)->real->xRead(f, whole + sizeof(n), n.old,
						 at) != SQLITE_OK) {
		free(whole);
		return SQLITE_IOERR_READ;
	}
	if (new)
		memcpy(whole + sizeof(n) + n.old, new, new_bytes);
	put(tail_of(f)->undo, whole,
	    sizeof(n) + n.old + (new ? new_bytes : 0));
	free(whole);
	return SQLITE_OK;
}

static int l_write(sqlite3_file *f, const void *data, int bytes,
		   sqlite3_int64 at)
{
	int code = SQLITE_OK;

	pthread_mutex_lock(&mutex);
	if (tail_of(f)->undo >= 0)
		code = note(f, at, at + bytes, data, bytes);
	if (code == SQLITE_OK)
		code = tail_of(f)->real->xWrite(f, data, bytes, at);
	pthread_mutex_unlock(&mutex);
	return code;
}

static int l_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	int code = SQLITE_OK;

	pthread_mutex_lock(&mutex);
	if (tail_of(f)->undo >= 0)
		code = note(f, size, INT64_MAX, NULL, -1);
	if (code == SQLITE_OK)
		code = tail_of(f)->real->xTruncate(f, size);
	pthread_mutex_unlock(&mutex);
	return code;
}

/* The real disk is left in peace: only the notes are lost by a kill. */
static int l_sync(sqlite3_file *f, int flags)
{
	(void)flags;
	pthread_mutex_lock(&mutex);
	if (tail_of(f)->undo >= 0 && !liar && ftruncate(tail_of(f)->undo, 0) < 0)
		abort();
	pthread_mutex_unlock(&mutex);
	return SQLITE_OK;
}

static int l_close(sqlite3_file *f)
{
	if (tail_of(f)->undo >= 0)
		close(tail_of(f)->undo);
	return tail_of(f)->real->xClose(f);
}

static int l_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f,
		  int flags, int *flags_out)
{
	struct tail *tail = tail_of(f);
	char path[4096];
	int code = real_vfs->xOpen(real_vfs, name, f, flags, flags_out);

	(void)vfs;
	if (code != SQLITE_OK)
		return code;
	tail->undo = -1;
	if (name && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL))) {
		snprintf(path, sizeof(path), "%s-undo", name);
		tail->undo = open(path, O_WRONLY | O_CREAT | O_APPEND |
					O_CLOEXEC, 0600);
		if (tail->undo < 0)
			abort();
	}
	tail->real = f->pMethods;
	tail->mine = *f->pMethods;
	tail->mine.xClose = l_close;
	tail->mine.xWrite = l_write;
	tail->mine.xTruncate = l_truncate;
	tail->mine.xSync = l_sync;
	f->pMethods = &tail->mine;
	return SQLITE_OK;
}

__attribute__((constructor))
static void preloaded(void)
{
	static sqlite3_vfs vfs;
	const char *how = getenv("HEYGEND_TEST_LOSSY");

	if (!how)
		return;
	liar = strcmp(how, "liar") == 0;
	if (sqlite3_initialize() != SQLITE_OK)
		abort();
	real_vfs = sqlite3_vfs_find(NULL);
	vfs = *real_vfs;
	vfs.pNext = NULL;
	vfs.zName = "lossy";
	vfs.szOsFile = (real_vfs->szOsFile + 7) / 8 * 8 +
		       (int)sizeof(struct tail);
	vfs.xOpen = l_open;
	if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
		abort();
}

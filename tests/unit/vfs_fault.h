/* vfs_fault.h -- a disk that fails or dawdles on demand.
 *
 * Wraps SQLite's default VFS and becomes the default in its place.  A plan
 * is one line of text:
 *
 *	OPS NTH TIMES WHAT
 *
 * OPS	comma-separated: open write sync truncate shm (growing the index of
 *	the log), or all; or lock (the writer's: ioerr finds it taken),
 *	or read
 * NTH	the first such operation that is hit, counted from 1 since the plan
 *	was made
 * TIMES	how many are hit from there on; 0: all
 * WHAT	ioerr; full (disk full); short (writes half of it, then says full);
 *	delay=MS (does it, but later)
 *
 * In a unit test: link this file and call vfs_fault_plan().
 *
 * In a running daemon (or anything else that loads libsqlite3): the same
 * file is built as tests/unit/.libs/test_vfs.so.  Start the daemon with
 *
 *	LD_PRELOAD=.../test_vfs.so HEYGEND_TEST_VFS=/path/of/plan heygend ...
 *
 * and write a plan into that file to break its disk, an empty one or none
 * to mend it.  Replace the file by rename(2), so that half a plan is never
 * read; a changed plan counts from 1 again.  The file is looked at before
 * each of these operations.  Under AddressSanitizer LD_PRELOAD must name its
 * runtime first (gcc -print-file-name=libasan.so). */
#ifndef TESTS_VFS_FAULT_H
#define TESTS_VFS_FAULT_H

#include <stdbool.h>

/* Registers the VFS, once.  0, or SQLite's code. */
int vfs_fault_install(void);

/* NULL: no faults.  false: not a plan; there is none then. */
bool vfs_fault_plan(const char *plan);

/* How many operations the plan has counted and how many it has hit. */
int vfs_fault_seen(void);
int vfs_fault_hits(void);

#endif

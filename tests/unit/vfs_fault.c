#include "tests/unit/vfs_fault.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PLAN_BYTES 128

enum op {
	OP_OPEN, OP_WRITE, OP_SYNC, OP_TRUNCATE, OP_SHM, OP_LOCK, OP_READ, OPS
};
#define OPS_OF_DISK ((1u << OP_LOCK) - 1)
enum what { WHAT_IOERR, WHAT_FULL, WHAT_SHORT, WHAT_DELAY };

static const char *const op_names[OPS] = {
	"open", "write", "sync", "truncate", "shm", "lock", "read"
};

struct plan {
	unsigned ops;		/* 0: none */
	int nth, times;
	enum what what;
	int delay_ms;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct plan plan;
static char plan_text[PLAN_BYTES];
static int seen, hits;
static const char *plan_path;
static sqlite3_vfs *real;

/* --- plans ------------------------------------------------------------------------ */

static bool parse_ops(char *words, unsigned *ops_out)
{
	char *save = NULL;

	*ops_out = 0;
	for (char *w = strtok_r(words, ",", &save); w;
	     w = strtok_r(NULL, ",", &save)) {
		unsigned found = strcmp(w, "all") == 0 ? OPS_OF_DISK : 0;

		for (int i = 0; i < OPS; i++)
			if (strcmp(w, op_names[i]) == 0)
				found = 1u << i;
		if (!found)
			return false;
		*ops_out |= found;
	}
	return *ops_out != 0;
}

static bool parse_what(const char *word, struct plan *p)
{
	static const char *const names[] = { "ioerr", "full", "short" };

	for (int i = WHAT_IOERR; i < WHAT_DELAY; i++)
		if (strcmp(word, names[i]) == 0) {
			p->what = i;
			return true;
		}
	p->what = WHAT_DELAY;
	return sscanf(word, "delay=%d", &p->delay_ms) == 1 && p->delay_ms > 0;
}

static bool parse_plan(const char *text, struct plan *out)
{
	char ops[PLAN_BYTES], what[PLAN_BYTES];
	struct plan p = { .ops = 0 };

	if (sscanf(text, "%127s %d %d %127s", ops, &p.nth, &p.times,
		   what) != 4 || p.nth < 1 || p.times < 0 ||
	    !parse_ops(ops, &p.ops) || !parse_what(what, &p))
		return false;
	*out = p;
	return true;
}

/* With the mutex held.  The same plan again goes on counting. */
static bool set_plan(const char *text)
{
	static const struct plan none;

	if (strcmp(text, plan_text) == 0)
		return true;
	snprintf(plan_text, sizeof(plan_text), "%s", text);
	seen = hits = 0;
	plan = none;
	return !*text || parse_plan(text, &plan);
}

bool vfs_fault_plan(const char *text)
{
	bool valid;

	pthread_mutex_lock(&mutex);
	plan_text[0] = '\0';
	seen = hits = 0;
	plan.ops = 0;
	valid = set_plan(text ? text : "");
	pthread_mutex_unlock(&mutex);
	return valid;
}

int vfs_fault_seen(void)
{
	return seen;
}

int vfs_fault_hits(void)
{
	return hits;
}

static void read_plan_file(void)
{
	char text[PLAN_BYTES] = "";
	int fd = open(plan_path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		text[n > 0 ? n : 0] = '\0';
		close(fd);
	}
	if (!set_plan(text))
		fprintf(stderr, "test_vfs: not a plan: %s\n", text);
}

/* true: this operation is hit, as *hit_out says. */
static bool is_hit(enum op op, struct plan *hit_out)
{
	bool hit = false;

	pthread_mutex_lock(&mutex);
	if (plan_path)
		read_plan_file();
	if (plan.ops & 1u << op) {
		seen++;
		hit = seen >= plan.nth &&
		      (plan.times == 0 || seen - plan.nth < plan.times);
		hits += hit;
	}
	*hit_out = plan;
	pthread_mutex_unlock(&mutex);
	return hit;
}

/* SQLITE_OK: go on (perhaps a little later). */
static int fault(enum op op, int ioerr)
{
	struct plan p;
	struct timespec delay;

	if (!is_hit(op, &p))
		return SQLITE_OK;
	switch (p.what) {
	case WHAT_DELAY:
		delay.tv_sec = p.delay_ms / 1000;
		delay.tv_nsec = p.delay_ms % 1000 * 1000000L;
		nanosleep(&delay, NULL);
		return SQLITE_OK;
	case WHAT_IOERR:
		return ioerr;
	case WHAT_FULL:
	case WHAT_SHORT:
		break;
	}
	/* only growing a file can fill a disk */
	return op == OP_WRITE ? SQLITE_FULL
	       : op == OP_SHM ? SQLITE_IOERR_SHMSIZE : ioerr;
}

/* --- files ------------------------------------------------------------------------- */

struct fault_file {
	sqlite3_file base;
	sqlite3_file *real;
};

static sqlite3_file *real_file(sqlite3_file *file)
{
	return ((struct fault_file *)file)->real;
}

static int f_close(sqlite3_file *f)
{
	return real_file(f)->pMethods->xClose(real_file(f));
}

static int f_read(sqlite3_file *f, void *data, int bytes, sqlite3_int64 at)
{
	int code = fault(OP_READ, SQLITE_IOERR_READ);

	return code ? code
		    : real_file(f)->pMethods->xRead(real_file(f), data, bytes,
						    at);
}

static int f_write(sqlite3_file *f, const void *data, int bytes,
		   sqlite3_int64 at)
{
	int code = fault(OP_WRITE, SQLITE_IOERR_WRITE);

	if (code == SQLITE_FULL && plan.what == WHAT_SHORT)
		(void)real_file(f)->pMethods->xWrite(real_file(f), data,
						     bytes / 2, at);
	return code ? code
		    : real_file(f)->pMethods->xWrite(real_file(f), data,
						     bytes, at);
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	int code = fault(OP_TRUNCATE, SQLITE_IOERR_TRUNCATE);

	return code ? code
		    : real_file(f)->pMethods->xTruncate(real_file(f), size);
}

static int f_sync(sqlite3_file *f, int flags)
{
	int code = fault(OP_SYNC, SQLITE_IOERR_FSYNC);

	return code ? code : real_file(f)->pMethods->xSync(real_file(f), flags);
}

static int f_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return real_file(f)->pMethods->xFileSize(real_file(f), size);
}

static int f_lock(sqlite3_file *f, int lock)
{
	return real_file(f)->pMethods->xLock(real_file(f), lock);
}

static int f_unlock(sqlite3_file *f, int lock)
{
	return real_file(f)->pMethods->xUnlock(real_file(f), lock);
}

static int f_reserved(sqlite3_file *f, int *out)
{
	return real_file(f)->pMethods->xCheckReservedLock(real_file(f), out);
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
	return real_file(f)->pMethods->xFileControl(real_file(f), op, arg);
}

static int f_sector(sqlite3_file *f)
{
	return real_file(f)->pMethods->xSectorSize(real_file(f));
}

static int f_device(sqlite3_file *f)
{
	return real_file(f)->pMethods->xDeviceCharacteristics(real_file(f));
}

static int f_shm_map(sqlite3_file *f, int page, int bytes, int extend,
		     void volatile **out)
{
	int code = extend ? fault(OP_SHM, SQLITE_IOERR_SHMMAP) : SQLITE_OK;

	return code ? code
		    : real_file(f)->pMethods->xShmMap(real_file(f), page,
						      bytes, extend, out);
}

static int f_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	bool writer = offset == 0 && flags == (SQLITE_SHM_LOCK |
					       SQLITE_SHM_EXCLUSIVE);
	int code = writer ? fault(OP_LOCK, SQLITE_BUSY) : SQLITE_OK;

	return code ? code
		    : real_file(f)->pMethods->xShmLock(real_file(f), offset, n,
						       flags);
}

static void f_shm_barrier(sqlite3_file *f)
{
	real_file(f)->pMethods->xShmBarrier(real_file(f));
}

static int f_shm_unmap(sqlite3_file *f, int delete)
{
	return real_file(f)->pMethods->xShmUnmap(real_file(f), delete);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2, .xClose = f_close, .xRead = f_read, .xWrite = f_write,
	.xTruncate = f_truncate, .xSync = f_sync, .xFileSize = f_size,
	.xLock = f_lock, .xUnlock = f_unlock, .xCheckReservedLock = f_reserved,
	.xFileControl = f_control, .xSectorSize = f_sector,
	.xDeviceCharacteristics = f_device, .xShmMap = f_shm_map,
	.xShmLock = f_shm_lock, .xShmBarrier = f_shm_barrier,
	.xShmUnmap = f_shm_unmap
};

static int v_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f,
		  int flags, int *flags_out)
{
	struct fault_file *file = (struct fault_file *)f;
	int code = fault(OP_OPEN, SQLITE_CANTOPEN);

	(void)vfs;
	file->base.pMethods = NULL;
	file->real = (sqlite3_file *)(file + 1);
	if (code == SQLITE_OK)
		code = real->xOpen(real, name, file->real, flags, flags_out);
	if (code == SQLITE_OK)
		file->base.pMethods = &methods;
	return code;
}

int vfs_fault_install(void)
{
	static sqlite3_vfs vfs;
	int code = SQLITE_OK;

	if (real)
		return SQLITE_OK;
	code = sqlite3_initialize();
	if (code != SQLITE_OK)
		return code;
	real = sqlite3_vfs_find(NULL);
	/* all else is the real one's, which does not look at its argument */
	vfs = *real;
	vfs.pNext = NULL;
	vfs.zName = "fault";
	vfs.szOsFile = real->szOsFile + (int)sizeof(struct fault_file);
	vfs.xOpen = v_open;
	return sqlite3_vfs_register(&vfs, 1);
}

#ifdef TEST_VFS_PRELOADED
__attribute__((constructor))
static void preloaded(void)
{
	plan_path = getenv("HEYGEND_TEST_VFS");
	if (plan_path && vfs_fault_install() != SQLITE_OK)
		abort();
}
#endif

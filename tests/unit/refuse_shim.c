/* refuse_shim.c -- a kernel and an allocator that refuse on demand.
 *
 *	LD_PRELOAD=.../test_refuse_shim.so HEYGEND_TEST_REFUSE=PROGRAM:FILE ...
 *
 * FILE holds a struct plan, mapped, so that writing to it counts at once in
 * every process of that PROGRAM.  Its function is refused from the NTH call
 * on, counted from 1, so many TIMES (0: for ever), with that errno; the plan
 * tells how many calls it has seen and hit.  "memory" are malloc, calloc,
 * realloc, reallocarray, strdup and strndup together.
 *
 * Only calls from our own code count: the program's, the client library's.
 * What other libraries do with a refusal is not ours to test. */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct plan {
	char function[32];
	int64_t nth, times, error;
	_Atomic int64_t seen, hits;
	_Atomic int64_t on;		/* written last */
};

#define OURS_MAX 4
static struct {
	uintptr_t from, to;
} ours[OURS_MAX];
static int ours_count;
static struct plan *plan;
static atomic_bool ended;

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

/* --- who calls -------------------------------------------------------------- */

static int note_object(struct dl_phdr_info *info, size_t size, void *user)
{
	bool first = ours_count == 0;

	(void)size;
	(void)user;
	if (!first && !strstr(info->dlpi_name, "libheygen-client"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum && ours_count < OURS_MAX; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		ours[ours_count].from = info->dlpi_addr + p->p_vaddr;
		ours[ours_count++].to = info->dlpi_addr + p->p_vaddr +
					p->p_memsz;
	}
	return 0;
}

__attribute__((constructor))
static void open_plan(void)
{
	const char *text = getenv("HEYGEND_TEST_REFUSE");
	const char *colon = text ? strchr(text, ':') : NULL;
	size_t length = strlen(program_invocation_short_name);
	void *at;
	int fd;

	if (!colon || (size_t)(colon - text) != length ||
	    strncmp(text, program_invocation_short_name, length) != 0)
		return;
	fd = open(colon + 1, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		abort();
	at = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		  0);
	if (at == MAP_FAILED)
		abort();
	close(fd);
	(void)dl_iterate_phdr(note_object, NULL);
	plan = at;
}

/* What comes behind the program's end, such as writing the counters of a
 * coverage build, is not its doing. */
static void end_plan(void)
{
	atomic_store(&ended, true);
}

/* true: refuse it; errno is set. */
static bool refused(const char *function, const void *caller)
{
	static atomic_bool begun;
	uintptr_t at = (uintptr_t)caller;
	int64_t number;
	bool own = false;

	if (!plan || !atomic_load(&plan->on) || atomic_load(&ended) ||
	    strcmp(plan->function, function) != 0)
		return false;
	/* not before: who is registered before main() comes too late */
	if (!atomic_exchange(&begun, true))
		(void)atexit(end_plan);
	for (int i = 0; i < ours_count; i++)
		own |= at >= ours[i].from && at < ours[i].to;
	if (!own)
		return false;
	number = atomic_fetch_add(&plan->seen, 1) + 1;
	if (number < plan->nth ||
	    (plan->times > 0 && number >= plan->nth + plan->times))
		return false;
	atomic_fetch_add(&plan->hits, 1);
	errno = (int)plan->error;
	return true;
}

#define CALLER __builtin_return_address(0)

/* --- memory ------------------------------------------------------------------ */

void *malloc(size_t size)
{
	return refused("memory", CALLER) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return refused("memory", CALLER) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return refused("memory", CALLER) ? NULL : __libc_realloc(p, size);
}

void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return refused("memory", CALLER) ? NULL : __libc_realloc(p, bytes);
}

static char *copy(const char *text, size_t length)
{
	char *to = __libc_malloc(length + 1);

	if (to) {
		memcpy(to, text, length);
		to[length] = '\0';
	}
	return to;
}

char *strdup(const char *text)
{
	return refused("memory", CALLER) ? NULL : copy(text, strlen(text));
}

char *strndup(const char *text, size_t size)
{
	return refused("memory", CALLER) ? NULL
					 : copy(text, strnlen(text, size));
}

/* --- everything else ------------------------------------------------------------- */

static void *real(const char *name)
{
	void *at = dlsym(RTLD_NEXT, name);

	if (!at)
		abort();
	return at;
}

/* declared by hand: the headers' own declarations differ in attributes */
#define REFUSE(result, name, parameters, arguments, failure)	\
	result name parameters;					\
	result name parameters					\
	{							\
		static __typeof__(name) *next;			\
								\
		if (refused(#name, CALLER))			\
			return failure;				\
		if (!next)					\
			next = (__typeof__(name) *)real(#name);	\
		return next arguments;				\
	}

struct epoll_event;
struct itimerspec;
struct sockaddr;

struct stat;
struct rlimit;
struct termios;

REFUSE(int, socket, (int a, int b, int c), (a, b, c), -1)
REFUSE(int, socketpair, (int a, int b, int c, int *d), (a, b, c, d), -1)
REFUSE(int, bind, (int a, const struct sockaddr *b, unsigned c), (a, b, c), -1)
REFUSE(int, listen, (int a, int b), (a, b), -1)
REFUSE(ssize_t, send, (int a, const void *b, size_t c, int d), (a, b, c, d), -1)
REFUSE(ssize_t, recv, (int a, void *b, size_t c, int d), (a, b, c, d), -1)
REFUSE(int, epoll_create1, (int a), (a), -1)
REFUSE(int, epoll_ctl, (int a, int b, int c, struct epoll_event *d),
       (a, b, c, d), -1)
REFUSE(int, epoll_wait, (int a, struct epoll_event *b, int c, int d),
       (a, b, c, d), -1)
REFUSE(int, eventfd, (unsigned a, int b), (a, b), -1)
REFUSE(int, timerfd_create, (int a, int b), (a, b), -1)
REFUSE(int, timerfd_settime,
       (int a, int b, const struct itimerspec *c, struct itimerspec *d),
       (a, b, c, d), -1)
REFUSE(int, signalfd, (int a, const void *b, int c), (a, b, c), -1)
REFUSE(int, pthread_create,
       (unsigned long *a, const void *b, void *(*c)(void *), void *d),
       (a, b, c, d), errno)
REFUSE(int, posix_spawn,
       (int *a, const char *b, const void *c, const void *d,
	char *const *e, char *const *f), (a, b, c, d, e, f), errno)
REFUSE(int, mkdir, (const char *a, unsigned b), (a, b), -1)
REFUSE(int, chmod, (const char *a, unsigned b), (a, b), -1)
REFUSE(int, fstat, (int a, struct stat *b), (a, b), -1)
REFUSE(int, getrlimit, (int a, struct rlimit *b), (a, b), -1)
REFUSE(int, pipe2, (int a[2], int b), (a, b), -1)
REFUSE(int, rename, (const char *a, const char *b), (a, b), -1)
REFUSE(ssize_t, read, (int a, void *b, size_t c), (a, b, c), -1)
REFUSE(ssize_t, write, (int a, const void *b, size_t c), (a, b, c), -1)
REFUSE(int, tcgetattr, (int a, struct termios *b), (a, b), -1)
REFUSE(FILE *, fopen, (const char *a, const char *b), (a, b), NULL)
REFUSE(FILE *, fdopen, (int a, const char *b), (a, b), NULL)
REFUSE(void *, opendir, (const char *a), (a), NULL)

/* fcntl(2) of a lock has a pointer, all else an int: both fit */
int fcntl(int fd, int command, ...);
int fcntl(int fd, int command, ...)
{
	static int (*next)(int, int, ...);
	va_list args;
	void *argument;

	va_start(args, command);
	argument = va_arg(args, void *);
	va_end(args);
	if (refused("fcntl", CALLER))
		return -1;
	if (!next)
		next = (int (*)(int, int, ...))real("fcntl");
	return next(fd, command, argument);
}

int open(const char *path, int flags, ...);
int open(const char *path, int flags, ...)
{
	static int (*next)(const char *, int, ...);
	va_list args;
	unsigned mode;

	va_start(args, flags);
	mode = va_arg(args, unsigned);
	va_end(args);
	if (refused("open", CALLER))
		return -1;
	if (!next)
		next = (int (*)(const char *, int, ...))real("open");
	return next(path, flags, mode);
}

#define _GNU_SOURCE
#include "client/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HISTORY_MAX (16u << 20)

/* What is not ours is not for us to replace. */
__attribute__((format(printf, 2, 3)))
static void leave_alone(struct ctl *ctl, const char *format, ...)
{
	const char *path = ctl->options.history;
	va_list args;
	char *why;

	va_start(args, format);
	if (vasprintf(&why, format, args) < 0)
		text_die_of_memory();
	va_end(args);
	ctl_note(ctl, "--history %s: %s; it is left alone, and nothing is "
		 "remembered", path, why);
	ctl->options.history = NULL;
	free(why);
}

static void load(struct ctl *ctl, FILE *f)
{
	struct text t = { 0 };
	char block[16384];
	struct stat st;
	size_t n;

	if (fstat(fileno(f), &st) == 0 && !S_ISREG(st.st_mode)) {
		leave_alone(ctl, "not a regular file");
		return;
	}
	errno = 0;
	while (t.len <= HISTORY_MAX && (n = fread(block, 1, sizeof(block), f)))
		text_add_bytes(&t, block, n);
	if (ferror(f))
		leave_alone(ctl, "%s", strerror(errno));
	else if (t.len && hg_client_load(ctl->client, t.s, t.len) != HG_OK)
		leave_alone(ctl, "not a history of ours, or a damaged one");
	text_free(&t);
}

/* --history FILE: the library's memory of durations between two runs.  A file
 * that is not there yet, or empty, is the first run. */
void history_load(struct ctl *ctl)
{
	FILE *f = fopen(ctl->options.history, "re");

	if (f) {
		load(ctl, f);
		(void)fclose(f);
	} else if (errno != ENOENT) {
		leave_alone(ctl, "%s", strerror(errno));
	}
}

/* The old file stays whole until the new one is. */
static int replace(const char *path, const void *blob, size_t size)
{
	struct text t = { 0 };
	int fd, error = 0;
	FILE *f = NULL;

	text_addf(&t, "%s.XXXXXX", path);
	fd = mkstemp(t.s);
	if (fd < 0 || !(f = fdopen(fd, "w")))
		error = errno;
	if (f && fwrite(blob, 1, size, f) != size)
		error = errno;
	if (f ? fclose(f) : fd >= 0 ? close(fd) : 0)
		error = error ? error : errno;
	if (!error && rename(t.s, path) < 0)
		error = errno;
	if (error && fd >= 0)
		(void)unlink(t.s);
	text_free(&t);
	return error;
}

int history_save(struct ctl *ctl, const char *path)
{
	void *blob;
	size_t size;
	int error;
	hg_err e = hg_client_save(ctl->client, &blob, &size);

	if (e != HG_OK) {
		ctl_error(ctl, "--history %s: %s", path, hg_strerror(e));
		return CODE_FAILED;
	}
	error = replace(path, blob, size);
	hg_free(blob);
	if (!error)
		return CODE_DONE;
	ctl_error(ctl, "--history %s: cannot be written: %s", path,
		  strerror(error));
	return CODE_FAILED;
}

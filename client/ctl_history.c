#define _GNU_SOURCE
#include "client/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HISTORY_MAX (16u << 20)

/* --history FILE: the library's memory of durations between two runs.  A file
 * that is not there yet is the first run; one that is no history is replaced,
 * but not without a word. */
void history_load(struct ctl *ctl, const char *path)
{
	FILE *f = fopen(path, "re");
	struct text t = { 0 };
	char block[16384];
	size_t n;

	if (!f) {
		if (errno != ENOENT)
			ctl_note(ctl, "--history %s: %s; nothing is "
				 "remembered", path, strerror(errno));
		return;
	}
	while (t.len <= HISTORY_MAX && (n = fread(block, 1, sizeof(block), f)))
		text_add_bytes(&t, block, n);
	if (ferror(f))
		ctl_note(ctl, "--history %s: %s; nothing is remembered", path,
			 strerror(errno));
	else if (t.len && hg_client_load(ctl->client, t.s, t.len) != HG_OK)
		ctl_note(ctl, "--history %s: not a history of ours, or a "
			 "damaged one; nothing is remembered", path);
	(void)fclose(f);
	text_free(&t);
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

/* replay.c -- feeds a target every file of its corpus, a test each; what
 * fuzzing found, in found/, is one. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

/* The bytes lie in an allocation of just their size, for the sanitizers. */
static void replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	long size = -1;

	if (!f || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0)
		die(path);
	rewind(f);
	data = malloc(size > 0 ? (size_t)size : 1);
	if (!data || fread(data, 1, (size_t)size, f) != (size_t)size)
		die(path);
	fclose(f);
	(void)LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int list(const char *folder, struct dirent ***entries_out)
{
	int count = scandir(folder, entries_out, is_visible, alphasort);

	if (count < 0)
		die(folder);
	return count;
}

/* All that fuzzing found worth keeping is one test. */
static void replay_all(const char *folder)
{
	struct dirent **entries;
	int count = list(folder, &entries);
	char path[4096];

	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder,
			 entries[i]->d_name);
		replay(path);
		free(entries[i]);
	}
	free(entries);
}

int main(void)
{
	const char *source = getenv("HG_SRCDIR");
	struct dirent **entries;
	char folder[2048], path[3072];
	int count;

	snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s",
		 source ? source : ".", fuzz_name);
	count = list(folder, &entries);
	printf("1..%d\n", count);
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder,
			 entries[i]->d_name);
		if (strcmp(entries[i]->d_name, "found") == 0)
			replay_all(path);
		else
			replay(path);
		printf("ok %d - %s takes %s\n", i + 1, fuzz_name,
		       entries[i]->d_name);
		fflush(stdout);
		free(entries[i]);
	}
	free(entries);
	return EXIT_SUCCESS;
}

/* A file and, behind a NUL, an override: what loads must print itself, and
 * that must load and print the same. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/settings.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "settings";

static const struct settings *load(const void *file, size_t size,
				   const char *override)
{
	const struct settings *settings = NULL;
	struct settings_error error = { .exit_status = -1 };
	int fd = memfd_create("settings", 0);
	char path[64];

	if (fd < 0 || write(fd, file, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (settings_load(path, &override, override ? 1 : 0, &settings,
			  &error) < 0 &&
	    (error.exit_status < 1 || error.message[0] == '\0' ||
	     strchr(error.message, '\n')))
		abort();
	close(fd);
	return settings;
}

static char *print(const struct settings *settings)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		abort();
	settings_print(settings, f);
	if (fclose(f) != 0)
		abort();
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
	size_t file_size = nul ? (size_t)(nul - data) : size;
	char *override = nul ? strndup((const char *)nul + 1,
				       size - file_size - 1) : NULL;
	const struct settings *settings = load(data, file_size, override);

	if (settings) {
		char *text = print(settings), *again;

		settings_unref(settings);
		settings = load(text, strlen(text), NULL);
		if (!settings)
			abort();
		again = print(settings);
		if (strcmp(text, again) != 0)
			abort();
		settings_unref(settings);
		free(text);
		free(again);
	}
	free(override);
	return 0;
}

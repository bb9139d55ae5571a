#include "daemon/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct keys {
	size_t count;
	struct key {
		size_t length;
		char bytes[KEY_BYTES_MAX];	/* zeros behind */
	} items[];
};

#define KEYS_MAX 4096

void keys_free(struct keys *k)
{
	if (k)
		explicit_bzero(k, sizeof(*k) + k->count * sizeof(k->items[0]));
	free(k);
}

static int keys_add(struct keys **k, const char *key, size_t length)
{
	struct keys *more;

	if ((*k)->count == KEYS_MAX)
		return -E2BIG;
	more = calloc(1, sizeof(*more) +
			 ((*k)->count + 1) * sizeof(more->items[0]));
	if (!more)
		return -ENOMEM;
	more->count = (*k)->count + 1;
	memcpy(more->items, (*k)->items, (*k)->count * sizeof(more->items[0]));
	more->items[(*k)->count].length = length;
	memcpy(more->items[(*k)->count].bytes, key, length);
	keys_free(*k);
	*k = more;
	return 0;
}

/* A line without the space at its ends. */
static char *trim(char *line)
{
	size_t length;

	line += strspn(line, " \t\r\n");
	length = strlen(line);
	while (length > 0 && strchr(" \t\r\n", line[length - 1]))
		line[--length] = '\0';
	return line;
}

static bool key_is_good(const char *key, size_t length)
{
	if (length < KEY_BYTES_MIN || length > KEY_BYTES_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		if (key[i] <= ' ' || key[i] > '~')
			return false;
	return true;
}

static int keys_read(FILE *file, const char *path, struct keys **k,
		     char *message, size_t size)
{
	char *line = NULL;
	size_t line_size = 0;
	int number = 0, r = 0;

	while (r == 0 && getline(&line, &line_size, file) >= 0) {
		char *key = trim(line);

		number++;
		if (*key == '\0' || *key == '#')
			continue;
		if (!key_is_good(key, strlen(key))) {
			snprintf(message, size, "%s:%d: a key is %d to %d "
				 "printable characters without a space", path,
				 number, KEY_BYTES_MIN, KEY_BYTES_MAX);
			r = -EINVAL;
		} else {
			r = keys_add(k, key, strlen(key));
			if (r < 0)
				snprintf(message, size, "%s:%d: %s", path,
					 number, strerror(-r));
		}
	}
	if (r == 0 && ferror(file)) {
		r = -EIO;
		snprintf(message, size, "%s: cannot be read", path);
	}
	if (line)
		explicit_bzero(line, line_size);
	free(line);
	return r;
}

static int keys_check_file(int fd, const char *path, char *message,
			   size_t size)
{
	/* the group may read: root's file, the service's group */
	const mode_t others = S_IRWXO | S_IWGRP;
	struct stat st;

	if (fstat(fd, &st) < 0) {
		snprintf(message, size, "%s: %s", path, strerror(errno));
		return -errno;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(message, size, "%s: not a regular file", path);
		return -EINVAL;
	}
	if (st.st_mode & others) {
		snprintf(message, size, "%s: is open to others (mode "
			 "%04o); chmod 0640 it, or 0600", path,
			 (unsigned)(st.st_mode & 07777));
		return -EPERM;
	}
	return 0;
}

int keys_load(const char *path, struct keys **keys_out, char *message_out,
	      size_t message_size)
{
	struct keys *k = NULL;
	FILE *file = NULL;
	int fd, r;

	*keys_out = NULL;
	if (*path == '\0')
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		r = -errno;
		snprintf(message_out, message_size, "%s: %s", path,
			 strerror(errno));
		return r;
	}
	r = keys_check_file(fd, path, message_out, message_size);
	if (r < 0)
		goto out;
	r = -ENOMEM;
	k = calloc(1, sizeof(*k));
	file = k ? fdopen(fd, "r") : NULL;
	if (!file) {
		snprintf(message_out, message_size, "%s: out of memory", path);
		goto out;
	}
	fd = -1;
	r = keys_read(file, path, &k, message_out, message_size);
	if (r == 0 && k->count == 0) {
		snprintf(message_out, message_size, "%s: there is no key in it",
			 path);
		r = -EINVAL;
	}
out:
	if (file)
		fclose(file);
	if (fd >= 0)
		close(fd);
	if (r < 0)
		keys_free(k);
	else
		*keys_out = k;
	return r;
}

bool keys_match(const struct keys *k, const char *key)
{
	char padded[KEY_BYTES_MAX] = { 0 };
	size_t length = key ? strlen(key) : 0;
	unsigned found = 0;

	if (length <= KEY_BYTES_MAX && length > 0)
		memcpy(padded, key, length);
	for (size_t i = 0; i < k->count; i++) {
		const struct key *known = &k->items[i];
		size_t lengths = known->length ^ length;
		unsigned differ = lengths != 0;

		for (size_t n = 0; n < KEY_BYTES_MAX; n++)
			differ |= (unsigned char)known->bytes[n] ^
				  (unsigned char)padded[n];
		found |= (differ - 1) >> 31;
	}
	return found & 1;
}

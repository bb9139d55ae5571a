#include "client/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *(*hook_realloc)(void *, size_t);
static void (*hook_free)(void *);

void hg__set_allocator(void *(*realloc_fn)(void *, size_t),
		       void (*free_fn)(void *))
{
	hook_realloc = realloc_fn;
	hook_free = free_fn;
}

void *hg__realloc(void *p, size_t bytes)
{
	return hook_realloc ? hook_realloc(p, bytes) : realloc(p, bytes);
}

void *hg__calloc(size_t n, size_t size)
{
	size_t bytes = n * size;
	void *p;

	if (size && n > SIZE_MAX / size)
		return NULL;
	p = hg__realloc(NULL, bytes > 0 ? bytes : 1);
	if (p)
		memset(p, 0, bytes);
	return p;
}

void hg__free(void *p)
{
	if (!p)
		return;
	if (hook_free)
		hook_free(p);
	else
		free(p);
}

char *hg__strndup(const char *text, size_t bytes)
{
	char *copy = bytes < SIZE_MAX ? hg__realloc(NULL, bytes + 1) : NULL;

	if (copy) {
		memcpy(copy, text, bytes);
		copy[bytes] = '\0';
	}
	return copy;
}

char *hg__strdup(const char *text)
{
	return text ? hg__strndup(text, strlen(text)) : NULL;
}

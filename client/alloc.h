/* alloc.h -- the one door to the heap.
 *
 * Everything the library allocates for itself comes from here, so that
 * hg_set_allocator() reaches all of it and nothing of cJSON or curl. */
#ifndef CLIENT_ALLOC_H
#define CLIENT_ALLOC_H

#include <stddef.h>

/* NULL, NULL: back to the C library's.  Not while anything is allocated. */
void hg__set_allocator(void *(*realloc_fn)(void *, size_t),
		       void (*free_fn)(void *));

/* hg__realloc -- as realloc(); p NULL allocates, bytes is never 0.
 * hg__calloc -- n zeroed items of that size; NULL if n * size overflows. */
void *hg__realloc(void *p, size_t bytes);
void *hg__calloc(size_t n, size_t size);
void hg__free(void *p);				/* NULL is fine */
char *hg__strdup(const char *text);		/* NULL of NULL */
char *hg__strndup(const char *text, size_t bytes);

#endif

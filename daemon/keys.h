/* keys.h -- the API keys that let a client in.
 *
 * Owns the keys in memory; they are never logged.  Read once, at start. */
#ifndef DAEMON_KEYS_H
#define DAEMON_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#define KEY_BYTES_MIN 16
#define KEY_BYTES_MAX 128

struct keys;

/* keys_load -- one key a line, # begins a comment line, empty lines are
 * nothing.  path "": no keys are asked for, *keys_out is NULL.  0, or a
 * negative errno and a sentence in message_out. */
int keys_load(const char *path, struct keys **keys_out, char *message_out,
	      size_t message_size);
void keys_free(struct keys *k);		/* NULL is fine */

/* keys_match -- is it one of them?  Takes the same time whichever it is, and
 * whether it is any.  NULL: no. */
bool keys_match(const struct keys *k, const char *key);

#endif

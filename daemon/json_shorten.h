/* json_shorten.h -- numbers so long that the parser would not take them.
 *
 * Pure: knows nothing but the text that it is given. */
#ifndef DAEMON_JSON_SHORTEN_H
#define DAEMON_JSON_SHORTEN_H

#include <stddef.h>

/* json_shorten -- in place, each number of more than JSON_CHECK_NUMBER_BYTES
 * characters becomes the nearest double in fewer, and blanks; one beyond all
 * doubles stays beyond them.
 *   text  bytes of JSON, as json_check found it, and a NUL behind them */
void json_shorten(char *text, size_t bytes);

#endif

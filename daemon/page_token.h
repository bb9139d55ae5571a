/* page_token.h -- where the next page of a list begins, as text.
 *
 * A token is the ordinal to go on below and a check, so that one that was made
 * up or mangled is told from one of ours.  Nothing is kept of it: it holds for
 * as long as the jobs do. */
#ifndef DAEMON_PAGE_TOKEN_H
#define DAEMON_PAGE_TOKEN_H

#include "daemon/text.h"

#include <stdbool.h>
#include <stdint.h>

void page_token_write(struct text *t, int64_t seq);	/* quoted, for JSON */
/* False: it is none that was given out. */
bool page_token_parse(const char *token, int64_t *seq_out);

#endif

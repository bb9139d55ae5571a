/* ctl_json.h -- JSON texts re-written for output.  The texts are valid: the
 * library has checked them.  Numbers keep their digits. */
#ifndef CLIENT_CTL_JSON_H
#define CLIENT_CTL_JSON_H

#include "client/ctl_text.h"

/* json_add -- one value on one line, what may not reach a terminal escaped. */
void json_add(struct text *t, const char *json);

/* json_add_pretty -- the same, a member a line; `depth` levels of two spaces
 * are before every line but the first. */
void json_add_pretty(struct text *t, const char *json, int depth);

/* json_add_string -- s as a JSON string, "null" for NULL. */
void json_add_string(struct text *t, const char *s);

#endif

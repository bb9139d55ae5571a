/* ctl_output.h -- jobs on standard output, in the form that was asked for. */
#ifndef CLIENT_CTL_OUTPUT_H
#define CLIENT_CTL_OUTPUT_H

#include "client/ctl_options.h"
#include "client/ctl_row.h"

#include <stdbool.h>

struct ctl;
struct output;

/* output_new -- jobs will come one by one.
 *	form	FORM_TABLE is printed by output_end(), all others as they come
 *	many	json is {"jobs":[...]}, not a bare object */
struct output *output_new(struct ctl *ctl, enum form form, bool many);
void output_row(struct output *o, const struct row *row);

/* output_end -- prints the rest and frees.  Where nothing came and code is not
 * 0, there is nothing to print: not even that the list is empty. */
void output_end(struct output *o, int code);

/* output_card -- all that is known of a job, for people. */
void output_card(struct ctl *ctl, const struct row *row);

/* --- standard output itself ----------------------------------------------- */

void output_write(const char *s, size_t n);
void output_print(const char *s);
void output_text(struct text *t);	/* and empty it */

void output_flush(void);
/* output_error -- an errno: what the first write failed of; 0: none has. */
int output_error(void);

#endif

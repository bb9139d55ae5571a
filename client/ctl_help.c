#include "client/ctl_options.h"

#include "client/ctl_text.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS 80

/* add_wrapped -- words of s from column `at`; later lines are indented by
 * `indent`, none is longer than COLUMNS. */
static void add_wrapped(struct text *t, const char *s, int at, int indent)
{
	bool first = true;

	while (*s) {
		int n = (int)strcspn(s, " ");

		if (!first && at + 1 + n > COLUMNS) {
			text_add_char(t, '\n');
			text_add_spaces(t, indent);
			at = indent;
		} else if (!first) {
			text_add_char(t, ' ');
			at++;
		}
		text_add_bytes(t, s, (size_t)n);
		at += n;
		s += n + (s[n] == ' ');
		first = false;
	}
	text_add_char(t, '\n');
}

/* "  NAME        what it is" */
static void add_row(struct text *t, const char *head, const char *help,
		    int indent)
{
	int at = 2 + text_width(head);

	text_addf(t, "  %s", head);
	if (at + 2 > indent) {
		text_add_char(t, '\n');
		at = 0;
	}
	text_add_spaces(t, indent - at);
	add_wrapped(t, help, indent, indent);
}

static void add_option(struct text *t, const struct option_row *r)
{
	char head[64], letter[8] = "    ";

	if (r->letter)
		(void)snprintf(letter, sizeof(letter), "-%c, ", r->letter);
	(void)snprintf(head, sizeof(head), "%s--%s%s%s", letter, r->name,
		       r->arg ? " " : "", r->arg ? r->arg : "");
	add_row(t, head, r->help, 28);
}

static void add_options(struct text *t, const char *head,
			const struct verb_row *verb, bool global)
{
	bool any = false;

	for (const struct option_row *r = option_rows; r->name; r++) {
		if (global != !!(r->take & TAKE_GLOBAL) ||
		    !options_applies(r, verb))
			continue;
		if (!any)
			text_addf(t, "\n%s\n", head);
		any = true;
		add_option(t, r);
	}
}

static bool takes_durations(const struct verb_row *verb)
{
	for (const struct option_row *r = option_rows; r->name; r++)
		if (!(r->take & TAKE_GLOBAL) && options_applies(r, verb) &&
		    (r->kind == KIND_DURATION || r->kind == KIND_KEPT))
			return true;
	return false;
}

void help_verb(struct text *t, const struct verb_row *verb)
{
	text_addf(t, "heygenctl %s - %s\n\n", verb->name, verb->help);
	text_addf(t, "usage: heygenctl %s [OPTION...]%s%s\n", verb->name,
		  *verb->args ? " " : "", verb->args);
	if (verb->more) {
		text_add_char(t, '\n');
		add_wrapped(t, verb->more, 0, 0);
	}
	add_options(t, "Options:", verb, false);
	add_options(t, "Options of every verb:", verb, true);
	if (takes_durations(verb))
		text_add(t, "\nA duration D is a whole number and its unit: "
			    "500ms, 10s, 5m, 2h, 7d.\n");
}

void help_overview(struct text *t)
{
	char head[64];

	text_add(t, "heygenctl - submit video-translation jobs, wait for them, "
		    "steer them\n\n"
		    "usage: heygenctl [OPTION...] VERB [OPTION...] "
		    "[ARGUMENT...]\n\nVerbs:\n");
	for (const struct verb_row *v = verb_rows; v->name; v++) {
		bool many = v->take & TAKE_MANY;

		(void)snprintf(head, sizeof(head), "%s%s%s", v->name,
			       *v->args ? " " : "",
			       !many ? v->args :
			       v->args_kind == ARGS_PRIORITY ? "N|NAME ID..." :
							       "ID...");
		add_row(t, head, v->help, 28);
	}
	add_options(t, "Options of every verb:", NULL, true);
	text_add(t, "\nheygenctl VERB --help explains a verb and lists its "
		    "options.\n\n"
		    "Exit codes: 0 done, 1 server or network, 2 usage, "
		    "3 authentication, 4 timed out,\n"
		    "5 a job ended in error, 6 a job was canceled, 7 unknown "
		    "or removed id,\n8 not allowed in this state, "
		    "130 interrupted.\n");
}

#define _GNU_SOURCE
#include "client/ctl_options.h"

#include "client/ctl_text.h"
#include "client/ctl_time.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
	struct command *command;
	char **argv;
	int argc, next;		/* the argument to be read next */
	bool only_args;		/* "--" was there */
	char *error;
};

__attribute__((format(printf, 2, 3)))
static bool refuse(struct parser *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(&p->error, format, args) < 0)
		text_die_of_memory();
	va_end(args);
	return false;
}

/* --- the tables ----------------------------------------------------------- */

const struct verb_row *options_verb(const char *name)
{
	for (const struct verb_row *v = verb_rows; v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

bool options_applies(const struct option_row *row, const struct verb_row *verb)
{
	return (row->take & TAKE_GLOBAL) || (verb && (row->take & verb->take));
}

bool options_given(const struct options *o, const char *name)
{
	for (size_t i = 0; option_rows[i].name; i++)
		if (!strcmp(option_rows[i].name, name) &&
		    (o->given & UINT64_C(1) << i))
			return true;
	return false;
}

static int word_index(const char *const *words, const char *s, size_t n)
{
	for (int i = 0; words[i]; i++)
		if (strlen(words[i]) == n && !strncmp(words[i], s, n))
			return i;
	return -1;
}

static char *list_words(const char *const *words)
{
	struct text t = { 0 };

	for (size_t i = 0; words[i]; i++)
		text_addf(&t, "%s%s", i == 0 ? "" : words[i + 1] ? ", " :
			  " or ", words[i]);
	return t.s;
}

/* --- the nearest name ----------------------------------------------------- */

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* How many letters must change to make b of a. */
static size_t distance(const char *a, const char *b)
{
	size_t row[64], n = strlen(b), before, above;

	if (n >= 63 || strlen(a) >= 63)
		return 64;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		before = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			above = row[j];
			row[j] = min3(row[j] + 1, row[j - 1] + 1,
				      before + (a[i - 1] != b[j - 1]));
			before = above;
		}
	}
	return row[n];
}

static bool is_near(const char *name, const char *given, size_t *best)
{
	size_t d = distance(given, name), len = strlen(given);

	if (d >= *best || d > (len < 5 ? 1 : 2))
		return false;
	*best = d;
	return true;
}

static const char *nearest_option(const struct verb_row *verb, const char *s)
{
	const char *found = NULL;
	size_t best = 64;

	for (const struct option_row *r = option_rows; r->name; r++)
		if (options_applies(r, verb) && is_near(r->name, s, &best))
			found = r->name;
	return found;
}

static const char *nearest_verb(const char *s)
{
	const char *found = NULL;
	size_t best = 64;

	for (const struct verb_row *v = verb_rows; v->name; v++)
		if (is_near(v->name, s, &best))
			found = v->name;
	return found;
}

/* --- values --------------------------------------------------------------- */

static void add_word(struct words *w, const char *s)
{
	w->at = text_realloc(w->at, w->n + 2, sizeof(*w->at));
	w->at[w->n++] = s;
	w->at[w->n] = NULL;
}

static bool parse_integer(const char *s, int64_t *n_out)
{
	char *end;
	long long n;

	if (*s != '-' && *s != '+' && (*s < '0' || *s > '9'))
		return false;
	errno = 0;
	n = strtoll(s, &end, 10);
	if (errno || end == s || *end)
		return false;
	*n_out = n;
	return true;
}

bool options_parse_priority(const char *s, int64_t *priority_out)
{
	static const int64_t named[] = { -10, 0, 10, 20 };
	int i = word_index(priority_words, s, strlen(s));
	int64_t n;

	if (i >= 0)
		n = named[i];
	else if (!parse_integer(s, &n) || n < -100 || n > 100)
		return false;
	*priority_out = n;
	return true;
}

static bool take_integer(struct parser *p, const struct option_row *row,
			 const char *s, int64_t *field)
{
	int64_t n;

	if (!parse_integer(s, &n) || n < row->min || n > row->max)
		return refuse(p, "--%s %s: want a whole number from %lld to "
			      "%lld", row->name, s, (long long)row->min,
			      (long long)row->max);
	*field = n;
	return true;
}

static bool take_real(struct parser *p, const struct option_row *row,
		      const char *s, double *field)
{
	char *end;
	double x = strtod(s, &end);

	if (end == s || *end || !isfinite(x) || x < (double)row->min ||
	    x > (double)row->max)
		return refuse(p, "--%s %s: want a number from %lld to %lld",
			      row->name, s, (long long)row->min,
			      (long long)row->max);
	*field = x;
	return true;
}

static bool take_duration(struct parser *p, const struct option_row *row,
			  const char *s, int64_t *field)
{
	struct text least = { 0 };
	int64_t ms;

	if (row->kind == KIND_KEPT && !strcmp(s, "keep")) {
		*field = -1;
		return true;
	}
	if (!time_parse_duration(s, &ms))
		return refuse(p, "--%s %s: want a whole number and its unit, "
			      "as in 500ms, 10s, 5m, 2h or 7d", row->name, s);
	if (ms >= row->min && ms <= row->max) {
		*field = ms;
		return true;
	}
	time_add_duration(&least, ms < row->min ? row->min : row->max, false);
	refuse(p, "--%s %s: want %s or %s", row->name, s, text_get(&least),
	       ms < row->min ? "more" : "less");
	text_free(&least);
	return false;
}

static bool take_moment(struct parser *p, const struct option_row *row,
			const char *s, int64_t *field)
{
	int64_t ms;

	if (time_parse_duration(s, &ms))
		ms += time_now();
	else if (!time_parse_rfc3339(s, &ms))
		return refuse(p, "--%s %s: want a duration as in 10s, or a "
			      "moment as in 2026-11-22T12:00:31Z", row->name,
			      s);
	*field = ms;
	return true;
}

static bool refuse_word(struct parser *p, const struct option_row *row,
			const char *s)
{
	char *list = list_words(row->words);

	refuse(p, "--%s %s: want %s", row->name, s, list);
	free(list);
	return false;
}

static bool take_choice(struct parser *p, const struct option_row *row,
			const char *s, int64_t *field)
{
	int i = word_index(row->words, s, strlen(s));

	if (i < 0)
		return refuse_word(p, row, s);
	*field = i;
	return true;
}

/* Each word of "a,b,c": into the mask, or checked and kept whole. */
static bool take_words(struct parser *p, const struct option_row *row,
		       const char *s, void *field)
{
	int64_t mask = 0;

	for (const char *at = s;; at++) {
		size_t n = strcspn(at, ",");
		int i = word_index(row->words, at, n);

		if (i < 0)
			return refuse_word(p, row, s);
		mask |= INT64_C(1) << i;
		at += n;
		if (!*at)
			break;
	}
	if (row->kind == KIND_MASK)
		*(int64_t *)field |= mask;
	else
		add_word(field, s);
	return true;
}

static bool take_priority(struct parser *p, const struct option_row *row,
			  const char *s, int64_t *field)
{
	if (!options_parse_priority(s, field))
		return refuse(p, "--%s %s: want a number from -100 to 100, or "
			      "low, normal, high or urgent", row->name, s);
	return true;
}

static bool take_key(struct parser *p, const struct option_row *row,
		     const char *s, const char **field)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz"
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-");

	if (!n || n > 255 || s[n])
		return refuse(p, "--%s %s: want 1 to 255 letters, digits and "
			      "_ . : -", row->name, s);
	*field = s;
	return true;
}

static bool take_sort(struct parser *p, const struct option_row *row,
		      const char *s, const char **field)
{
	const char *word = *s == '-' ? s + 1 : s;

	if (word_index(row->words, word, strlen(word)) < 0)
		return refuse_word(p, row, s);
	*field = s;
	return true;
}

static void take_flag(struct parser *p, const struct option_row *row)
{
	void *field = (char *)&p->command->options + row->field;

	if (row->kind == KIND_COUNT)
		*(int64_t *)field += 1;
	else
		*(bool *)field = true;
}

/* An unset variable of a script is a mistake: a tag without a text would choose
 * every job. */
static bool refuse_empty(struct parser *p, const struct option_row *row)
{
	return refuse(p, "--%s: its value is empty; want %s", row->name,
		      row->arg);
}

static bool take_value(struct parser *p, const struct option_row *row,
		       const char *s)
{
	void *field = (char *)&p->command->options + row->field;

	if (!*s && (row->kind == KIND_FILE || row->kind == KIND_WORDS ||
		    (row->kind == KIND_TEXT && row->min)))
		return refuse_empty(p, row);
	switch (row->kind) {
	case KIND_FLAG:
	case KIND_COUNT:
		break;			/* they have none */
	case KIND_TEXT:
	case KIND_FILE:
		*(const char **)field = s;
		return true;
	case KIND_WORDS:
		add_word(field, s);
		return true;
	case KIND_STATES:
	case KIND_MASK:
		return take_words(p, row, s, field);
	case KIND_INTEGER:
		return take_integer(p, row, s, field);
	case KIND_REAL:
		return take_real(p, row, s, field);
	case KIND_DURATION:
	case KIND_KEPT:
		return take_duration(p, row, s, field);
	case KIND_MOMENT:
		return take_moment(p, row, s, field);
	case KIND_CHOICE:
		return take_choice(p, row, s, field);
	case KIND_PRIORITY:
		return take_priority(p, row, s, field);
	case KIND_KEY:
		return take_key(p, row, s, field);
	case KIND_SORT:
		return take_sort(p, row, s, field);
	}
	return true;
}

/* --- arguments ------------------------------------------------------------ */

static const char *verb_of(const struct parser *p)
{
	return p->command->verb ? p->command->verb->name : NULL;
}

static bool unknown_option(struct parser *p, const char *arg, const char *name)
{
	const char *near = nearest_option(p->command->verb, name);
	const char *verb = verb_of(p);

	if (near)
		return refuse(p, "%s%sunknown option %s; is it --%s?",
			      verb ? verb : "", verb ? ": " : "", arg, near);
	if (verb)
		return refuse(p, "%s: unknown option %s; see heygenctl %s "
			      "--help", verb, arg, verb);
	return refuse(p, "unknown option %s before the verb; see heygenctl "
		      "--help", arg);
}

static bool take_option(struct parser *p, const struct option_row *row,
			const char *value)
{
	p->command->options.given |= UINT64_C(1) << (row - option_rows);
	if (!row->arg) {
		if (value)
			return refuse(p, "--%s takes no value", row->name);
		take_flag(p, row);
		return true;
	}
	if (!value) {
		if (p->next >= p->argc)
			return refuse(p, "--%s needs a value: %s", row->name,
				      row->arg);
		value = p->argv[p->next++];
	}
	return take_value(p, row, value);
}

static bool take_long(struct parser *p, const char *arg)
{
	size_t n = strcspn(arg + 2, "=");
	const char *value = arg[2 + n] ? arg + 2 + n + 1 : NULL;
	char name[32] = "";

	if (n < sizeof(name))
		memcpy(name, arg + 2, n);
	for (const struct option_row *r = option_rows; r->name; r++)
		if (options_applies(r, p->command->verb) &&
		    !strcmp(r->name, name))
			return take_option(p, r, value);
	return unknown_option(p, arg, name);
}

/* "-qv", "-o json", "-ojson" */
static bool take_letters(struct parser *p, const char *arg)
{
	for (const char *at = arg + 1; *at; at++) {
		const struct option_row *r = option_rows;

		while (r->name && (r->letter != *at ||
				   !options_applies(r, p->command->verb)))
			r++;
		if (!r->name)
			return unknown_option(p, arg, arg + 1);
		if (r->arg)
			return take_option(p, r, at[1] ? at + 1 : NULL);
		if (!take_option(p, r, NULL))
			return false;
	}
	return true;
}

static bool take_verb(struct parser *p, const char *arg)
{
	const char *near;

	p->command->verb = options_verb(arg);
	if (p->command->verb)
		return true;
	near = nearest_verb(arg);
	if (near)
		return refuse(p, "unknown verb %s; is it %s?", arg, near);
	return refuse(p, "unknown verb %s; see heygenctl --help", arg);
}

static bool is_number(const char *s)
{
	return s[0] == '-' && s[1] >= '0' && s[1] <= '9';
}

static bool take_argument(struct parser *p)
{
	const char *arg = p->argv[p->next++];
	struct command *c = p->command;

	if (!p->only_args && !strcmp(arg, "--")) {
		p->only_args = true;
		return true;
	}
	if (!p->only_args && arg[0] == '-' && arg[1] == '-')
		return take_long(p, arg);
	if (!p->only_args && arg[0] == '-' && arg[1] && !is_number(arg))
		return take_letters(p, arg);
	if (!c->verb)
		return take_verb(p, arg);
	c->args[c->args_count++] = arg;
	return true;
}

/* Are there as many arguments as the verb takes? */
static bool check_count(struct parser *p)
{
	const struct verb_row *v = p->command->verb;
	size_t n = p->command->args_count;

	if (n >= (size_t)v->args_min &&
	    (v->args_max < 0 || n <= (size_t)v->args_max))
		return true;
	return refuse(p, "%s: %s; usage: heygenctl %s%s%s", v->name,
		      n < (size_t)v->args_min ? "an argument is missing" :
						"too many arguments",
		      v->name, *v->args ? " " : "", v->args);
}

bool options_parse(int argc, char **argv, struct command *command_out,
		   char **error_out)
{
	struct parser p = { .command = command_out, .argv = argv,
			    .argc = argc, .next = 1 };

	*command_out = (struct command){ 0 };
	command_out->options.timeout_ms = -1;
	command_out->args = text_alloc((size_t)argc + 1, sizeof(char *));
	while (!p.error && p.next < argc)
		if (!take_argument(&p))
			break;
	command_out->options.form_given =
		options_given(&command_out->options, "output");
	if (!p.error && command_out->verb && !command_out->options.help &&
	    !command_out->options.version)
		(void)check_count(&p);
	*error_out = p.error;
	return !p.error;
}

void options_free(struct command *command)
{
	free(command->args);
	free(command->options.tags.at);
	free(command->options.states.at);
	*command = (struct command){ 0 };
}

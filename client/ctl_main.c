#include "config.h"

#include "client/ctl.h"

#include "client/ctl_output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- verbs that need no server -------------------------------------------- */

int verb_completion(struct ctl *ctl)
{
	struct text t = { 0 };

	if (!completion_print(&t, ctl->args[0]))
		return ctl_usage(ctl, "completion: %s is not bash, zsh or "
				 "fish", ctl->args[0]);
	output_text(&t);
	text_free(&t);
	return CODE_DONE;
}

int verb_help(struct ctl *ctl)
{
	const struct verb_row *verb = NULL;
	struct text t = { 0 };

	if (ctl->args_count) {
		verb = options_verb(ctl->args[0]);
		if (!verb)
			return ctl_usage(ctl, "help: unknown verb %s; see "
					 "heygenctl help", ctl->args[0]);
		help_verb(&t, verb);
	} else {
		help_overview(&t);
	}
	output_text(&t);
	text_free(&t);
	return CODE_DONE;
}

int verb_version(struct ctl *ctl)
{
	(void)ctl;
	(void)printf("heygenctl %s (libheygen-client %s)\n", PACKAGE_VERSION,
		     hg_version());
	return CODE_DONE;
}

/* --- one run -------------------------------------------------------------- */

static bool wants_color(const struct options *o, int fd)
{
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");

	if (o->color != COLOR_AUTO)
		return o->color == COLOR_ALWAYS;
	return isatty(fd) && !(none && *none) && term && *term &&
	       strcmp(term, "dumb") != 0;
}

static int help_or_run(struct ctl *ctl)
{
	struct text t = { 0 };

	if (ctl->options.help) {
		if (ctl->verb)
			help_verb(&t, ctl->verb);
		else
			help_overview(&t);
		output_text(&t);
		text_free(&t);
		return CODE_DONE;
	}
	if (ctl->options.version)
		return verb_version(ctl);
	if (!ctl->verb)
		return ctl_usage(ctl, "a verb is missing; see heygenctl "
				 "--help");
	return ctl->verb->run(ctl);
}

/* Data that did not reach its reader is a failure; a reader who has seen
 * enough (head) is not told so. */
static int flush_stdout(struct ctl *ctl)
{
	int error;

	output_flush();
	error = output_error();
	if (!error)
		return CODE_DONE;
	if (error != EPIPE)
		ctl_error(ctl, "cannot write: %s", strerror(error));
	return CODE_FAILED;
}

int main(int argc, char **argv)
{
	struct command command;
	struct ctl ctl = { .failing_since = -1 };
	char *error;
	int code;

	ctl.utf8 = text_locale();
	signals_install();
	if (options_parse(argc, argv, &command, &error)) {
		ctl.verb = command.verb;
		ctl.options = command.options;
		ctl.args = command.args;
		ctl.args_count = command.args_count;
		ctl.color_out = wants_color(&ctl.options, STDOUT_FILENO);
		ctl.color_err = wants_color(&ctl.options, STDERR_FILENO);
		code = help_or_run(&ctl);
	} else {
		code = ctl_usage(&ctl, "%s", error);
	}
	signals_client(NULL);
	hg_client_free(ctl.client);
	code = ctl_worst(code, flush_stdout(&ctl));
	free(error);
	options_free(&command);
	return code;
}

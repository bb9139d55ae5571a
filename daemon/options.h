/* options.h -- heygend's command line. */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#define OPTIONS_OVERRIDES 128

enum action {
	ACTION_SERVE,
	ACTION_CHECK_CONFIG,
	ACTION_PRINT_CONFIG,
	ACTION_BACKUP,
	ACTION_CHECK_STORE,
	ACTION_HELP,
	ACTION_VERSION
};

struct options {
	enum action action;
	const char *config;		/* NULL: the usual file, if it is there */
	const char *file;		/* --backup's */
	bool foreground;		/* log in plain form, also to a journal */
	const char *overrides[OPTIONS_OVERRIDES]; /* "section.key=value" */
	size_t override_count;
	char *owned[OPTIONS_OVERRIDES];	/* those that were made of --listen */
	size_t owned_count;
};

/* options_parse -- 0; or the exit status after a sentence on stderr. */
int options_parse(struct options *o, int argc, char **argv);
void options_clear(struct options *o);
void options_help(void);

#endif

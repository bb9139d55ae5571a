#include "daemon/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { OPT_CONFIG = 256, OPT_LISTEN, OPT_STATE_DIR, OPT_SET, OPT_FOREGROUND,
       OPT_CHECK_CONFIG, OPT_PRINT_CONFIG, OPT_BACKUP, OPT_CHECK_STORE,
       OPT_HELP, OPT_VERSION };

static const struct {
	struct option option;
	const char *argument, *meaning;
} table[] = {
	{ { "config", required_argument, NULL, OPT_CONFIG }, "FILE",
	  "read this file instead of /etc/heygend.ini" },
	{ { "listen", required_argument, NULL, OPT_LISTEN }, "ADDRESS:PORT",
	  "listen here; port 0 takes a free one" },
	{ { "state-dir", required_argument, NULL, OPT_STATE_DIR }, "DIR",
	  "keep jobs.db there" },
	{ { "set", required_argument, NULL, OPT_SET }, "SECTION.KEY=VALUE",
	  "override one setting; may be given often" },
	{ { "foreground", no_argument, NULL, OPT_FOREGROUND }, NULL,
	  "write the log in plain form, also to a journal" },
	{ { "check-config", required_argument, NULL, OPT_CHECK_CONFIG }, "FILE",
	  "say whether the file is good, and end" },
	{ { "print-config", no_argument, NULL, OPT_PRINT_CONFIG }, NULL,
	  "print the settings in force as a file, and end" },
	{ { "backup", required_argument, NULL, OPT_BACKUP }, "FILE",
	  "copy the job database there, also while heygend runs, and end" },
	{ { "check-store", no_argument, NULL, OPT_CHECK_STORE }, NULL,
	  "check the job database, also while heygend runs, and end" },
	{ { "help", no_argument, NULL, OPT_HELP }, NULL,
	  "print the options, and end" },
	{ { "version", no_argument, NULL, OPT_VERSION }, NULL,
	  "print the version, and end" },
};
#define COUNT (sizeof(table) / sizeof(*table))

void options_help(void)
{
	printf("usage: heygend [OPTION]...\n\n"
	       "A video-translation backend for tests: it takes jobs over HTTP,"
	       " simulates\ntheir translation and serves their progress.  It"
	       " stays in the foreground.\n\n");
	for (size_t i = 0; i < COUNT; i++) {
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", table[i].option.name,
			 table[i].argument ? " " : "",
			 table[i].argument ? table[i].argument : "");
		printf("  %-26s %s\n", left, table[i].meaning);
	}
	printf("\nSettings: heygend.ini(5).  Exit status: 0 stopped, 1 failed, "
	       "64 usage, 75 state\ndirectory in use, 78 bad configuration.\n");
}

static int usage(const char *why, const char *what)
{
	fprintf(stderr, "heygend: %s%s%s\nTry `heygend --help`.\n", why,
		what ? ": " : "", what ? what : "");
	return EX_USAGE;
}

static int override(struct options *o, const char *text)
{
	if (o->override_count == OPTIONS_OVERRIDES)
		return usage("too many settings on the command line", text);
	o->overrides[o->override_count++] = text;
	return 0;
}

static int override_key(struct options *o, const char *key, const char *value)
{
	size_t size = strlen(key) + strlen(value) + 2;
	char *text;

	if (o->owned_count == OPTIONS_OVERRIDES)
		return usage("too many settings on the command line", value);
	text = malloc(size);
	if (!text) {
		fprintf(stderr, "heygend: out of memory\n");
		return EXIT_FAILURE;
	}
	snprintf(text, size, "%s=%s", key, value);
	o->owned[o->owned_count++] = text;
	return override(o, text);
}

static int action(struct options *o, enum action wanted, const char *file)
{
	if (o->action != ACTION_SERVE && o->action != wanted)
		return usage("two options exclude each other", NULL);
	o->action = wanted;
	if (file)
		o->file = file;
	return 0;
}

static int take(struct options *o, int option, const char *value)
{
	switch (option) {
	case OPT_CONFIG:
		o->config = value;
		return 0;
	case OPT_LISTEN:
		return override_key(o, "http.listen", value);
	case OPT_STATE_DIR:
		return override_key(o, "store.state_dir", value);
	case OPT_SET:
		return override(o, value);
	case OPT_FOREGROUND:
		o->foreground = true;
		return 0;
	case OPT_CHECK_CONFIG:
		o->config = value;
		return action(o, ACTION_CHECK_CONFIG, NULL);
	case OPT_PRINT_CONFIG:
		return action(o, ACTION_PRINT_CONFIG, NULL);
	case OPT_BACKUP:
		return action(o, ACTION_BACKUP, value);
	case OPT_CHECK_STORE:
		return action(o, ACTION_CHECK_STORE, NULL);
	case OPT_HELP:
		return action(o, ACTION_HELP, NULL);
	case OPT_VERSION:
		return action(o, ACTION_VERSION, NULL);
	}
	/* getopt has said what is wrong */
	fprintf(stderr, "Try `heygend --help`.\n");
	return EX_USAGE;
}

int options_parse(struct options *o, int argc, char **argv)
{
	struct option longs[COUNT + 1] = { 0 };
	int option, r = 0;

	*o = (struct options){ .action = ACTION_SERVE };
	for (size_t i = 0; i < COUNT; i++)
		longs[i] = table[i].option;
	while (r == 0 && (option = getopt_long(argc, argv, "", longs, NULL)) !=
				 -1)
		r = take(o, option, optarg);
	if (r == 0 && optind < argc)
		r = usage("unexpected argument", argv[optind]);
	return r;
}

void options_clear(struct options *o)
{
	for (size_t i = 0; i < o->owned_count; i++)
		free(o->owned[i]);
}

#define _GNU_SOURCE
#include "client/ctl.h"

#include "client/ctl_time.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define DEFAULT_SERVER "http://127.0.0.1:8080"
#define KEY_BYTES 4096		/* a line longer than this is no key */

/* --- what the library tells ----------------------------------------------- */

/* What waits in the face of failures says so on the screen. */
static void notice_failure(struct ctl *ctl, const char *fields)
{
	const char *why = strstr(fields, "why=");
	struct text t = { 0 };

	text_add(&t, "no answer, trying again");
	if (why) {
		why += strlen("why=");
		why += *why == '"';
		text_addf(&t, ": %s", ctl_without_request(why));
	}
	if (t.s[t.len - 1] == '"')
		t.s[--t.len] = '\0';
	progress_notice(ctl->progress, t.s);
	text_free(&t);
}

void ctl_answered(struct ctl *ctl)
{
	ctl->failing_since = -1;
	progress_notice(ctl->progress, NULL);
}

void ctl_unanswered(struct ctl *ctl)
{
	ctl->retries++;
	if (ctl->failing_since < 0)
		ctl->failing_since = time_monotonic() - ctl->hung_ms;
}

/* "method=GET path=/... status=200 ms=3 bytes=9", and at its end failed="..." or,
 * if we would not wait for more, cut=...; a path of many ids may have cut all that
 * off.  What failed with no status at all may have been hanging for long. */
static void note_call(struct ctl *ctl, const char *fields)
{
	const char *at = strstr(fields, " status=");
	long long ms;
	int status;

	ctl->hung_ms = 0;
	if (!at || sscanf(at, " status=%d ms=%lld", &status, &ms) != 2)
		return;
	if (!status && !strstr(at, " cut="))
		ctl->hung_ms = ms;
	else if (status / 100 == 2 && !strstr(at, " failed="))
		ctl_answered(ctl);
}

/* Of a poll, the first try follows an answer, be it one that was cut off. */
static void note_retry(struct ctl *ctl, bool poll, const char *fields)
{
	unsigned tries;
	bool first = poll && sscanf(fields, "ms=%*d tries=%u", &tries) == 1 &&
		     tries == 1;

	if (first)
		ctl->failing_since = -1;
	ctl_unanswered(ctl);
}

static void on_log(void *user, int level, const char *event, const char *fields)
{
	struct ctl *ctl = user;
	bool poll = !strcmp(event, "poll.retry");

	if (ctl->options.verbose >= (level >= LOG_DEBUG ? 2 : 1))
		ctl_error(ctl, "%s %s", event, fields);
	if (!strcmp(event, "call"))
		note_call(ctl, fields);
	if (poll || !strcmp(event, "call.retry"))
		note_retry(ctl, poll, fields);
	if (poll || !strcmp(event, "call.retry") ||
	    !strcmp(event, "stream.reconnect"))
		notice_failure(ctl, fields);
}

/* --- the key -------------------------------------------------------------- */

static char *trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r\n");
	n = strlen(s);
	while (n > 0 && strchr(" \t\r\n", s[n - 1]))
		s[--n] = '\0';
	return s;
}

/* The first line that is neither empty nor a comment; 0 or a code. */
static int read_key(struct ctl *ctl, const char *path, char **key_out)
{
	FILE *f = fopen(path, "re");
	char line[KEY_BYTES];
	int code = CODE_DONE;

	if (!f)
		return ctl_usage(ctl, "--api-key-file %s: %s", path,
				 strerror(errno));
	errno = 0;
	*key_out = NULL;
	while (!*key_out && fgets(line, sizeof(line), f)) {
		char *s = trim(line);

		if (*s && *s != '#')
			*key_out = text_dup(s);
	}
	if (ferror(f))
		code = ctl_usage(ctl, "--api-key-file %s: %s", path,
				 strerror(errno));
	else if (!*key_out)
		code = ctl_usage(ctl, "--api-key-file %s: there is no key in "
				 "it", path);
	explicit_bzero(line, sizeof(line));
	(void)fclose(f);
	return code;
}

/* --- the client ----------------------------------------------------------- */

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* Why the library does not take the server or the key.  A password in the URL
 * is not for the screen, nor for what is kept of it. */
static int refuse_server(struct ctl *ctl)
{
	const char *server = ctl->server, *at = strrchr(server, '@');
	const char *user = strstr(server, "://"), *colon;
	struct text shown = { 0 };

	user = user && at && user < at ? user + 3 : server;
	if (at) {
		colon = memchr(user, ':', (size_t)(at - user));
		text_add_bytes(&shown, server, (size_t)((colon ? colon + 1 :
							 user) - server));
		text_add(&shown, "***");
	}
	text_add(&shown, at ? at : server);
	(void)ctl_usage(ctl, "cannot talk to %s: the server must be "
			"http(s)://HOST[:PORT][/PREFIX], and a key printable",
			shown.s);
	text_free(&shown);
	return CODE_USAGE;
}

int ctl_client_new(struct ctl *ctl, hg_client **client_out)
{
	const struct options *o = &ctl->options;
	const char *server = o->server ? o->server :
					 environment("HEYGENCTL_SERVER");
	hg_client_options options;
	char *key = NULL, agent[64];
	int code = CODE_DONE;
	hg_err e;

	ctl->server = server ? server : DEFAULT_SERVER;
	if (o->api_key_file)
		code = read_key(ctl, o->api_key_file, &key);
	else
		key = text_dup(environment("HEYGENCTL_API_KEY"));
	if (code)
		return code;
	hg_client_options_init(&options, sizeof(options));
	(void)snprintf(agent, sizeof(agent), "heygenctl/%s", hg_version());
	options.base_url = ctl->server;
	options.api_key = key;
	options.user_agent = agent;
	options.timeout_ms = (uint32_t)o->request_timeout_ms;
	options.profile = (int32_t)o->profile;
	options.use = (int32_t)o->use;
	options.on_log = on_log;
	options.log_user = ctl;
	options.log_level = LOG_DEBUG;	/* every call, for what became of it */
	e = hg_client_new(&options, client_out);
	if (key)
		explicit_bzero(key, strlen(key));
	free(key);
	if (e == HG_EINVAL)
		return refuse_server(ctl);
	if (e != HG_OK) {
		ctl_error(ctl, "cannot talk to %s: %s", ctl->server,
			  hg_strerror(e));
		return ctl_code(e);
	}
	return CODE_DONE;
}

int ctl_connect(struct ctl *ctl)
{
	int code = ctl_client_new(ctl, &ctl->client);

	if (!code)
		signals_client(ctl->client);
	return code;
}

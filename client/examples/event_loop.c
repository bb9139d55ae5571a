/* event_loop.c -- wait inside a loop of your own: a watch is one descriptor, and a
 * step that never blocks.
 *
 *	event_loop ID...	follows the jobs until all have ended; a line
 *				"+ID" or "-ID" on stdin adds or drops one */
#include <heygen-client.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int on_change(void *user, const hg_job *job)
{
	static const char *const words[] = { "pending", "completed", "error" };

	(void)user;
	if (hg_job_err(job) != HG_OK)
		printf("%s %s\n", hg_job_id(job), hg_strerror(hg_job_err(job)));
	else
		printf("%s %s\n", hg_job_id(job), words[hg_job_result(job)]);
	fflush(stdout);
	return 0;
}

/* One line of our own input, which is none of the watch's business.
 * false: there will be no more. */
static int on_input(hg_watch *watch)
{
	char line[300];
	hg_err err;

	if (!fgets(line, sizeof(line), stdin))
		return 0;
	line[strcspn(line, "\n")] = '\0';
	err = *line == '+'   ? hg_watch_add(watch, line + 1)
	      : *line == '-' ? hg_watch_drop(watch, line + 1)
			     : HG_EINVAL;
	if (err)
		fprintf(stderr, "%s: %s\n", line, hg_strerror(err));
	return 1;
}

static hg_err loop(hg_watch *watch)
{
	struct pollfd fds[2] = {
		{ .fd = hg_watch_fd(watch), .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};
	size_t pending;
	hg_err err;

	setvbuf(stdin, NULL, _IONBF, 0);	/* poll() sees no buffers */
	for (;;) {
		err = hg_watch_step(watch, &pending);
		if (err || !pending)
			return err;
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents && !on_input(watch))
			fds[1].fd = -1;
	}
}

int main(int argc, char **argv)
{
	hg_client *client = NULL;
	hg_watch *watch = NULL;
	hg_err err;

	err = hg_client_new(NULL, &client);
	if (!err)
		err = hg_watch_new(client, on_change, NULL, &watch);
	for (int i = 1; i < argc && !err; i++)
		err = hg_watch_add(watch, argv[i]);
	if (!err)
		err = loop(watch);
	if (err)
		fprintf(stderr, "%s\n", hg_error_message(client));
	hg_watch_free(watch);		/* before its client */
	hg_client_free(client);
	return err != HG_OK;
}

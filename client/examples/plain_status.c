/* plain_status.c -- wait on a server that has nothing but GET /status and answers
 * {"result":"pending"}, "completed" or "error".
 *
 *	plain_status URL	the server's one job
 *	plain_status URL ID	/status?job_id=ID or /status/ID: found out
 *	plain_status URL ID PATH  as PATH says: /video/{id}/state
 *
 * What the library learns of the durations is kept in $HISTORY, if that is set,
 * so that the next run asks at better times. */
#include <heygen-client.h>
#include <stdio.h>
#include <stdlib.h>

static void load_history(hg_client *client, const char *path)
{
	static char blob[1 << 20];
	FILE *f = path ? fopen(path, "rb") : NULL;
	size_t n;

	if (!f)
		return;		/* the first time */
	n = fread(blob, 1, sizeof(blob), f);
	fclose(f);
	if (hg_client_load(client, blob, n))
		fprintf(stderr, "%s: %s\n", path, hg_error_message(client));
}

static void save_history(hg_client *client, const char *path)
{
	void *blob;
	size_t size;
	FILE *f;

	if (!path || hg_client_save(client, &blob, &size))
		return;
	f = fopen(path, "wb");
	if (!f || fwrite(blob, 1, size, f) != size)
		perror(path);
	if (f)
		fclose(f);
	hg_free(blob);
}

static void on_log(void *user, int level, const char *event, const char *fields)
{
	(void)user;
	(void)level;
	fprintf(stderr, "%s %s\n", event, fields);
}

int main(int argc, char **argv)
{
	static const char *const words[] = { "pending", "completed", "error" };
	hg_client_options options;
	hg_client *client = NULL;
	hg_job *job = NULL;
	hg_err err;

	if (argc < 2) {
		fprintf(stderr, "usage: plain_status URL [ID [PATH]]\n");
		return 2;
	}
	hg_client_options_init(&options, sizeof(options));
	options.base_url = argv[1];
	options.status_path = argc > 3 ? argv[3] : NULL;
	options.profile = HG_LATENCY;	/* a second is worth ten calls */
	options.on_log = on_log;
	err = hg_client_new(&options, &client);
	if (err) {
		fprintf(stderr, "%s\n", hg_strerror(err));
		return 1;
	}
	load_history(client, getenv("HISTORY"));
	err = hg_job_new(argc > 2 ? argv[2] : NULL, &job);
	if (!err)
		err = hg_wait(client, job, -1, NULL, NULL);
	if (err)
		fprintf(stderr, "%s\n", hg_error_message(client));
	else
		printf("%s\n", words[hg_job_result(job)]);
	save_history(client, getenv("HISTORY"));
	hg_job_free(job);
	hg_client_free(client);
	return err != HG_OK;
}

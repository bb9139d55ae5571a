/* wait_many.c -- submit a batch, wait for all of it over one connection, and tell
 * of every change.
 *
 *	wait_many [HOW MANY] */
#include <heygen-client.h>
#include <stdio.h>
#include <stdlib.h>

#define MANY_MAX 1000

/* Called inside hg_wait_many() only, after an answer that brought news. */
static int on_change(void *user, const hg_job *job)
{
	size_t *ended = user;

	if (hg_job_err(job) != HG_OK) {
		printf("%s  cannot be followed: %s\n", hg_job_id(job),
		       hg_strerror(hg_job_err(job)));
	} else if (hg_job_result(job) == HG_PENDING) {
		printf("%s  %3.0f %%  %s\n", hg_job_id(job),
		       100 * hg_job_progress(job),
		       hg_job_stage(job) ? hg_job_stage(job) : "queued");
	} else {
		++*ended;
		printf("%s  %s\n", hg_job_id(job),
		       hg_job_result(job) == HG_COMPLETED
			       ? hg_job_result_url(job)
			       : hg_job_error_message(job));
	}
	return 0;		/* anything else would stop the wait */
}

static hg_err run(hg_client *client, size_t n, size_t *ended)
{
	const hg_request *requests[MANY_MAX];
	hg_job *handles[MANY_MAX];
	hg_request request;
	hg_jobs *jobs = NULL;
	hg_err err;

	hg_request_init(&request, sizeof(request));
	request.source_url = "https://example.com/launch.mp4";
	for (size_t i = 0; i < n; i++)
		requests[i] = &request;
	err = hg_submit_many(client, requests, n, &jobs);
	if (err)
		return err;
	for (size_t i = 0; i < n; i++)
		handles[i] = hg_jobs_at(jobs, i);	/* the list owns them */
	err = hg_wait_many(client, handles, n, 0, -1, on_change, ended);
	hg_jobs_free(jobs);
	return err;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? strtol(argv[1], NULL, 10) : 10;
	hg_stats stats = { .size = sizeof(stats) };
	hg_client *client = NULL;
	size_t ended = 0;
	hg_err err;

	if (n < 1 || n > MANY_MAX) {
		fprintf(stderr, "usage: wait_many [1 to %d]\n", MANY_MAX);
		return 2;
	}
	err = hg_client_new(NULL, &client);
	if (!err)
		err = run(client, (size_t)n, &ended);
	if (err)
		fprintf(stderr, "%s\n", hg_error_message(client));
	hg_client_stats(client, &stats);
	printf("%zu of %ld have ended, after %llu calls\n", ended, n,
	       (unsigned long long)stats.calls);
	hg_client_free(client);
	return err != HG_OK;
}

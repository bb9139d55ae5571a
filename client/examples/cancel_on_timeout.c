/* cancel_on_timeout.c -- wait for so long and no longer: a job that has not ended
 * by then is canceled.  Without hg_cancel() it would simply go on, and anybody
 * who knows its id could wait for it again.
 *
 *	cancel_on_timeout MILLISECONDS [DURATION OF THE SIMULATED JOB] */
#include <heygen-client.h>
#include <stdio.h>
#include <stdlib.h>

static hg_err run(hg_client *client, hg_job *job, int64_t deadline_ms)
{
	hg_err err = hg_wait(client, job, deadline_ms, NULL, NULL);

	if (err != HG_ETIMEDOUT)
		return err;
	printf("%s is at %.0f %%: canceled\n", hg_job_id(job),
	       100 * hg_job_progress(job));
	err = hg_cancel(client, job);
	/* it may have ended between the wait and the cancel: then it is over */
	return err == HG_ESTATE ? hg_refresh(client, job) : err;
}

int main(int argc, char **argv)
{
	hg_client *client = NULL;
	hg_job *job = NULL;
	hg_request request;
	hg_err err;

	if (argc < 2) {
		fprintf(stderr, "usage: cancel_on_timeout MS [DURATION_MS]\n");
		return 2;
	}
	hg_request_init(&request, sizeof(request));
	request.source_url = "https://example.com/launch.mp4";
	request.sim_duration_ms = argc > 2 ? strtoll(argv[2], NULL, 10) : 0;
	err = hg_client_new(NULL, &client);
	if (!err)
		err = hg_submit(client, &request, &job);
	if (!err)
		err = run(client, job, strtoll(argv[1], NULL, 10));
	if (err)
		fprintf(stderr, "%s\n", hg_error_message(client));
	else
		printf("%s\n", hg_job_state(job) == HG_STATE_COMPLETED
				       ? "completed"
			       : hg_job_state(job) == HG_STATE_CANCELED
				       ? "canceled" : "error");
	hg_job_free(job);
	hg_client_free(client);
	return err != HG_OK;
}

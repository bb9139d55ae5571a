/* submit_and_wait.c -- the ten lines of the README: submit one translation, wait
 * for its end, print where the result is.
 *
 *	cc submit_and_wait.c $(pkg-config --cflags --libs libheygen-client) */
#include <heygen-client.h>
#include <stdio.h>

int main(void)
{
	hg_client *client = NULL;
	hg_job *job = NULL;
	hg_request request;
	int failed = 1;

	hg_request_init(&request, sizeof(request));
	request.source_url = "https://example.com/launch.mp4";
	request.output_language = "es";
	/* NULL: the server is $HEYGENCTL_SERVER */
	if (hg_client_new(NULL, &client) == HG_OK &&
	    hg_submit(client, &request, &job) == HG_OK &&
	    hg_wait(client, job, -1, NULL, NULL) == HG_OK) {
		failed = hg_job_result(job) != HG_COMPLETED;
		printf("%s\n", failed ? hg_job_error_message(job)
				      : hg_job_result_url(job));
	} else {
		fprintf(stderr, "%s\n", hg_error_message(client));
	}
	hg_job_free(job);
	hg_client_free(client);
	return failed;
}

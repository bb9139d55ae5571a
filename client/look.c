/* How to ask for one job, of a server that may be ours or a plain /status. */
#include "client/internal.h"

#include <string.h>
#include <syslog.h>

static const char *const form_words[] = {
	[HG__FORM_UNKNOWN] = "unknown",	 [HG__FORM_V1] = "v1",
	[HG__FORM_QUERY] = "status_query", [HG__FORM_PATH] = "status_path",
	[HG__FORM_OPTION] = "status_option",
};

enum hg__form hg__look_form(const hg_client *c, const hg_job *j)
{
	if (c->form != HG__FORM_UNKNOWN)
		return c->form;
	return j->id ? HG__FORM_V1 : HG__FORM_QUERY;
}

/* status_path with the id in the place of "{id}", or behind it as a query. */
static hg_err option_path(const hg_client *c, const hg_job *j,
			  struct hg__buf *path)
{
	const char *option = c->status_path;
	const char *place = strstr(option, "{id}");

	if (place && !j->id)
		return HG_EINVAL;
	if (place) {
		hg__buf_put(path, option, (size_t)(place - option));
		hg__buf_escape(path, j->id);
		hg__buf_puts(path, place + 4);
		return HG_OK;
	}
	hg__buf_puts(path, option);
	if (j->id) {
		hg__buf_puts(path, strchr(option, '?') ? "&job_id="
						       : "?job_id=");
		hg__buf_escape(path, j->id);
	}
	return HG_OK;
}

hg_err hg__look_path(const hg_client *c, enum hg__form form, const hg_job *j,
		     struct hg__buf *path)
{
	static const char *const starts[] = {
		[HG__FORM_UNKNOWN] = "/v1/jobs/",
		[HG__FORM_V1] = "/v1/jobs/",
		[HG__FORM_QUERY] = "/status?job_id=",
		[HG__FORM_PATH] = "/status/",
	};

	if (form == HG__FORM_OPTION)
		return option_path(c, j, path);
	if (!j->id) {
		hg__buf_puts(path, "/status");
		return HG_OK;
	}
	hg__buf_puts(path, starts[form]);
	hg__buf_escape(path, j->id);
	return HG_OK;
}

static void found(hg_client *c, enum hg__form form)
{
	if (c->form == form)
		return;
	c->form = form;
	hg__log(c, LOG_INFO, "server.form", "form=%s", form_words[form]);
}

enum hg__form hg__look_next(hg_client *c, const hg_job *j, enum hg__form form,
			    hg_err err, const struct hg__problem *problem)
{
	bool job_is_known_word = !strcmp(problem->code, "job_not_found") ||
				 !strcmp(problem->code, "job_gone");

	if (!j->id || form == HG__FORM_OPTION)
		return form;
	if (err == HG_OK || job_is_known_word || err == HG_EGONE) {
		found(c, form);
		return form;
	}
	if (err != HG_ENOTFOUND || c->form != HG__FORM_UNKNOWN)
		return form;
	switch (form) {
	case HG__FORM_V1:
		return HG__FORM_QUERY;
	case HG__FORM_QUERY:
		return HG__FORM_PATH;
	case HG__FORM_UNKNOWN:
	case HG__FORM_PATH:
	case HG__FORM_OPTION:
		break;
	}
	return form;
}

void hg__look_gone(hg_job *j, const struct hg__problem *problem)
{
	struct hg__view view = {
		.gone = true,
		.has_result = problem->has_result,
		.result = problem->result,
		.state = problem->state,
		.finished_at = problem->finished_at,
	};

	hg__job_take(j, &view);
}

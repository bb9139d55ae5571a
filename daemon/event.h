/* event.h -- one change of one job, as it is stored and shown. */
#ifndef DAEMON_EVENT_H
#define DAEMON_EVENT_H

#include "core/job.h"

#define EVENT_DETAIL_BYTES 56
#define EVENT_NO_STATE 255

struct event {
	int64_t seq;			/* ascending, never used again */
	int64_t at_ms;			/* Unix ms */
	int64_t job_seq;
	uint8_t uuid[16];		/* of the job, also once it is gone */
	uint8_t kind;			/* enum event_kind */
	uint8_t from, to;		/* enum job_state or EVENT_NO_STATE */
	bool final;			/* it ended the job */
	uint32_t attempt;
	double progress;
	char detail[EVENT_DETAIL_BYTES]; /* a stage, an error code, the names
					  * of the fields changed; or "" */
};

#endif

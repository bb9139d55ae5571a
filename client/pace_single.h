/* pace_single.h -- what pace.c and pace_many.c share. */
#ifndef CLIENT_PACE_SINGLE_H
#define CLIENT_PACE_SINGLE_H

#include "client/pace.h"

#define HG__FLOOR_MS 300.0	/* no sleep is shorter, but before a deadline */

/* Where the end of a job with an estimate lies, from now on. */
struct hg__forecast {
	double lo_ms, hi_ms;	/* hi > lo >= 0 */
};
void hg__pace_forecast(const struct hg__pace *p,
		       const struct hg__pace_env *env,
		       struct hg__forecast *f_out);

/* The step of a whole crowd, neither floor nor deadline applied. */
double hg__pace_crowd_ms(const struct hg__pace *const *jobs, size_t n,
			 const struct hg__pace_env *env);

#endif

/* Until the real pace and memory are here: the steps of a client that knows
 * nothing, sqrt(2tc/d).  Weak, so that theirs win as soon as they are linked. */
#include "client/alloc.h"
#include "client/pace.h"

#include <math.h>

#define WEAK __attribute__((weak))

struct hg__memory {
	double price;
};

WEAK struct hg__memory *hg__memory_new(double price)
{
	struct hg__memory *m = hg__calloc(1, sizeof(*m));

	if (m)
		m->price = price;
	return m;
}

WEAK void hg__memory_free(struct hg__memory *m)
{
	hg__free(m);
}

WEAK hg_err hg__memory_add(struct hg__memory *m, const char *key, int64_t lo_ms,
			   int64_t hi_ms)
{
	(void)m, (void)key;
	return hi_ms < lo_ms ? HG_EINVAL : HG_OK;
}

WEAK struct hg__plan *hg__memory_plan(struct hg__memory *m, const char *key)
{
	(void)m, (void)key;
	return NULL;
}

WEAK hg_err hg__memory_save(const struct hg__memory *m, void **blob_out,
			    size_t *size_out)
{
	(void)m, (void)blob_out, (void)size_out;
	return HG_EUNSUPPORTED;
}

WEAK hg_err hg__memory_load(struct hg__memory *m, const void *blob, size_t size)
{
	(void)m, (void)blob, (void)size;
	return HG_EINVAL;
}

WEAK void hg__pace_init(struct hg__pace *p, int64_t start_ms,
			struct hg__plan *plan)
{
	*p = (struct hg__pace){ .plan = plan, .start_ms = start_ms,
				.last_ms = start_ms };
}

WEAK void hg__pace_done(struct hg__pace *p)
{
	(void)p;
}

WEAK void hg__pace_report(struct hg__pace *p, const struct hg__report *report)
{
	p->last_ms = report->now_ms;
}

WEAK void hg__pace_reset(struct hg__pace *p, int64_t now_ms)
{
	(void)p, (void)now_ms;
}

WEAK void hg__pace_next(const struct hg__pace *p, const struct hg__pace_env *env,
			struct hg__step *step_out)
{
	double t = (double)(env->now_ms - p->start_ms) / 1000;
	int64_t ms = (int64_t)(1000 * sqrt(2 * (t > 0.5 ? t : 0.5) / env->price));

	if (env->deadline_ms - env->now_ms < ms)
		ms = env->deadline_ms - env->now_ms - 50;
	step_out->ms = ms > 0 ? ms : 0;
	step_out->why = "cold";
}

WEAK void hg__pace_next_many(const struct hg__pace *const *jobs, size_t n,
			     const struct hg__pace_env *env,
			     struct hg__step *step_out)
{
	(void)n;
	hg__pace_next(jobs[0], env, step_out);
}

WEAK void hg__pace_after_hold(const struct hg__pace *p,
			      const struct hg__pace_env *env,
			      struct hg__step *step_out)
{
	(void)p, (void)env;
	*step_out = (struct hg__step){ .ms = 0, .why = "hold" };
}

WEAK int64_t hg__pace_hold_s(const struct hg__pace_env *env, int64_t longest_s,
			     uint32_t random)
{
	int64_t left_s = (env->deadline_ms - env->now_ms - 200) / 1000;

	(void)random;
	return left_s < 0 ? 0 : left_s < longest_s ? left_s : longest_s;
}

WEAK int64_t hg__pace_lo_ms(const struct hg__pace *p)
{
	return p->last_ms - p->start_ms;
}

WEAK double hg__profile_price(int profile)
{
	return profile == HG_COST ? 0.1 : profile == HG_LATENCY ? 10 : 1;
}

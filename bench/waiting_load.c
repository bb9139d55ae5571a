#include "bench/waiting.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 40		/* straight lines for the curve of an ETA */
#define HOUR_MS 3600000
#define STALL_EVERY_MS 40000	/* of work, on average */
#define STALL_LEAST_MS 5000
#define STALL_MOST_MS 20000

/* --- chance --------------------------------------------------------------- */

static uint64_t chance_next(struct chance *c)
{
	uint64_t z = c->state += 0x9e3779b97f4a7c15;	/* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint32_t chance_bits(struct chance *c)
{
	return (uint32_t)(chance_next(c) >> 32);
}

double chance_unit(struct chance *c)
{
	return ((double)(chance_next(c) >> 11) + 0.5) * 0x1p-53;
}

double chance_between(struct chance *c, double lo, double hi)
{
	return lo + (hi - lo) * chance_unit(c);
}

double chance_normal(struct chance *c)
{
	double radius = sqrt(-2 * log(chance_unit(c)));

	return radius * cos(6.283185307179586 * chance_unit(c));
}

double chance_exponential(struct chance *c, double mean)
{
	return -mean * log(chance_unit(c));
}

/* --- growing -------------------------------------------------------------- */

static void *grown(void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return array;
	*room = *room ? *room * 2 : 256;
	array = realloc(array, *room * size);
	if (!array) {
		fputs("waiting: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	return array;
}

static struct job *add_job(struct load *load, int64_t duration_ms)
{
	struct job *job;

	load->jobs = grown(load->jobs, load->jobs_count, &load->jobs_room,
			   sizeof(*load->jobs));
	job = &load->jobs[load->jobs_count++];
	job->duration_ms = duration_ms;
	job->first = load->points_count;
	job->count = 0;
	return job;
}

static void add_point(struct load *load, int64_t t_ms, int64_t remaining_ms)
{
	load->points = grown(load->points, load->points_count,
			     &load->points_room, sizeof(*load->points));
	load->points[load->points_count++] =
		(struct point){ t_ms, remaining_ms };
	load->jobs[load->jobs_count - 1].count++;
}

void load_free(struct load *load)
{
	free(load->jobs);
	free(load->points);
	memset(load, 0, sizeof(*load));
}

/* --- the workloads -------------------------------------------------------- */

const char *workload_name(enum workload w)
{
	static const char *const names[WORKLOADS] = {
		"W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "W9", "hour",
	};

	return names[w];
}

double workload_error_rate(enum workload w)
{
	return w == W8 || w == W9 ? 0.05 : 0;
}

static double draw_ms(enum workload w, struct chance *c)
{
	switch (w) {
	case W1:
		return 10000;
	case W2:
		return chance_between(c, 5000, 15000);
	case W4:
		return chance_exponential(c, 30000);
	case W5:
		return chance_unit(c) < 0.5 ? 10000 : 300000;
	default:
		return 60000 * exp(0.8 * chance_normal(c));
	}
}

double workload_ended(enum workload w, double ms)
{
	double share;

	switch (w) {
	case W1:
		return ms >= 10000;
	case W2:
		share = (ms - 5000) / 10000;
		return share < 0 ? 0 : share > 1 ? 1 : share;
	case W4:
		return -expm1(-ms / 30000);
	case W5:
		return ms >= 300000 ? 1 : ms >= 10000 ? 0.5 : 0;
	default:
		return 0.5 * erfc(-log(ms / 60000) / 0.8 / sqrt(2));
	}
}

/* The estimate errs by a share of what remains; the share is this job's own
 * at 0 % and nothing at the end. */
static void add_erring_eta(struct load *load, double duration, double share)
{
	for (int i = 0; i <= STEPS; i++) {
		double left = duration * (STEPS - i) / STEPS;

		add_point(load, (int64_t)(duration - left),
			  (int64_t)(left * (1 + share * left / duration)));
	}
}

/* The work stands still now and then, and the estimate with it. */
static int64_t add_stalling_eta(struct load *load, double work,
				struct chance *c)
{
	double t = 0, done = 0, next;

	add_point(load, 0, (int64_t)work);
	for (;;) {
		next = done + chance_exponential(c, STALL_EVERY_MS);
		if (next >= work)
			break;
		t += next - done;
		done = next;
		add_point(load, (int64_t)t, (int64_t)(work - done));
		t += chance_between(c, STALL_LEAST_MS, STALL_MOST_MS);
		add_point(load, (int64_t)t, (int64_t)(work - done));
	}
	t += work - done;
	add_point(load, (int64_t)t, 0);
	return (int64_t)t;
}

void load_make(struct load *load, enum workload w, size_t n, struct chance *c)
{
	for (size_t i = 0; i < n; i++) {
		double ms = draw_ms(w, c);
		struct job *job = add_job(load, (int64_t)ms);

		if (w == W7 || w == W9)
			add_erring_eta(load, ms, chance_between(c, -0.3, 0.3));
		else if (w == W6)
			job->duration_ms = add_stalling_eta(load, ms, c);
		else if (w == HOUR)
			add_point(load, 0, HOUR_MS);
	}
}

/* --- traces --------------------------------------------------------------- */

static bool parse_ms(const char **at, int64_t *ms_out)
{
	char *end;
	double value;

	errno = 0;
	value = strtod(*at, &end);
	if (end == *at || errno || !(value >= 0) || value > 1e15)
		return false;
	*at = end;
	*ms_out = (int64_t)(value + 0.5);
	return true;
}

static bool at_word_end(const char *at)
{
	return !*at || strchr(" \t\r\n", *at);
}

static bool parse_point(const char **at, struct point *p)
{
	if (!parse_ms(at, &p->t_ms) || *(*at)++ != ':')
		return false;
	if (**at == '-' && at_word_end(*at + 1)) {
		++*at;
		p->remaining_ms = NO_HINT;
		return true;
	}
	return parse_ms(at, &p->remaining_ms) && at_word_end(*at);
}

/* NULL, or what is wrong with the line. */
static const char *parse_line(struct load *load, const char *at)
{
	int64_t duration_ms, last_ms = -1;

	at += strspn(at, " \t\r\n");
	if (!*at || *at == '#')
		return NULL;
	if (!parse_ms(&at, &duration_ms) || !at_word_end(at))
		return "a line begins with the duration in milliseconds";
	add_job(load, duration_ms);
	for (at += strspn(at, " \t\r\n"); *at; at += strspn(at, " \t\r\n")) {
		struct point p;

		if (!parse_point(&at, &p))
			return "a point is t_ms:remaining_ms or t_ms:-";
		if (p.t_ms < last_ms)
			return "points go forward in time";
		last_ms = p.t_ms;
		add_point(load, p.t_ms, p.remaining_ms);
	}
	return NULL;
}

bool load_read(struct load *load, const char *path)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "r") : stdin;
	const char *wrong = NULL;
	char *line = NULL;
	size_t room = 0, number = 0;

	if (!file) {
		fprintf(stderr, "waiting: %s: %s\n", path, strerror(errno));
		return false;
	}
	while (!wrong && getline(&line, &room, file) >= 0) {
		number++;
		wrong = parse_line(load, line);
	}
	if (!wrong && ferror(file))
		wrong = strerror(errno);
	else if (!wrong && !load->jobs_count)
		wrong = "no job in it";
	if (wrong)
		fprintf(stderr, "waiting: %s:%zu: %s\n", path, number, wrong);
	free(line);
	if (file != stdin)
		fclose(file);
	return !wrong;
}

int64_t job_remaining_ms(const struct load *load, const struct job *job,
			 int64_t t_ms)
{
	const struct point *p;
	size_t i = 0;
	double share;

	if (!job->count)
		return NO_HINT;
	p = load->points + job->first;
	while (i < job->count && p[i].t_ms <= t_ms)
		i++;
	if (!i)
		return NO_HINT;
	if (i == job->count || p[i].remaining_ms < 0 ||
	    p[i - 1].remaining_ms < 0)
		return p[i - 1].remaining_ms;
	share = (double)(t_ms - p[i - 1].t_ms) /
		(double)(p[i].t_ms - p[i - 1].t_ms);
	return p[i - 1].remaining_ms +
	       (int64_t)(share * (double)(p[i].remaining_ms -
					  p[i - 1].remaining_ms));
}

bool job_has_hinted(const struct load *load, const struct job *job,
		    int64_t t_ms)
{
	for (size_t i = job->first; i < job->first + job->count; i++)
		if (load->points[i].t_ms <= t_ms &&
		    load->points[i].remaining_ms >= 0)
			return true;
	return false;
}

/* waiting -- how many calls, how much delay: the client's own way of waiting
 * beside the schedules of others, in virtual time.
 *
 *	waiting [--jobs N] [--seed N] [--json]
 *		the workloads W1-W9, against the numbers to reach;
 *		exit status 1: one was missed
 *	waiting --trace FILE [--profile cost|balanced|latency]
 *		[--use sse,hold,eta,history,bulk] [--rtt-ms N]
 *		[--error-rate P] [--seed N] [--json]
 *		a workload from a file, - for standard input, one job a line:
 *		duration_ms [t_ms:remaining_ms]...
 *
 * A point says what the server reports as remaining at t_ms: linear between
 * points, nothing before the first, the last one's value after it; `t:-' ends
 * the hint.  The server of a trace has every layer, --use is what the client
 * makes of them (all, if not given).  Jobs are waited for one after the other,
 * what was learnt from one serves the next; with `bulk' named they are waited
 * for by the hundred.
 *
 * Every request sent is a call.  The delay is from the end of a job until the
 * client knows.  The cost is calls + d/c x delay in seconds, d/c being 1, 0.1
 * or 10 by profile. */
#include "bench/waiting.h"
#include "client/memory.h"
#include "client/pace.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BATCH 100
#define WARM_JOBS 512		/* waited for before those that count */
#define USE_ALL (HG_USE_SSE | HG_USE_HOLD | HG_USE_ETA | HG_USE_HISTORY)

struct options {
	const char *trace;
	int profile, use;
	size_t jobs;
	uint64_t seed;
	struct world world;
	bool json;
};

/* --- output --------------------------------------------------------------- */

static bool first_row = true;

static void print_head(const char *title)
{
	printf("%-34s %7s %8s %7s %7s %7s %7s %5s\n", title, "calls", "mean s",
	       "p50 s", "p95 s", "p99 s", "cost", "lost");
}

static void print_table(const char *policy, const struct summary *s)
{
	printf("  %-32s %7.2f %8.2f %7.2f %7.2f %7.2f %7.2f %5zu", policy,
	       s->calls, s->mean_s, s->p50_s, s->p95_s, s->p99_s, s->cost,
	       s->lost);
}

static void print_json(const char *workload, const char *policy,
		       const struct summary *s)
{
	fputs(first_row ? "{\"rows\":[\n{" : ",\n{", stdout);
	first_row = false;
	if (workload)
		printf("\"workload\":\"%s\",", workload);
	printf("\"policy\":\"%s\",\"calls\":%.4f,\"mean_s\":%.4f,"
	       "\"p50_s\":%.3f,\"p95_s\":%.3f,\"p99_s\":%.3f,\"cost\":%.4f,"
	       "\"lost\":%zu,\"jobs\":%zu", policy, s->calls, s->mean_s,
	       s->p50_s, s->p95_s, s->p99_s, s->cost, s->lost, s->jobs);
}

/* --- the numbers to reach ------------------------------------------------- */

enum { COLD = 0, WARM = 1 };

static const struct goal {
	const char *name;
	enum workload workload;
	int use, profile, warm;
	double calls, p95_s;		/* at most; 0: any number */
	double of_bound;		/* cost, in bounds; 0: any */
} goals[] = {
	{ "W1, stream", W1, HG_USE_SSE, HG_BALANCED, COLD, 1.00, 0.02, 0 },
	{ "W2, stream", W2, HG_USE_SSE, HG_BALANCED, COLD, 1.00, 0.02, 0 },
	{ "W3, stream", W3, HG_USE_SSE, HG_BALANCED, COLD, 1.00, 0.02, 0 },
	{ "W4, stream", W4, HG_USE_SSE, HG_BALANCED, COLD, 1.00, 0.02, 0 },
	{ "W5, stream", W5, HG_USE_SSE, HG_BALANCED, COLD, 1.00, 0.02, 0 },
	{ "W6, stream", W6, HG_USE_SSE, HG_BALANCED, COLD, 1.00, 0.02, 0 },
	{ "W7, stream", W7, HG_USE_SSE, HG_BALANCED, COLD, 1.00, 0.02, 0 },
	{ "W8, stream", W8, HG_USE_SSE, HG_BALANCED, COLD, 1.25, 0.02, 0 },
	{ "W9, stream", W9, HG_USE_SSE, HG_BALANCED, COLD, 1.25, 0.02, 0 },
	{ "W7, held requests", W7, HG_USE_HOLD | HG_USE_ETA, HG_BALANCED, COLD,
	  2.3, 0.02, 0 },
	{ "W7, ETA", W7, HG_USE_ETA, HG_BALANCED, COLD, 3.3, 3.0, 0 },
	{ "W7, ETA, latency", W7, HG_USE_ETA, HG_LATENCY, COLD, 4.6, 0.6, 0 },
	{ "W9, ETA", W9, HG_USE_ETA, HG_BALANCED, COLD, 3.5, 3.2, 0 },
	{ "W6, ETA", W6, HG_USE_ETA, HG_BALANCED, COLD, 5.3, 5.2, 0 },
	{ "W3, ETA always 1 h", HOUR, HG_USE_ETA, HG_BALANCED, COLD,
	  0, 140, 0 },
	{ "W2, no hint", W2, HG_USE_HISTORY, HG_BALANCED, WARM, 2.3, 4.0, 0 },
	{ "W3, no hint", W3, HG_USE_HISTORY, HG_BALANCED, WARM, 6.5, 16, 1.1 },
	{ "W4, no hint", W4, HG_USE_HISTORY, HG_BALANCED, WARM, 4.4, 9.8, 0 },
	{ "W5, no hint", W5, HG_USE_HISTORY, HG_BALANCED, WARM, 4.5, 10, 0 },
	{ "100 x W3, bulk, no hint, warm", W3, HG_USE_HISTORY | HG_USE_BULK,
	  HG_BALANCED, WARM, 1.2, 3.5, 0 },
	{ "100 x W3, bulk, no hint, cold", W3, HG_USE_BULK, HG_BALANCED, COLD,
	  1.5, 4.8, 0 },
	{ "100 x W7, bulk + ETA", W7, HG_USE_ETA | HG_USE_BULK, HG_BALANCED,
	  COLD, 0.96, 1.1, 0 },
};

static struct hg__memory *new_memory(double price)
{
	struct hg__memory *m = hg__memory_new(price);

	if (!m) {
		fputs("waiting: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	return m;
}

static struct summary run_ours(const struct ours *ours, const struct load *load,
			       const struct world *world)
{
	struct world own = *world;	/* every policy meets the same chance */
	struct tally tally = { 0 };
	struct summary s;

	ours_run(ours, load, &own, &tally);
	s = tally_sum(&tally, ours->price);
	tally_free(&tally);
	return s;
}

static struct summary run_anchor(enum anchor a, double price,
				 const struct load *load,
				 const struct world *world)
{
	struct world own = *world;
	struct tally tally = { 0 };
	struct summary s;

	anchor_run(a, load, BATCH, &own, &tally);
	s = tally_sum(&tally, price);
	tally_free(&tally);
	return s;
}

/* The goal's own row; false: it was missed. */
static bool show_goal(const struct options *o, const struct goal *g,
		      const struct summary *s)
{
	double bound = g->of_bound > 0 ? bound_cost(g->workload,
			hg__profile_price(g->profile), o->world.rtt_ms) : 0;
	bool reached = s->lost == 0 && s->p95_s <= g->p95_s &&
		       (g->calls <= 0 || s->calls <= g->calls) &&
		       (g->of_bound <= 0 || s->cost <= g->of_bound * bound);

	if (o->json) {
		print_json(g->name, "ours", s);
		printf(",\"reach_calls\":%.2f,\"reach_p95_s\":%.2f,"
		       "\"bound\":%.2f,\"reached\":%s}", g->calls, g->p95_s,
		       bound, reached ? "true" : "false");
		return reached;
	}
	print_head(g->name);
	print_table("ours", s);
	printf("  %s:", reached ? "reached" : "MISSED");
	if (g->calls > 0)
		printf(" %.2f calls,", g->calls);
	printf(" p95 %.2f s", g->p95_s);
	if (bound > 0)
		printf(", cost %.2f (%.1f x bound %.2f)", g->of_bound * bound,
		       g->of_bound, bound);
	putchar('\n');
	return reached;
}

static void show_anchors(const struct options *o, const char *title,
			 bool bulk, double price, const struct load *load,
			 const struct world *world)
{
	for (int a = 0; a < ANCHORS; a++) {
		struct summary s;

		if (anchor_is_bulk(a) && !bulk)
			continue;
		s = run_anchor(a, price, load, world);
		if (o->json) {
			print_json(title, anchor_name(a), &s);
			putchar('}');
		} else {
			print_table(anchor_name(a), &s);
			putchar('\n');
		}
	}
}

static bool run_goal(const struct options *o, const struct goal *g)
{
	struct ours ours = {
		.use = g->use, .price = hg__profile_price(g->profile),
		.batch = BATCH
	};
	struct chance chance = { o->seed };
	struct world world = o->world;
	struct load load = { 0 }, before = { 0 };
	struct summary s;
	bool reached;

	world.error_rate = workload_error_rate(g->workload);
	if (g->use & HG_USE_HISTORY)
		ours.memory = new_memory(ours.price);
	if (g->warm) {
		load_make(&before, g->workload, WARM_JOBS, &chance);
		(void)run_ours(&ours, &before, &world);
	}
	load_make(&load, g->workload, o->jobs, &chance);
	s = run_ours(&ours, &load, &world);
	reached = show_goal(o, g, &s);
	show_anchors(o, g->name, g->use & HG_USE_BULK, ours.price, &load,
		     &world);
	load_free(&load);
	load_free(&before);
	hg__memory_free(ours.memory);
	return reached;
}

static void end_json(const struct options *o)
{
	if (o->json)
		fputs("\n]}\n", stdout);
}

static int run_goals(const struct options *o)
{
	size_t missed = 0;

	for (size_t i = 0; i < COUNT(goals); i++) {
		missed += !run_goal(o, &goals[i]);
		if (!o->json)
			putchar('\n');
	}
	end_json(o);
	if (!o->json)
		printf("%zu of %zu numbers reached\n", COUNT(goals) - missed,
		       COUNT(goals));
	return missed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* --- traces --------------------------------------------------------------- */

static int run_trace(const struct options *o)
{
	struct ours ours = {
		.use = o->use, .price = hg__profile_price(o->profile),
		.batch = BATCH
	};
	struct load load = { 0 };
	struct summary s;

	if (!load_read(&load, o->trace)) {
		load_free(&load);
		return 2;
	}
	if (o->use & HG_USE_HISTORY)
		ours.memory = new_memory(ours.price);
	s = run_ours(&ours, &load, &o->world);
	if (o->json) {
		print_json(NULL, "ours", &s);
		putchar('}');
	} else {
		print_head(o->trace);
		print_table("ours", &s);
		putchar('\n');
	}
	show_anchors(o, NULL, o->use & HG_USE_BULK, ours.price, &load,
		     &o->world);
	end_json(o);
	load_free(&load);
	hg__memory_free(ours.memory);
	return EXIT_SUCCESS;
}

/* --- options -------------------------------------------------------------- */

static const struct {
	const char *name;
	int value;
} layers[] = {
	{ "sse", HG_USE_SSE },	     { "hold", HG_USE_HOLD },
	{ "eta", HG_USE_ETA },	     { "history", HG_USE_HISTORY },
	{ "bulk", HG_USE_BULK },
}, profiles[] = {
	{ "balanced", HG_BALANCED }, { "cost", HG_COST },
	{ "latency", HG_LATENCY },
};

static bool parse_use(const char *list, int *use_out)
{
	int use = 0;

	while (*list) {
		size_t bytes = strcspn(list, ","), i;

		for (i = 0; i < COUNT(layers); i++)
			if (strlen(layers[i].name) == bytes &&
			    memcmp(layers[i].name, list, bytes) == 0)
				break;
		if (i == COUNT(layers))
			return false;
		use |= layers[i].value;
		list += bytes;
		list += *list == ',';
	}
	*use_out = use;
	return use != 0;
}

static bool parse_profile(const char *name, int *profile_out)
{
	for (size_t i = 0; i < COUNT(profiles); i++)
		if (strcmp(profiles[i].name, name) == 0) {
			*profile_out = profiles[i].value;
			return true;
		}
	return false;
}

static bool parse_number(const char *text, double lo, double hi, double *out)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= lo) || !(value <= hi))
		return false;
	*out = value;
	return true;
}

static bool set_option(struct options *o, int letter, const char *value)
{
	double number;

	switch (letter) {
	case 't':
		o->trace = value;
		return true;
	case 'p':
		return parse_profile(value, &o->profile);
	case 'u':
		return parse_use(value, &o->use);
	case 'j':
		o->json = true;
		return true;
	case 'r':
		if (!parse_number(value, 0, 60000, &number))
			return false;
		o->world.rtt_ms = (int64_t)number;
		return true;
	case 'e':
		return parse_number(value, 0, 0.9, &o->world.error_rate);
	case 's':
		if (!parse_number(value, 0, 9007199254740991, &number))
			return false;
		o->seed = (uint64_t)number;
		return true;
	case 'n':
		if (!parse_number(value, 1, 1e6, &number))
			return false;
		o->jobs = (size_t)number;
		return true;
	default:
		return false;
	}
}

static int usage(FILE *to)
{
	fputs("usage: waiting [--jobs N] [--seed N] [--json]\n"
	      "       waiting --trace FILE [--profile cost|balanced|latency]\n"
	      "               [--use sse,hold,eta,history,bulk] [--rtt-ms N]\n"
	      "               [--error-rate P] [--seed N] [--json]\n", to);
	return to == stdout ? EXIT_SUCCESS : 2;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "trace", required_argument, NULL, 't' },
		{ "profile", required_argument, NULL, 'p' },
		{ "use", required_argument, NULL, 'u' },
		{ "rtt-ms", required_argument, NULL, 'r' },
		{ "error-rate", required_argument, NULL, 'e' },
		{ "seed", required_argument, NULL, 's' },
		{ "jobs", required_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = {
		.profile = HG_BALANCED, .use = USE_ALL, .jobs = 20000,
		.seed = 42, .world = { .rtt_ms = 20 }
	};
	int letter, status;

	while ((letter = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (letter == 'h')
			return usage(stdout);
		if (letter == '?' || !set_option(&o, letter, optarg))
			return usage(stderr);
	}
	if (optind < argc)
		return usage(stderr);
	o.world.chance.state = o.seed + 1;
	status = o.trace ? run_trace(&o) : run_goals(&o);
	return fflush(stdout) == 0 ? status : EXIT_FAILURE;
}

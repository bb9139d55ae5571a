/* load.h -- a load generator for benches: many keep-alive connections on one
 * thread, each with one request in flight. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stddef.h>
#include <stdint.h>

struct load {
	uint16_t port;			/* on 127.0.0.1 */
	unsigned connections;
	int64_t duration_ms;
	uint64_t requests;		/* stop after so many; 0: by time */
	/* The bytes of the i-th request: writes at most size, returns how
	 * many.  It is called in another process: what it changes is lost. */
	size_t (*request)(void *user, uint64_t i, char *out, size_t size);
	void *user;
};

struct load_result {
	uint64_t answers, failures;	/* failures: not 2xx, or broken */
	double seconds;
	double p50_ms, p99_ms;		/* of an answer */
};

/* load_run -- in a process of its own, which is waited for: 0, or a negative
 * errno if nothing could be asked. */
int load_run(const struct load *load, struct load_result *out);

#endif

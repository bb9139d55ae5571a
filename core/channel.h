/* channel.h -- what the daemon and a worker say to each other.
 *
 * Owns the layout of packets on the SOCK_SEQPACKET pair and their check on
 * arrival.  Both ends are built from the same tree and run on the same
 * machine: fields are in native order.  Orders go to the worker, records
 * come back.  No side ever blocks in send. */
#ifndef CORE_CHANNEL_H
#define CORE_CHANNEL_H

#include "core/job.h"

#define CHANNEL_FD 3		/* a worker finds its end here */
#define CHANNEL_MAGIC 0x48470001u
#define CHANNEL_BATCH 64	/* orders or records a packet */

enum order_kind {		/* daemon -> worker */
	ORDER_SETTINGS = 1,	/* for all runs that begin after it */
	ORDER_CLOCK,		/* simulated now and its rate */
	ORDER_RUN,
	ORDER_STOP,		/* forget this run; no record follows */
	ORDER_KINDS
};

enum record_kind {		/* worker -> daemon */
	RECORD_ALIVE = 1,	/* heartbeat; answers an ORDER_CLOCK at once */
	RECORD_PROGRESS,
	RECORD_COMPLETED,
	RECORD_FAILED,
	RECORD_KINDS
};

/* [simulation] as the worker needs it. */
struct order_settings {
	uint64_t seed;			/* never 0: the daemon has drawn it */
	double mean_ms, sigma, min_ms, max_ms;
	double error_rate, eta_error, time_scale;
	int64_t progress_interval_ms;
	int32_t distribution;		/* enum distribution, core/random.h */
	int32_t reserved;
};

/* rate 1: simulated time runs beside CLOCK_MONOTONIC from now on; rate 0: it
 * stands at now_ms until the next order.  A worker settles (every timer due
 * at or before now_ms has gone off, each at its own instant, its records
 * sent) and then answers with RECORD_ALIVE, tick echoed.  Orders that arrive
 * together may get one answer, with the last one's tick.  A now_ms ahead of
 * what the worker's clock shows sets off all that lies between. */
struct order_clock {
	int64_t now_ms;
	int64_t tick;
	double rate;			/* 0 or 1 */
	int64_t since_ns;		/* CLOCK_MONOTONIC when it was now_ms;
					 * 0, or still to come: on arrival */
};

struct order_run {
	uint64_t key;			/* of the job's draws */
	double progress;		/* where the run goes on */
	uint32_t attempt;
	uint32_t simulate_given;	/* enum simulate_field */
	int64_t duration_ms;		/* the fields of struct simulate */
	double error_rate, fail_at;
	int32_t fail_attempts;
	int32_t reserved;
};

struct order {
	uint32_t kind;			/* enum order_kind */
	uint32_t run;			/* number of the run: RUN, STOP */
	uint32_t slot;			/* one run at a time; echoed in records */
	uint32_t reserved;
	int64_t job_seq;		/* RUN, STOP */
	union {
		struct order_settings settings;
		struct order_clock clock;
		struct order_run start;
	};
};

struct record {
	uint32_t kind;			/* enum record_kind */
	uint32_t run;
	uint32_t slot;
	uint16_t stage;			/* enum job_stage */
	uint16_t error;			/* enum job_error: FAILED */
	int64_t job_seq;
	int64_t at_ms;			/* simulated instant it happened at */
	int64_t remaining_ms;		/* the worker's estimate, >= 0 */
	double progress;		/* 0..1 */
	int64_t tick;			/* ALIVE: last clock order settled */
	int64_t next_ms;		/* ALIVE: next stage change or end of
					 * any run; INT64_MAX: none */
	uint32_t running;		/* ALIVE: jobs it simulates */
	uint32_t reserved;
};

struct packet_header {
	uint32_t magic;
	uint16_t count;			/* 1..CHANNEL_BATCH */
	uint16_t size;			/* of one entry */
};

struct order_packet {
	struct packet_header header;
	struct order orders[CHANNEL_BATCH];
};

struct record_packet {
	struct packet_header header;
	struct record records[CHANNEL_BATCH];
};

/* channel_pair -- two ends, both CLOEXEC and non-blocking.  0 or -errno. */
int channel_pair(int ends_out[2]);

/* Send count entries (1..CHANNEL_BATCH) as one packet, never blocking.
 * 0; -EAGAIN: full, nothing was sent; else another -errno (the peer left). */
int channel_send_orders(int fd, struct order_packet *packet, unsigned count);
int channel_send_records(int fd, struct record_packet *packet, unsigned count);

/* Receive one packet and check it whole: magic, sizes, kinds, numbers finite
 * and in range.  The count (> 0); 0: end of file; -EAGAIN: nothing there;
 * -EPROTO: nonsense, end the conversation; else another -errno. */
int channel_receive_orders(int fd, struct order_packet *packet_out);
int channel_receive_records(int fd, struct record_packet *packet_out);

/* The check alone, of bytes as they came; for the tests and fuzzers.
 * The count or -EPROTO. */
int channel_check_orders(const struct order_packet *packet, size_t bytes);
int channel_check_records(const struct record_packet *packet, size_t bytes);

#endif

#include "core/channel.h"

#include "core/random.h"

#include <errno.h>
#include <sys/socket.h>

#define SIMULATE_ALL (SIMULATE_DURATION | SIMULATE_ERROR_RATE |        \
		      SIMULATE_FAIL_AT | SIMULATE_FAIL_ATTEMPTS |      \
		      SIMULATE_SEED)

int channel_pair(int ends_out[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, ends_out) < 0)
		return -errno;
	return 0;
}

/* --- the check ------------------------------------------------------------ */

/* Comparisons are written so that a NaN fails them. */
static bool within(double x, double low, double high)
{
	return x >= low && x <= high;
}

static bool is_time(int64_t ms)
{
	return ms >= 0 && ms <= JOB_MS_MAX;
}

static bool check_settings(const struct order_settings *s)
{
	return s->distribution >= 0 && s->distribution < DISTRIBUTIONS &&
	       within(s->min_ms, 0, JOB_MS_MAX) &&
	       within(s->max_ms, s->min_ms, JOB_MS_MAX) &&
	       within(s->mean_ms, 0, JOB_MS_MAX) &&
	       within(s->sigma, 0, JOB_MS_MAX) &&
	       within(s->error_rate, 0, 1) &&
	       within(s->eta_error, 0, JOB_MS_MAX) &&
	       s->time_scale > 0 && within(s->time_scale, 0, JOB_MS_MAX) &&
	       s->progress_interval_ms >= 1 && is_time(s->progress_interval_ms);
}

static bool check_clock(const struct order_clock *c)
{
	return is_time(c->now_ms) && (c->rate == 0 || c->rate == 1) &&
	       c->since_ns >= 0;
}

static bool check_run(const struct order_run *r)
{
	uint32_t given = r->simulate_given;

	return within(r->progress, 0, 1) && r->attempt >= 1 &&
	       !(given & ~(uint32_t)SIMULATE_ALL) &&
	       (!(given & SIMULATE_DURATION) || is_time(r->duration_ms)) &&
	       (!(given & SIMULATE_ERROR_RATE) ||
		within(r->error_rate, 0, 1)) &&
	       (!(given & SIMULATE_FAIL_AT) || within(r->fail_at, 0, 1)) &&
	       (!(given & SIMULATE_FAIL_ATTEMPTS) || r->fail_attempts >= 0);
}

static bool check_order(const struct order *o)
{
	switch (o->kind) {
	case ORDER_SETTINGS:
		return check_settings(&o->settings);
	case ORDER_CLOCK:
		return check_clock(&o->clock);
	case ORDER_RUN:
		return o->job_seq >= 0 && check_run(&o->start);
	case ORDER_STOP:
		return o->job_seq >= 0;
	default:
		return false;
	}
}

static bool check_record(const struct record *r)
{
	if (r->job_seq < 0 || r->stage >= JOB_STAGES ||
	    !within(r->progress, 0, 1) || !is_time(r->at_ms) ||
	    !is_time(r->remaining_ms))
		return false;
	switch (r->kind) {
	case RECORD_ALIVE:
		return r->error == ERROR_NONE && r->next_ms >= 0;
	case RECORD_PROGRESS:
		return r->error == ERROR_NONE && r->stage != STAGE_NONE;
	case RECORD_COMPLETED:
		return r->error == ERROR_NONE && r->progress == 1;
	case RECORD_FAILED:
		return r->error > ERROR_NONE && r->error < JOB_ERRORS;
	default:
		return false;
	}
}

/* The count of a packet whose frame is whole, else -EPROTO. */
static int check_frame(const struct packet_header *header, size_t bytes,
		       size_t size)
{
	if (bytes < sizeof(*header) || header->magic != CHANNEL_MAGIC ||
	    header->size != size || header->count < 1 ||
	    header->count > CHANNEL_BATCH ||
	    bytes != sizeof(*header) + header->count * size)
		return -EPROTO;
	return header->count;
}

int channel_check_orders(const struct order_packet *packet, size_t bytes)
{
	int count = check_frame(&packet->header, bytes, sizeof(struct order));

	for (int i = 0; i < count; i++)
		if (!check_order(&packet->orders[i]))
			return -EPROTO;
	return count;
}

int channel_check_records(const struct record_packet *packet, size_t bytes)
{
	int count = check_frame(&packet->header, bytes, sizeof(struct record));

	for (int i = 0; i < count; i++)
		if (!check_record(&packet->records[i]))
			return -EPROTO;
	return count;
}

/* --- sending and receiving ------------------------------------------------ */

static int send_packet(int fd, struct packet_header *header, unsigned count,
		       size_t size)
{
	size_t bytes = sizeof(*header) + count * size;
	ssize_t n;

	if (count < 1 || count > CHANNEL_BATCH)
		return -EINVAL;
	header->magic = CHANNEL_MAGIC;
	header->count = count;
	header->size = size;
	do
		n = send(fd, header, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int channel_send_orders(int fd, struct order_packet *packet, unsigned count)
{
	return send_packet(fd, &packet->header, count, sizeof(struct order));
}

int channel_send_records(int fd, struct record_packet *packet, unsigned count)
{
	return send_packet(fd, &packet->header, count, sizeof(struct record));
}

/* The bytes of one packet, which may be more than there was room for. */
static ssize_t receive_packet(int fd, void *packet, size_t room)
{
	ssize_t n;

	/* A peer that left without reading all of ours is told once, ahead of
	 * what it had sent before; that still counts. */
	do
		n = recv(fd, packet, room, MSG_DONTWAIT | MSG_TRUNC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	return n < 0 ? -errno : n;
}

int channel_receive_orders(int fd, struct order_packet *packet_out)
{
	ssize_t n = receive_packet(fd, packet_out, sizeof(*packet_out));

	return n <= 0 ? (int)n : channel_check_orders(packet_out, n);
}

int channel_receive_records(int fd, struct record_packet *packet_out)
{
	ssize_t n = receive_packet(fd, packet_out, sizeof(*packet_out));

	return n <= 0 ? (int)n : channel_check_records(packet_out, n);
}

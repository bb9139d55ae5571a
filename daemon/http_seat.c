#include "config.h"

#include "daemon/http_seat.h"

#include "core/clock.h"
#include "core/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define SAMPLE 256			/* seats looked at for the longest wait */
#define FAREWELL_MS 1000		/* for the peer to close, too */
#define STARVED_REST_MS 1
#define STARVED_TRIES 10
#define STARVED_FOR_MS 10000		/* then more are let in again */
#define GIVE_WAY_MAX_US 2000		/* longer: others than we have the core */
#define GIVE_WAY_TRUST 64		/* quick ones that outweigh a slow one */
#define GIVE_WAY_PASS 1023		/* waits without, at most */
/* A peer that is gone without a word is noticed within about this time. */
#define LOST_MS 20000
#define PROBE_IDLE_S 15
#define PROBE_EACH_S 5
#define PROBES 2

enum seat_state {
	SEAT_BUSY,			/* or empty: nothing to hang up on */
	SEAT_WAITING,			/* its thread is in poll() */
	SEAT_SHUTTING,			/* somebody hangs up on its peer */
	SEAT_SHUT
};

struct seat {
	struct seats *seats;
	/* read by others, atomically; fd and events while SEAT_WAITING */
	int state, fd, events;
	bool farewell;
	int64_t since_ms;
	/* the thread's own */
	int64_t deadline_ms;		/* 0: none */
	bool cleared;			/* for others; the socket stays shut */
	bool between;			/* two requests; not yet given way */
	int doubt, pass;		/* see seat_give_way */
} __attribute__((aligned(64)));

struct seats {
	int threads;
	/* changed by many threads, atomically */
	int taken, open, farewells, hand;
	int room;			/* threads, or what descriptors allow */
	bool cleared;
	int64_t evictions;
	int64_t starved_ms;		/* the accepting thread's own; 0: not */
	struct seat seat[];
};

static _Thread_local struct seat *mine;		/* of a thread that serves */
static _Thread_local struct seats *accepted;	/* of one that accepts */

/* To a few milliseconds, which is enough here: every request asks. */
static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

int seats_new(struct seats **seats_out, int threads)
{
	size_t size = sizeof(struct seats) +
		      (size_t)threads * sizeof(struct seat);
	struct seats *s = aligned_alloc(64, (size + 63) / 64 * 64);

	if (!s)
		return -ENOMEM;
	*s = (struct seats){ .threads = threads, .room = threads };
	for (int i = 0; i < threads; i++)
		s->seat[i] = (struct seat){ .seats = s, .fd = -1 };
	*seats_out = s;
	return 0;
}

void seats_free(struct seats *s)
{
	free(s);
}

void seats_accept_here(struct seats *s)
{
	accepted = s;
}

void seats_serve_here(struct seats *s)
{
	int number = __atomic_fetch_add(&s->taken, 1, __ATOMIC_RELAXED);

	mine = number < s->threads ? &s->seat[number] : NULL;
}

int seats_count(const struct seats *s)
{
	return __atomic_load_n(&s->open, __ATOMIC_RELAXED) +
	       __atomic_load_n(&s->farewells, __ATOMIC_RELAXED);
}

static int seats_free_now(const struct seats *s)
{
	return __atomic_load_n(&s->room, __ATOMIC_RELAXED) - seats_count(s);
}

bool seats_scarce(const struct seats *s)
{
	return seats_free_now(s) < HTTP_CLOSE_BELOW;
}

int64_t seats_evictions(const struct seats *s)
{
	return __atomic_load_n(&s->evictions, __ATOMIC_RELAXED);
}

/* --- hanging up ----------------------------------------------------------------- */

/* What has arrived can still be read, and what is read still be answered. */
static void hang_up(int fd, int events)
{
	(void)shutdown(fd, events & POLLOUT ? SHUT_RDWR : SHUT_RD);
}

/* Its thread cannot leave poll() for good, and so not close the socket,
 * before the state is SEAT_SHUT. */
static bool seat_hang_up(struct seat *seat)
{
	int state = SEAT_WAITING;

	if (!__atomic_compare_exchange_n(&seat->state, &state, SEAT_SHUTTING,
					 false, __ATOMIC_SEQ_CST,
					 __ATOMIC_RELAXED))
		return false;
	hang_up(__atomic_load_n(&seat->fd, __ATOMIC_RELAXED),
		__atomic_load_n(&seat->events, __ATOMIC_RELAXED));
	__atomic_store_n(&seat->state, SEAT_SHUT, __ATOMIC_RELEASE);
	return true;
}

/* Who is said farewell to goes first. */
static int64_t seat_rank(struct seat *seat)
{
	if (__atomic_load_n(&seat->state, __ATOMIC_RELAXED) != SEAT_WAITING)
		return INT64_MAX;
	if (__atomic_load_n(&seat->farewell, __ATOMIC_RELAXED))
		return INT64_MIN;
	return __atomic_load_n(&seat->since_ms, __ATOMIC_RELAXED);
}

/* The longest wait among SAMPLE seats, or if nobody waits there among the
 * next as many.  Sampling costs the same with 16 384 threads as with 256. */
static bool seats_evict(struct seats *s)
{
	int at = __atomic_fetch_add(&s->hand, SAMPLE, __ATOMIC_RELAXED);
	struct seat *longest = NULL;
	int64_t rank = INT64_MAX;

	for (int i = 0; i < s->threads && (i % SAMPLE || !longest); i++) {
		struct seat *seat = &s->seat[((unsigned)at + (unsigned)i) %
					     (unsigned)s->threads];
		int64_t its = seat_rank(seat);

		if (its < rank) {
			rank = its;
			longest = seat;
		}
	}
	if (!longest || !seat_hang_up(longest))
		return false;
	__atomic_add_fetch(&s->evictions, 1, __ATOMIC_RELAXED);
	return true;
}

void seats_clear(struct seats *s)
{
	__atomic_store_n(&s->cleared, true, __ATOMIC_SEQ_CST);
	for (int i = 0; i < s->threads; i++)
		(void)seat_hang_up(&s->seat[i]);
}

/* --- a connection's life ---------------------------------------------------------- */

void seat_begin(void)
{
	if (!mine)
		return;
	mine->fd = -1;
	mine->cleared = false;
	__atomic_store_n(&mine->farewell, false, __ATOMIC_RELAXED);
	seat_expect(0);
}

void seat_end(void)
{
	if (!mine)
		return;
	__atomic_sub_fetch(&mine->seats->open, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&mine->farewell, true, __ATOMIC_RELAXED);
	seat_expect(FAREWELL_MS);
}

void seat_expect(int64_t limit_ms)
{
	int64_t at_ms = now_ms();

	if (!mine)
		return;
	mine->between = false;
	mine->deadline_ms = limit_ms > 0 ? at_ms + limit_ms : 0;
	__atomic_store_n(&mine->since_ms, at_ms, __ATOMIC_RELAXED);
}

void seat_expect_next(bool soon)
{
	seat_expect(0);
	if (mine)
		mine->between = soon;
}

bool seat_was_cleared(void)
{
	return mine && mine->cleared;
}

int seat_socket(void)
{
	return mine ? mine->fd : -1;
}

/* --- poll ------------------------------------------------------------------------- */

static int os_poll(struct pollfd *fds, nfds_t count, int64_t timeout_ms)
{
	struct timespec timeout = {
		.tv_sec = timeout_ms / 1000,
		.tv_nsec = timeout_ms % 1000 * 1000000
	};

	return ppoll(fds, count, timeout_ms < 0 ? NULL : &timeout, NULL);
}

/* Is the seat wanted for others, though its peer's time is not over? */
static bool seat_is_wanted(const struct seat *seat)
{
	return __atomic_load_n(&seat->seats->cleared, __ATOMIC_SEQ_CST) ||
	       (seat->farewell && seats_scarce(seat->seats));
}

static bool seat_is_due(const struct seat *seat)
{
	return seat_is_wanted(seat) ||
	       (seat->deadline_ms > 0 && now_ms() >= seat->deadline_ms);
}

/* A sleep and a wake-up cost more than most answers.  Where many ask at once,
 * whoever has answered lets the others go first, and finds that its peer has
 * asked again meanwhile.  Where others than we hold the core it waits for them
 * as well: each time that this takes long it is left out, `pass` times, twice
 * as often as the last time; GIVE_WAY_TRUST quick ones take one of these back. */
static void seat_give_way(struct seat *seat)
{
	int64_t began_us;

	if (!seat->between)
		return;
	seat->between = false;
	if (seat->pass > 0) {
		seat->pass--;
		return;
	}
	began_us = clock_real_mono_us();
	sched_yield();
	if (clock_real_mono_us() - began_us < GIVE_WAY_MAX_US) {
		seat->doubt -= seat->doubt > 0;
		return;
	}
	seat->doubt = seat->doubt * 2 + GIVE_WAY_TRUST;
	if (seat->doubt > GIVE_WAY_PASS * GIVE_WAY_TRUST)
		seat->doubt = GIVE_WAY_PASS * GIVE_WAY_TRUST;
	seat->pass = seat->doubt / GIVE_WAY_TRUST;
}

/* The wait itself; others may end it. */
static int seat_sleep(struct seat *seat, struct pollfd *fds, nfds_t count,
		      int64_t timeout_ms)
{
	int state = SEAT_WAITING, r;

	if (seat->deadline_ms > 0) {
		int64_t left_ms = seat->deadline_ms - now_ms();

		if (timeout_ms < 0 || left_ms < timeout_ms)
			timeout_ms = left_ms > 0 ? left_ms : 0;
	}
	__atomic_store_n(&seat->state, SEAT_WAITING, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&seat->seats->cleared, __ATOMIC_SEQ_CST))
		timeout_ms = 0;		/* it may have missed this seat */
	seat_give_way(seat);
	r = os_poll(fds, count, timeout_ms);
	if (__atomic_compare_exchange_n(&seat->state, &state, SEAT_BUSY, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return r;
	while (__atomic_load_n(&seat->state, __ATOMIC_ACQUIRE) ==
	       SEAT_SHUTTING)
		sched_yield();
	__atomic_store_n(&seat->state, SEAT_BUSY, __ATOMIC_RELAXED);
	seat->cleared = true;
	return r;
}

/* A peer that is hung up on looks to the library as if it had done so. */
static int seat_poll(struct seat *seat, struct pollfd *fds, nfds_t count,
		     int timeout_ms)
{
	int r;

	__atomic_store_n(&seat->fd, fds[0].fd, __ATOMIC_RELAXED);
	__atomic_store_n(&seat->events, fds[0].events, __ATOMIC_RELAXED);
	if (!seat_is_due(seat)) {
		if (seats_free_now(seat->seats) < HTTP_EVICT_BELOW) {
			r = os_poll(fds, count, 0);
			if (r != 0)
				return r;
			(void)seats_evict(seat->seats);
		}
		r = seat_sleep(seat, fds, count, timeout_ms);
		if (r != 0 || !seat_is_due(seat))
			return r;
	}
	if (seat_is_wanted(seat))
		seat->cleared = true;
	hang_up(fds[0].fd, fds[0].events);
	return os_poll(fds, count, 0);
}

/* The library's poll(). */
int http_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
	__asm__("poll");

int http_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct seat *seat = mine;
	bool farewell;
	int r;

	if (!seat || count < 1)
		return os_poll(fds, count, timeout_ms);
	farewell = seat->farewell;
	if (farewell)
		__atomic_add_fetch(&seat->seats->farewells, 1,
				   __ATOMIC_RELAXED);
	r = seat_poll(seat, fds, count, timeout_ms);
	if (farewell)
		__atomic_sub_fetch(&seat->seats->farewells, 1,
				   __ATOMIC_RELAXED);
	return r;
}

/* --- accept ----------------------------------------------------------------------- */

static bool is_starved(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

/* No descriptor is left: a few are given back, and for a while no more come
 * in than there were.  The library itself would ask again without end. */
static void starve(struct seats *s)
{
	struct timespec rest = { .tv_nsec = STARVED_REST_MS * 1000000L };
	int error = errno, count = seats_count(s);

	if (s->starved_ms == 0)
		log_warning("http.starved", "error=%s connections=%d",
			    LOG_QUOTE(strerror(error)), count);
	s->starved_ms = now_ms();
	if (count < __atomic_load_n(&s->room, __ATOMIC_RELAXED))
		__atomic_store_n(&s->room, count, __ATOMIC_RELAXED);
	for (int i = 0; i < HTTP_CLOSE_BELOW && seats_evict(s); i++)
		;
	nanosleep(&rest, NULL);
	errno = error;
}

static void recover(struct seats *s)
{
	if (s->starved_ms == 0 ||
	    now_ms() - s->starved_ms < STARVED_FOR_MS)
		return;
	s->starved_ms = 0;
	__atomic_store_n(&s->room, s->threads, __ATOMIC_RELAXED);
	log_info("http.recovered", "connections=%d", seats_count(s));
}

/* A peer that is gone without a word must not hold a seat for long. */
static void set_probes(int fd)
{
	static const struct {
		int name, value;
	} options[] = {
		{ TCP_KEEPIDLE, PROBE_IDLE_S }, { TCP_KEEPINTVL, PROBE_EACH_S },
		{ TCP_KEEPCNT, PROBES }, { TCP_USER_TIMEOUT, LOST_MS },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)setsockopt(fd, IPPROTO_TCP, options[i].name,
				 &options[i].value, sizeof(options[i].value));
}

/* The library's accept(); no child inherits the socket, at any moment. */
int http_accept(int listener, struct sockaddr *address, socklen_t *length)
	__asm__("accept");

int http_accept(int listener, struct sockaddr *address, socklen_t *length)
{
	struct seats *s = accepted;
	int fd = accept4(listener, address, length, SOCK_CLOEXEC);

	if (!s)
		return fd;
	for (int i = 0; fd < 0 && is_starved(errno) && i < STARVED_TRIES; i++) {
		starve(s);
		fd = accept4(listener, address, length, SOCK_CLOEXEC);
	}
	if (fd < 0)
		return fd;
	recover(s);
	set_probes(fd);
	__atomic_add_fetch(&s->open, 1, __ATOMIC_RELAXED);
	if (seats_free_now(s) < HTTP_EVICT_BELOW)
		(void)seats_evict(s);
	return fd;
}

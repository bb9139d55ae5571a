/* http_seat.h -- who keeps the threads of the HTTP library waiting, and who
 * has to leave when there is no room.
 *
 * Every connection has a thread of its own, its seat.  The library's calls of
 * accept() and poll() end here (the linker sees ours first), so that it is
 * known which socket a seat serves, that its thread waits for the peer, and
 * since when.  From that follow:
 *
 *  - deadlines: the library bounds each read and write, never all of them;
 *  - room: while fewer than HTTP_EVICT_BELOW seats are free, whoever has kept
 *    its thread waiting longest is hung up on for each one who comes.  A
 *    request that is being worked on, a long poll, a stream never is;
 *  - descriptors: when there are none left the same gives one back;
 *  - cores: a thread that expects its peer to ask again soon lets others go
 *    first before it sleeps.
 *
 * Any thread may call what takes seats. */
#ifndef DAEMON_HTTP_SEAT_H
#define DAEMON_HTTP_SEAT_H

#include <stdbool.h>
#include <stdint.h>

#define HTTP_CLOSE_BELOW 16		/* free seats: answers end connections */
#define HTTP_EVICT_BELOW 8		/* free seats: who comes displaces */

struct seats;

int seats_new(struct seats **seats_out, int threads);
void seats_free(struct seats *s);	/* after the threads; NULL is fine */

/* Once, in the thread that accepts; once, in each that serves. */
void seats_accept_here(struct seats *s);
void seats_serve_here(struct seats *s);

/* seats_scarce -- are fewer than HTTP_CLOSE_BELOW free?
 * seats_count  -- those that are taken, and those who stand in line.
 * seats_clear  -- hangs up on whoever keeps a thread waiting, now and from
 *                 now on: the end is near. */
bool seats_scarce(const struct seats *s);
int seats_count(const struct seats *s);
int64_t seats_evictions(const struct seats *s);
void seats_clear(struct seats *s);

/* What follows is about the seat of the calling thread.
 *
 * seat_begin, seat_end -- a connection takes it and leaves it: what it does
 *   then is farewell. */
void seat_begin(void);
void seat_end(void);

/* seat_expect -- from now on the peer may keep us waiting; limit_ms later it
 *   is hung up on (0: as the library has it).
 * seat_expect_next -- all is answered; the next request may come, soon: the
 *   answer took no time, so the peer may have asked again in a moment.
 * seat_was_cleared -- was the connection hung up on for room or because of a
 * stop, and not because its time was over?  What had arrived may have been read
 * since, a head even; what ends then is of our making. */
void seat_expect(int64_t limit_ms);
void seat_expect_next(bool soon);
bool seat_was_cleared(void);

/* The connection's descriptor, borrowed; -1: not known. */
int seat_socket(void);

#endif

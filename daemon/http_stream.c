#include "daemon/http_stream.h"

#include "core/clock.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

bool stream_begin(struct stream *s, struct request *r)
{
	int64_t now_ms = clock_real_mono_ms();

	if (!held_begin(r->http, HELD_STREAM)) {
		reply_header_int(&r->reply, "Retry-After", 2);
		reply_problem(&r->reply, 503, "busy",
			      "There is no room for another stream.");
		return false;
	}
	r->reply.type = "text/event-stream";
	reply_header(&r->reply, "X-Accel-Buffering", "no");
	*s = (struct stream){
		.request = r,
		.socket = seat_socket(),
		.ends_ms = now_ms + STREAM_LIFE_MS,
		.beat_ms = now_ms + HTTP_HEARTBEAT_MS,
		.woke_ms = now_ms - STREAM_REST_MS,
	};
	if (!request_send_stream_head(r) || r->method == METHOD_HEAD) {
		stream_end(s);
		return false;
	}
	text_literal(&s->pending, "retry: 2000\n\n");
	return true;
}

void stream_end(struct stream *s)
{
	held_end(s->request->http, HELD_STREAM);
	text_free(&s->pending);
}

/* Bytes that the client has not taken yet. */
static int64_t stream_unsent(const struct stream *s)
{
	int bytes = 0;

	if (s->socket < 0 || ioctl(s->socket, SIOCOUTQ, &bytes) < 0)
		return 0;
	return bytes;
}

/* Has the client closed its end, or been lost? */
static bool stream_hung_up(const struct stream *s)
{
	char byte;
	ssize_t n = s->socket >= 0 ? recv(s->socket, &byte, 1,
					  MSG_PEEK | MSG_DONTWAIT) : 1;

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static bool stream_write(struct stream *s)
{
	size_t at = 0;

	while (at < s->pending.length) {
		size_t piece = s->pending.length - at;

		if (piece > STREAM_PIECE_BYTES)
			piece = STREAM_PIECE_BYTES;
		if (stream_unsent(s) > STREAM_UNSENT_BYTES ||
		    !request_write(s->request, s->pending.data + at, piece))
			return false;
		at += piece;
	}
	text_clear(&s->pending);
	return true;
}

bool stream_flush(struct stream *s)
{
	int64_t now_ms = clock_real_mono_ms();

	if (s->pending.failed || now_ms >= s->ends_ms ||
	    board_interrupted(s->request->http->board))
		return false;
	if (s->pending.length == 0 && now_ms >= s->beat_ms)
		text_literal(&s->pending, ": still here\n\n");
	if (s->pending.length == 0)
		return !stream_hung_up(s);
	s->beat_ms = now_ms + HTTP_HEARTBEAT_MS;
	return stream_write(s);
}

int64_t stream_deadline_ms(const struct stream *s)
{
	return s->beat_ms < s->ends_ms ? s->beat_ms : s->ends_ms;
}

void stream_rest(struct stream *s)
{
	int64_t now_ms = clock_real_mono_ms();
	int64_t rest_ms = s->woke_ms + STREAM_REST_MS - now_ms;
	struct timespec rest = { .tv_nsec = rest_ms * 1000000 };

	if (rest_ms > 0) {
		nanosleep(&rest, NULL);
		now_ms += rest_ms;
	}
	s->woke_ms = now_ms;
}

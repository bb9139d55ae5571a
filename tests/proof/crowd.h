/* crowd.h -- what a crowd's two files share: crowd.c moves its peers, and
 * crowd_kinds.c knows how each kind misbehaves and what it is answered. */
#ifndef TESTS_PROOF_CROWD_H
#define TESTS_PROOF_CROWD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DRIP_MS 1000			/* a byte of those who drip */
#define PATIENCE_S 20			/* of those who do not read */
#define SIP_BYTES 256			/* in as long, of those who sip */

enum reads { READS_ALL, READS_NOTHING, READS_A_LITTLE };

struct kind {
	const char *name;
	const char *method;		/* NULL: it says nothing at all */
	const char *path;		/* unless --path is given */
	const char *headers;		/* what is sent after the host */
	const char *drips;		/* a byte of this again and again; NULL */
	enum reads reads;
	bool asks_again;		/* as soon as it is answered */
};
extern const struct kind kinds[];	/* ends with a NULL name */

struct answer {				/* being read */
	char line[64];			/* the beginning of a line */
	unsigned line_length;
	bool in_body;
	bool endless;			/* a body without a length: a stream */
	int status;
	int64_t left;			/* of the body */
};

enum peer_state { PEER_AWAY, PEER_COMING, PEER_OPEN };
struct peer {
	int fd;				/* -1: away */
	enum peer_state state;
	int64_t at_ms;			/* comes back, or acts again, then */
	int seconds;			/* since it arrived */
	struct answer answer;
};

struct crowd {
	/* as the options say */
	const struct kind *kind;
	const char *host, *path, *key;
	struct sockaddr_in to;
	int count, rate, again_ms;
	unsigned seed, sources;
	bool vanish;
	/* what they say */
	char request[2048];
	size_t request_length;
	/* the moving picture */
	struct peer *peers;
	int poll, open;
	int64_t last_arrival_ms;
	/* the tally */
	bool here;
	int least, most;
	int64_t tries, arrived, refused, ended, dripped, bytes, events;
	int64_t answers[6], ticks, open_sum;
};

const struct kind *kind_find(const char *name);		/* NULL: none */
size_t kind_request(const struct crowd *c, char *out, size_t size);

/* answer_take -- reads on; true: an answer was completed. */
bool answer_take(struct crowd *c, struct answer *a, const char *bytes,
		 size_t length);

#endif

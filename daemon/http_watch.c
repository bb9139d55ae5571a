#include "daemon/http_watch.h"

#include "core/clock.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

struct watch {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	struct watched *first;
	int64_t wakes_ms;	/* the thread sleeps until then; INT64_MAX */
	bool stop;
};

/* --- sockets ------------------------------------------------------------------- */

static bool is_peer(int fd, const struct watch_peer *peer)
{
	struct sockaddr_in remote, local;
	socklen_t remote_size = sizeof(remote), local_size = sizeof(local);
	char address[INET_ADDRSTRLEN];

	return getpeername(fd, (struct sockaddr *)&remote, &remote_size) == 0 &&
	       remote.sin_family == AF_INET &&
	       ntohs(remote.sin_port) == peer->remote_port &&
	       getsockname(fd, (struct sockaddr *)&local, &local_size) == 0 &&
	       ntohs(local.sin_port) == peer->local_port &&
	       inet_ntop(AF_INET, &remote.sin_addr, address, sizeof(address)) &&
	       strcmp(address, peer->remote_address) == 0;
}

int peer_socket(const struct watch_peer *peer)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int found = -1;

	if (!dir)
		return -1;
	while (found < 0 && (entry = readdir(dir))) {
		char *end;
		long fd = strtol(entry->d_name, &end, 10);

		if (*end == '\0' && end != entry->d_name &&
		    is_peer((int)fd, peer))
			found = (int)fd;
	}
	closedir(dir);
	return found;
}

/* --- the thread ------------------------------------------------------------------ */

/* Shuts what is due; the earliest deadline of the rest. */
static int64_t watch_expire(struct watch *w, int64_t now_ms)
{
	int64_t earliest_ms = INT64_MAX;

	for (struct watched *one = w->first; one; one = one->next) {
		if (one->expired)
			continue;
		if (one->deadline_ms <= now_ms) {
			/* the lock keeps its thread from closing the socket */
			int fd = peer_socket(&one->peer);

			one->expired = true;
			if (fd >= 0)
				shutdown(fd, SHUT_RD);
		} else if (one->deadline_ms < earliest_ms) {
			earliest_ms = one->deadline_ms;
		}
	}
	return earliest_ms;
}

static void *watch_run(void *user)
{
	struct watch *w = user;

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		struct timespec until;

		w->wakes_ms = watch_expire(w, clock_real_mono_ms());
		if (w->wakes_ms == INT64_MAX) {
			pthread_cond_wait(&w->changed, &w->lock);
			continue;
		}
		until.tv_sec = w->wakes_ms / 1000;
		until.tv_nsec = w->wakes_ms % 1000 * 1000000;
		pthread_cond_timedwait(&w->changed, &w->lock, &until);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int watch_new(struct watch **watch_out)
{
	struct watch *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;
	int r;

	if (!w)
		return -ENOMEM;
	w->wakes_ms = INT64_MAX;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &attr);
	pthread_condattr_destroy(&attr);
	r = pthread_create(&w->thread, NULL, watch_run, w);
	if (r != 0) {
		pthread_cond_destroy(&w->changed);
		pthread_mutex_destroy(&w->lock);
		free(w);
		return -r;
	}
	*watch_out = w;
	return 0;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void watch_add(struct watch *w, struct watched *one)
{
	pthread_mutex_lock(&w->lock);
	one->expired = false;
	one->next = w->first;
	one->link = &w->first;
	if (one->next)
		one->next->link = &one->next;
	w->first = one;
	/* A thread that sleeps less long than this looks again by itself: a
	 * busy server does not wake it for each body. */
	if (one->deadline_ms < w->wakes_ms)
		pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

void watch_remove(struct watch *w, struct watched *one)
{
	pthread_mutex_lock(&w->lock);
	*one->link = one->next;
	if (one->next)
		one->next->link = one->link;
	pthread_mutex_unlock(&w->lock);
}

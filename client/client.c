/* The client itself: options, the clock, what other threads may do, the log. */
#include "client/internal.h"

#include "client/alloc.h"
#include "client/pace.h"

#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>
#include <time.h>

#define DEFAULT_URL "http://127.0.0.1:8080"
#define DEFAULT_TIMEOUT_MS 30000
#define DEFAULT_TRIES 5
#define USE_ALL                                                                \
	(HG_USE_SSE | HG_USE_HOLD | HG_USE_ETA | HG_USE_HISTORY | HG_USE_BULK)

const char *hg_version(void)
{
	return PACKAGE_VERSION;
}

hg_err hg_set_allocator(void *(*realloc_fn)(void *, size_t),
			void (*free_fn)(void *))
{
	if (!realloc_fn != !free_fn)
		return HG_EINVAL;
	hg__set_allocator(realloc_fn, free_fn);
	return HG_OK;
}

void hg_free(void *p)
{
	hg__free(p);
}

/* --- clocks and chance ----------------------------------------------------- */

static int64_t clock_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t hg__now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

int64_t hg__unix_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

/* splitmix64: for jitter, never for secrets */
uint32_t hg__random(hg_client *c)
{
	uint64_t z = c->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ (z >> 31)) >> 32);
}

/* A fresh Idempotency-Key must not be guessed nor met again. */
void hg__fresh_key(hg_client *c, char key[33])
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
		/* a kernel without it: chance, the clock and our address */
		uint32_t words[4] = { hg__random(c), hg__random(c),
				      hg__random(c) ^ (uint32_t)hg__unix_ms(),
				      (uint32_t)(uintptr_t)c };

		memcpy(bytes, words, sizeof(bytes));
	}
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(key + 2 * i, 3, "%02x", bytes[i]);
}

/* FNV-1a; the one job without an id is 0, as "all" is in a notice. */
uint64_t hg__hash(const char *id)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	if (!id)
		return 0;
	for (; *id; id++)
		h = (h ^ (unsigned char)*id) * UINT64_C(0x100000001b3);
	return h ? h : 1;
}

/* --- structs that carry their size ----------------------------------------- */

void hg_client_options_init(hg_client_options *o, size_t size)
{
	if (!o || size < sizeof(o->size))
		return;
	memset(o, 0, size);
	o->size = size;
}

void hg_request_init(hg_request *r, size_t size)
{
	if (!r || size < sizeof(r->size))
		return;
	memset(r, 0, size);
	r->size = size;
}

hg_err hg__take_struct(void *ours, size_t ours_size, const void *theirs)
{
	const unsigned char *bytes = theirs;
	size_t size;

	memcpy(&size, theirs, sizeof(size));
	if (size < sizeof(size))
		return HG_EINVAL;
	for (size_t i = ours_size; i < size; i++)
		if (bytes[i])
			return HG_EINVAL;
	memset(ours, 0, ours_size);
	memcpy(ours, theirs, size < ours_size ? size : ours_size);
	return HG_OK;
}

/* --- options --------------------------------------------------------------- */

/* What may go into a header or a path: no control characters, no blanks. */
static bool is_plain(const char *text)
{
	if (!text)
		return true;
	for (; *text; text++)
		if ((unsigned char)*text <= 0x20 || *text == 0x7f)
			return false;
	return true;
}

static bool is_header_text(const char *text)
{
	if (!text)
		return true;
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static bool url_is_good(const char *url)
{
	const char *host;

	if (!strncmp(url, "http://", 7))
		host = url + 7;
	else if (!strncmp(url, "https://", 8))
		host = url + 8;
	else
		return false;
	return is_plain(url) && *host && *host != '/' && *host != ':' &&
	       !strpbrk(host, "@?#\\");
}

static hg_err take_url(hg_client *c, const char *url)
{
	size_t n;

	if (!url)
		url = getenv("HEYGENCTL_SERVER");
	if (!url || !*url)
		url = DEFAULT_URL;
	if (!url_is_good(url))
		return HG_EINVAL;
	for (n = strlen(url); url[n - 1] == '/';)
		n--;
	c->base_url = hg__strndup(url, n);
	return c->base_url ? HG_OK : HG_ENOMEM;
}

static hg_err take_options(hg_client *c, const hg_client_options *o)
{
	if (o->profile < HG_BALANCED || o->profile > HG_LATENCY ||
	    o->use & ~USE_ALL || o->log_level < 0 || o->log_level > LOG_DEBUG)
		return HG_EINVAL;
	if (o->delay_price != 0 &&
	    !(o->delay_price >= 0.001 && o->delay_price <= 1000))
		return HG_EINVAL;
	if (!is_plain(o->api_key) || !is_header_text(o->user_agent) ||
	    !is_plain(o->status_path) ||
	    (o->status_path && o->status_path[0] != '/'))
		return HG_EINVAL;
	c->timeout_ms = o->timeout_ms ? o->timeout_ms : DEFAULT_TIMEOUT_MS;
	c->max_tries = o->max_tries ? o->max_tries : DEFAULT_TRIES;
	c->use = o->use ? o->use : USE_ALL;
	c->price = o->delay_price != 0 ? o->delay_price
				       : hg__profile_price(o->profile);
	c->on_log = o->on_log;
	c->log_user = o->log_user;
	c->log_level = o->log_level ? o->log_level : LOG_INFO;
	c->status_path = hg__strdup(o->status_path);
	if (o->status_path && !c->status_path)
		return HG_ENOMEM;
	return take_url(c, o->base_url);
}

hg_err hg_client_new(const hg_client_options *theirs, hg_client **client_out)
{
	hg_client_options o = { 0 };
	hg_client *c;
	hg_err err;

	if (!client_out)
		return HG_EINVAL;
	err = theirs ? hg__take_struct(&o, sizeof(o), theirs) : HG_OK;
	if (err)
		return err;
	c = hg__calloc(1, sizeof(*c));
	if (!c)
		return HG_ENOMEM;
	pthread_mutex_init(&c->notices_lock, NULL);
	hg__error_clear(&c->error);
	c->random = (uint64_t)hg__now_ms() << 20 ^ (uintptr_t)c;
	(void)!getrandom(&c->random, sizeof(c->random), GRND_NONBLOCK);
	err = take_options(c, &o);
	if (err)
		goto fail;
	if (c->status_path)
		c->form = HG__FORM_OPTION;
	err = HG_ENOMEM;
	c->memory = hg__memory_new(c->price);
	if (!c->memory)
		goto fail;
	err = hg__transport_new(&(struct hg__transport_options){
		.base_url = c->base_url,
		.api_key = o.api_key,
		.ca_file = o.ca_file,
		.user_agent = o.user_agent ? o.user_agent
			      : "libheygen-client/" PACKAGE_VERSION,
	}, &c->transport);
	if (err)
		goto fail;
	*client_out = c;
	return HG_OK;
fail:
	hg_client_free(c);
	return err;
}

void hg_client_free(hg_client *c)
{
	if (!c)
		return;
	hg__transport_free(c->transport);
	hg__buf_free(&c->answer.body);
	hg__memory_free(c->memory);
	pthread_mutex_destroy(&c->notices_lock);
	hg__free(c->status_path);
	hg__free(c->base_url);
	hg__free(c);
}

/* --- from other threads ---------------------------------------------------- */

void hg_interrupt(hg_client *c)
{
	if (!c)
		return;
	atomic_store(&c->interrupted, 1);
	hg__transport_wake(c->transport);
}

bool hg__interrupted(hg_client *c)
{
	return atomic_exchange(&c->interrupted, 0);
}

void hg_notify(hg_client *c, const char *id)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->notices_lock);
	if (id && c->notices_count < HG__NOTICES)
		c->notices[c->notices_count++] = hg__hash(id);
	else
		c->notices_count = HG__NOTICES + 1;
	pthread_mutex_unlock(&c->notices_lock);
	hg__transport_wake(c->transport);
}

void hg__wake_again(hg_client *c)
{
	bool noticed;

	pthread_mutex_lock(&c->notices_lock);
	noticed = c->notices_count;
	pthread_mutex_unlock(&c->notices_lock);
	if (noticed || atomic_load(&c->interrupted))
		hg__transport_wake(c->transport);
}

/* --- memory and counts ----------------------------------------------------- */

hg_err hg_client_save(hg_client *c, void **blob_out, size_t *size_out)
{
	hg_err err;

	if (!c || !blob_out || !size_out)
		return HG_EINVAL;
	hg__error_clear(&c->error);
	err = hg__memory_save(c->memory, blob_out, size_out);
	return err ? hg__error_say(&c->error, err, "%s", hg_strerror(err))
		   : HG_OK;
}

hg_err hg_client_load(hg_client *c, const void *blob, size_t size)
{
	hg_err err;

	if (!c || !blob)
		return HG_EINVAL;
	hg__error_clear(&c->error);
	err = hg__memory_load(c->memory, blob, size);
	return err ? hg__error_say(&c->error, err,
				   "this is not the memory of a client")
		   : HG_OK;
}

void hg_client_stats(const hg_client *c, hg_stats *stats)
{
	hg_stats ours = { 0 };
	size_t size;

	if (!c || !stats || stats->size < sizeof(stats->size))
		return;
	ours = c->stats;
	size = ours.size = stats->size;
	memcpy(stats, &ours, size < sizeof(ours) ? size : sizeof(ours));
}

/* --- the log --------------------------------------------------------------- */

void hg__log(hg_client *c, int level, const char *event, const char *format, ...)
{
	char text[1024], fields[768];
	va_list ap;

	if (!c->on_log || level > c->log_level)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	hg__copy_text(fields, sizeof(fields), text);
	c->on_log(c->log_user, level, event, fields);
}

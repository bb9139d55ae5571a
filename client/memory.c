#include "client/memory.h"

#include "client/alloc.h"
#include "client/plan.h"

#include <stdbool.h>
#include <string.h>

#define FEWEST 3		/* jobs before the first plan */
#define PLAN_JOBS 64		/* then a plan is redone after so many */

#define MAGIC "heygen-m"	/* 8 bytes; the head of a blob */
#define VERSION 1
#define HEAD_BYTES 20		/* magic, version, payload bytes, CRC */
#define SPAN_BYTES ((size_t)8)

struct key {
	char *name;
	uint64_t used;			/* when last: a count of uses */
	struct hg__span spans[HG__MEMORY_JOBS];	/* the oldest first */
	uint32_t count;
	uint32_t fresh;			/* not in the plan yet */
	struct hg__plan *plan;		/* NULL: none yet */
};

struct hg__memory {
	double price;
	uint64_t uses;
	size_t count;
	struct key *keys[HG__MEMORY_KEYS];
};

/* --- keys ----------------------------------------------------------------- */

static size_t name_bytes(const char *name)
{
	return strnlen(name, HG__MEMORY_KEY_BYTES);
}

static struct key *key_new(const char *name, size_t bytes)
{
	struct key *k = hg__calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->name = hg__strndup(name, bytes);
	if (!k->name) {
		hg__free(k);
		return NULL;
	}
	return k;
}

static void key_free(struct key *k)
{
	if (!k)
		return;
	hg__plan_unref(k->plan);
	hg__free(k->name);
	hg__free(k);
}

static struct key *key_find(const struct hg__memory *m, const char *name,
			    size_t bytes)
{
	for (size_t i = 0; i < m->count; i++)
		if (strlen(m->keys[i]->name) == bytes &&
		    memcmp(m->keys[i]->name, name, bytes) == 0)
			return m->keys[i];
	return NULL;
}

static void key_use(struct hg__memory *m, struct key *k)
{
	k->used = ++m->uses;
}

/* Takes the key; the one unused for longest leaves if all places are taken. */
static void key_join(struct hg__memory *m, struct key *k)
{
	size_t at = 0;

	key_use(m, k);
	if (m->count < HG__MEMORY_KEYS) {
		m->keys[m->count++] = k;
		return;
	}
	for (size_t i = 1; i < m->count; i++)
		if (m->keys[i]->used < m->keys[at]->used)
			at = i;
	key_free(m->keys[at]);
	m->keys[at] = k;
}

/* Appends spans, the oldest of all leave. */
static void key_add(struct key *k, const struct hg__span *spans, uint32_t n)
{
	uint32_t over = k->count + n > HG__MEMORY_JOBS ?
			k->count + n - HG__MEMORY_JOBS : 0;

	memmove(k->spans, k->spans + over,
		(k->count - over) * sizeof(*k->spans));
	k->count -= over;
	memcpy(k->spans + k->count, spans, n * sizeof(*spans));
	k->count += n;
	k->fresh += n;
}

/* Puts older spans before those known, as many as there is room for. */
static void key_add_older(struct key *k, const struct hg__span *spans,
			  uint32_t n)
{
	uint32_t room = HG__MEMORY_JOBS - k->count;
	uint32_t take = n < room ? n : room;

	memmove(k->spans + take, k->spans, k->count * sizeof(*k->spans));
	memcpy(k->spans, spans + (n - take), take * sizeof(*spans));
	k->count += take;
	k->fresh += take;
}

/* --- learning ------------------------------------------------------------- */

struct hg__memory *hg__memory_new(double price)
{
	struct hg__memory *m = hg__calloc(1, sizeof(*m));

	if (m)
		m->price = price;
	return m;
}

void hg__memory_free(struct hg__memory *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->count; i++)
		key_free(m->keys[i]);
	hg__free(m);
}

static uint32_t clamp_ms(int64_t ms)
{
	return ms < 0 ? 0 : ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

hg_err hg__memory_add(struct hg__memory *m, const char *key, int64_t lo_ms,
		      int64_t hi_ms)
{
	struct hg__span span = { clamp_ms(lo_ms), clamp_ms(hi_ms) };
	size_t bytes = name_bytes(key);
	struct key *k = key_find(m, key, bytes);

	if (hi_ms < 0 || hi_ms < lo_ms)
		return HG_EINVAL;
	if (k) {
		key_use(m, k);
	} else {
		k = key_new(key, bytes);
		if (!k)
			return HG_ENOMEM;
		key_join(m, k);
	}
	key_add(k, &span, 1);
	return HG_OK;
}

/* While there are few jobs a plan is redone when they have grown by half. */
static bool plan_is_due(const struct key *k)
{
	if (k->count < FEWEST)
		return false;
	return !k->plan || k->fresh >= PLAN_JOBS ||
	       (k->fresh >= 2 && k->fresh * 3 >= k->count);
}

struct hg__plan *hg__memory_plan(struct hg__memory *m, const char *key)
{
	struct key *k = key_find(m, key, name_bytes(key));
	struct hg__plan *plan;

	if (!k)
		return NULL;
	key_use(m, k);
	if (plan_is_due(k)) {
		plan = hg__plan_new(k->spans, k->count, m->price);
		if (plan) {
			hg__plan_unref(k->plan);
			k->plan = plan;
			k->fresh = 0;
		}
	}
	return hg__plan_ref(k->plan);
}

/* --- the blob ------------------------------------------------------------- */

/* All numbers are little-endian:
 *	magic[8] version:u32 payload bytes:u32 CRC-32 of the payload:u32
 *	payload: keys:u32, then each, the one unused for longest first:
 *		name bytes:u32 name, jobs:u32, each job lo_ms:u32 hi_ms:u32 */

static void put_u32(unsigned char **at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		*(*at)++ = (unsigned char)(value >> (8 * i));
}

static uint32_t get_u32(const unsigned char *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

static uint32_t crc32(const unsigned char *bytes, size_t n)
{
	uint32_t crc = 0xffffffff;

	while (n--) {
		crc ^= *bytes++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static size_t payload_bytes(const struct hg__memory *m)
{
	size_t bytes = 4;

	for (size_t i = 0; i < m->count; i++)
		bytes += 8 + strlen(m->keys[i]->name) +
			 m->keys[i]->count * SPAN_BYTES;
	return bytes;
}

static void put_key(unsigned char **at, const struct key *k)
{
	size_t bytes = strlen(k->name);

	put_u32(at, (uint32_t)bytes);
	memcpy(*at, k->name, bytes);
	*at += bytes;
	put_u32(at, k->count);
	for (uint32_t i = 0; i < k->count; i++) {
		put_u32(at, k->spans[i].lo_ms);
		put_u32(at, k->spans[i].hi_ms);
	}
}

/* The key whose last use comes next after a moment. */
static const struct key *key_after(const struct hg__memory *m, uint64_t used)
{
	const struct key *next = NULL;

	for (size_t i = 0; i < m->count; i++)
		if (m->keys[i]->used > used &&
		    (!next || m->keys[i]->used < next->used))
			next = m->keys[i];
	return next;
}

hg_err hg__memory_save(const struct hg__memory *m, void **blob_out,
		       size_t *size_out)
{
	size_t bytes = payload_bytes(m);
	unsigned char *blob = hg__realloc(NULL, HEAD_BYTES + bytes);
	const struct key *k = NULL;
	unsigned char *at;

	if (!blob)
		return HG_ENOMEM;
	at = blob + HEAD_BYTES;
	put_u32(&at, (uint32_t)m->count);
	while ((k = key_after(m, k ? k->used : 0)))
		put_key(&at, k);
	memcpy(blob, MAGIC, 8);
	at = blob + 8;
	put_u32(&at, VERSION);
	put_u32(&at, (uint32_t)bytes);
	put_u32(&at, crc32(blob + HEAD_BYTES, bytes));
	*blob_out = blob;
	*size_out = HEAD_BYTES + bytes;
	return HG_OK;
}

/* One key of a blob, still in it. */
struct packed {
	const char *name;
	const unsigned char *spans;
	uint32_t bytes, count;
};

static bool get_key(const unsigned char **at, const unsigned char *end,
		    struct packed *k)
{
	if (end - *at < 4)
		return false;
	k->bytes = get_u32(*at);
	*at += 4;
	if (k->bytes > HG__MEMORY_KEY_BYTES || end - *at < k->bytes + 4)
		return false;
	k->name = (const char *)*at;
	*at += k->bytes;
	k->count = get_u32(*at);
	*at += 4;
	if (memchr(k->name, '\0', k->bytes) || k->count > HG__MEMORY_JOBS ||
	    end - *at < (ptrdiff_t)(k->count * SPAN_BYTES))
		return false;
	k->spans = *at;
	*at += k->count * SPAN_BYTES;
	for (uint32_t i = 0; i < k->count; i++)
		if (get_u32(k->spans + i * SPAN_BYTES) >
		    get_u32(k->spans + i * SPAN_BYTES + 4))
			return false;
	return true;
}

/* Takes a blob apart; false: it is not one of ours, or damaged. */
static bool unpack(const unsigned char *blob, size_t size, struct packed *keys,
		   uint32_t *count_out)
{
	const unsigned char *at, *end;
	uint32_t count;

	if (!blob || size < HEAD_BYTES + 4)
		return false;
	at = blob + HEAD_BYTES;
	end = blob + size;
	if (memcmp(blob, MAGIC, 8) != 0 || get_u32(blob + 8) != VERSION ||
	    get_u32(blob + 12) != size - HEAD_BYTES ||
	    get_u32(blob + 16) != crc32(at, size - HEAD_BYTES))
		return false;
	count = get_u32(at);
	at += 4;
	if (count > HG__MEMORY_KEYS)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (!get_key(&at, end, &keys[i]))
			return false;
	*count_out = count;
	return at == end;
}

static void join(struct hg__memory *m, const struct packed *packed,
		 struct key *fresh)
{
	struct key *k = key_find(m, packed->name, packed->bytes);
	struct hg__span spans[HG__MEMORY_JOBS];

	for (uint32_t i = 0; i < packed->count; i++) {
		spans[i].lo_ms = get_u32(packed->spans + i * SPAN_BYTES);
		spans[i].hi_ms = get_u32(packed->spans + i * SPAN_BYTES + 4);
	}
	if (k) {
		key_use(m, k);
		key_free(fresh);
	} else {
		k = fresh;
		key_join(m, k);
	}
	key_add_older(k, spans, packed->count);
}

hg_err hg__memory_load(struct hg__memory *m, const void *blob, size_t size)
{
	struct packed keys[HG__MEMORY_KEYS];
	struct key *fresh[HG__MEMORY_KEYS];
	uint32_t count, n;

	if (!unpack(blob, size, keys, &count))
		return HG_EINVAL;
	/* all that may fail comes before the first change */
	for (n = 0; n < count; n++) {
		fresh[n] = key_new(keys[n].name, keys[n].bytes);
		if (!fresh[n])
			goto no_memory;
	}
	for (n = 0; n < count; n++)
		join(m, &keys[n], fresh[n]);
	return HG_OK;
no_memory:
	while (n--)
		key_free(fresh[n]);
	return HG_ENOMEM;
}

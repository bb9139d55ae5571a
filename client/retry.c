#include "client/retry.h"

#include <stddef.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define BACKOFF_FIRST_MS 250
#define BACKOFF_MAX_MS 10000
#define BUDGET_TENTHS 100
#define BREAKER_FAILURES 5
#define BREAKER_MIN_MS 10000
#define BREAKER_MAX_MS 30000
#define RECONNECT_FIRST_MS 1000
#define RECONNECT_MAX_MS 30000
#define RECONNECT_HEALTHY_MS 60000
#define DAY_MS 86400000

/* --- what a failure means ------------------------------------------------- */

#define FATAL(err) { err, false, false, false }
#define AGAIN(err) { err, true, false, false }
#define TOLD(err) { err, true, true, false }
#define SICK(err) { err, true, false, true }

static const struct {
	int status;
	struct hg__verdict verdict;
} statuses[] = {
	{ 304, FATAL(HG_OK) },
	{ 401, FATAL(HG_EAUTH) },
	{ 403, FATAL(HG_EAUTH) },
	{ 404, FATAL(HG_ENOTFOUND) },
	{ 405, FATAL(HG_EUNSUPPORTED) },
	{ 406, FATAL(HG_EUNSUPPORTED) },
	{ 408, AGAIN(HG_EUNAVAILABLE) },
	{ 409, FATAL(HG_ESTATE) },
	{ 410, FATAL(HG_EGONE) },
	{ 425, AGAIN(HG_EUNAVAILABLE) },
	{ 429, TOLD(HG_ERATELIMIT) },
	{ 500, SICK(HG_EUNAVAILABLE) },
	{ 502, SICK(HG_EUNAVAILABLE) },
	{ 503, { HG_EUNAVAILABLE, true, true, true } },
	{ 504, SICK(HG_EUNAVAILABLE) },
};

/* The rest, by hundreds: redirects are not followed. */
static const struct hg__verdict hundreds[] = {
	FATAL(HG_EPROTOCOL), FATAL(HG_EPROTOCOL), FATAL(HG_OK),
	FATAL(HG_EPROTOCOL), FATAL(HG_EREJECTED),
	{ HG_EUNAVAILABLE, false, false, true },
};

static const struct hg__verdict troubles[HG__TROUBLES] = {
	[HG__TROUBLE_NONE] = FATAL(HG_OK),
	[HG__TROUBLE_RESOLVE] = SICK(HG_ENETWORK),
	[HG__TROUBLE_CONNECT] = SICK(HG_ENETWORK),
	[HG__TROUBLE_RESET] = SICK(HG_ENETWORK),
	[HG__TROUBLE_TIMEOUT] = SICK(HG_ETIMEDOUT),
	[HG__TROUBLE_TLS] = SICK(HG_ENETWORK),
	[HG__TROUBLE_CERTIFICATE] = FATAL(HG_ENETWORK),
	[HG__TROUBLE_PROTOCOL] = FATAL(HG_EPROTOCOL),
	[HG__TROUBLE_BODY] = FATAL(HG_EPROTOCOL),
	[HG__TROUBLE_MEMORY] = FATAL(HG_ENOMEM),
	[HG__TROUBLE_URL] = FATAL(HG_EINVAL),
};

struct hg__verdict hg__judge_status(int status)
{
	for (size_t i = 0; i < COUNT(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].verdict;
	if (status < 100 || status > 599)
		return hundreds[0];
	return hundreds[status / 100];
}

struct hg__verdict hg__judge_trouble(enum hg__trouble trouble)
{
	return troubles[trouble];
}

/* --- HTTP dates ----------------------------------------------------------- */

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct date {
	int year, month, day;	/* month and day from 1 */
	int hour, minute, second;
};

/* The place of a three-letter name in its list, from 0; -1: not there. */
static int place(const char *names, const char *name)
{
	for (size_t i = 0; names[i]; i += 3)
		if (strncmp(names + i, name, 3) == 0)
			return (int)i / 3;
	return -1;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar.  The year begins
 * in March here, so that the leap day is its last. */
static int64_t days_since_1970(int year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t since_march = (month + 9) % 12;

	return y * 365 + y / 4 - y / 100 + y / 400 +
	       (since_march * 153 + 2) / 5 + day - 1 - 719468;
}

static bool date_is_possible(const struct date *d)
{
	static const int lengths[] = { 31, 29, 31, 30, 31, 30,
				       31, 31, 30, 31, 30, 31 };

	return d->year >= 1970 && d->month >= 1 && d->month <= 12 &&
	       d->day >= 1 && d->day <= lengths[d->month - 1] &&
	       d->hour < 24 && d->minute < 60 && d->second <= 60;
}

/* Matches text against a shape in which D is a digit, its value appended to
 * the field in order, B a digit or a blank, * a month's name, anything else
 * itself.  fields: one letter for each run of digits. */
static bool match(const char *text, const char *shape, const char *fields,
		  struct date *d)
{
	int *into = NULL;

	for (; *shape; shape++, text++) {
		if (*shape == '*') {
			d->month = place(months, text) + 1;
			if (!d->month)
				return false;
			text += 2;
			into = NULL;
		} else if (*shape == 'D' || *shape == 'B') {
			if (!into) {
				char f = *fields++;

				into = f == 'y' ? &d->year :
				       f == 'd' ? &d->day :
				       f == 'h' ? &d->hour :
				       f == 'm' ? &d->minute : &d->second;
			}
			if (*text >= '0' && *text <= '9')
				*into = *into * 10 + (*text - '0');
			else if (*shape == 'D' || *text != ' ')
				return false;
		} else if (*shape != *text) {
			return false;
		} else {
			into = NULL;
		}
	}
	return true;
}

/* Two digits of a year mean the one nearest to now that is not more than 50
 * years ahead; the wall clock is not ours to read, so 1970-2069 it is. */
static int whole_year(int two_digits)
{
	return two_digits < 70 ? 2000 + two_digits : 1900 + two_digits;
}

/* value is trimmed to length bytes. */
static bool date_parse(const char *value, size_t length, struct date *d)
{
	static const char *const long_days[] = {
		"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday",
		"Friday", "Saturday",
	};
	int day = length > 3 ? place(days, value) : -1;
	size_t word;

	if (day < 0)
		return false;
	word = strlen(long_days[day]);
	if (length == 29 && value[3] == ',')
		return match(value + 3, ", DD * DDDD DD:DD:DD GMT", "dyhms", d);
	if (length == 24 && value[3] == ' ')
		return match(value + 3, " * BD DD:DD:DD DDDD", "dhmsy", d);
	if (length != word + 24 || memcmp(value, long_days[day], word) != 0 ||
	    !match(value + word, ", DD-*-DD DD:DD:DD GMT", "dyhms", d))
		return false;
	d->year = whole_year(d->year);
	return true;
}

static size_t trim(const char **value)
{
	size_t length;

	*value += strspn(*value, " \t");
	length = strlen(*value);
	while (length && strchr(" \t\r\n", (*value)[length - 1]))
		length--;
	return length;
}

int64_t hg__http_date_ms(const char *value)
{
	struct date d = { 0 };
	size_t length = trim(&value);

	if (!date_parse(value, length, &d) || !date_is_possible(&d))
		return -1;
	return (days_since_1970(d.year, d.month, d.day) * 86400 +
		d.hour * 3600L + d.minute * 60L + d.second) * 1000;
}

/* --- how long to wait ----------------------------------------------------- */

/* A number from 0 to most, both included. */
static int64_t up_to(int64_t most, uint32_t random)
{
	return (int64_t)(((uint64_t)most + 1) * random >> 32);
}

/* first x 2^(nth - 1), at most most. */
static int64_t doubled(int64_t first, unsigned nth, int64_t most)
{
	while (--nth && first < most)
		first *= 2;
	return first < most ? first : most;
}

int64_t hg__backoff_ms(unsigned tries, uint32_t random)
{
	return up_to(doubled(BACKOFF_FIRST_MS, tries ? tries : 1,
			     BACKOFF_MAX_MS), random);
}

int64_t hg__retry_after_ms(const char *value, int64_t now_unix_ms)
{
	size_t length = trim(&value), digits = strspn(value, "0123456789");
	int64_t ms = 0;

	if (!length)
		return -1;
	if (digits != length) {
		ms = hg__http_date_ms(value);
		if (ms < 0)
			return -1;
		ms = ms > now_unix_ms ? ms - now_unix_ms : 0;
		return ms < DAY_MS ? ms : DAY_MS;
	}
	for (size_t i = 0; i < digits; i++) {
		ms = ms * 10 + (value[i] - '0') * 1000L;
		if (ms > DAY_MS)
			ms = DAY_MS;
	}
	return ms;
}

int64_t hg__retry_ms(unsigned tries, int64_t retry_after_ms, int64_t left_ms,
		     uint32_t random)
{
	int64_t ms = hg__backoff_ms(tries, random);

	if (retry_after_ms > HG__RETRY_AFTER_MAX_MS)
		retry_after_ms = HG__RETRY_AFTER_MAX_MS;
	if (retry_after_ms > left_ms)
		retry_after_ms = left_ms;
	return ms > retry_after_ms ? ms : retry_after_ms;
}

/* --- the budget ----------------------------------------------------------- */

bool hg__budget_take(struct hg__budget *budget)
{
	if (budget->spent + 10 > BUDGET_TENTHS)
		return false;
	budget->spent += 10;
	return true;
}

void hg__budget_success(struct hg__budget *budget)
{
	if (budget->spent)
		budget->spent--;
}

/* --- the breaker ---------------------------------------------------------- */

bool hg__breaker_allow(struct hg__breaker *breaker, int64_t now_ms)
{
	if (!breaker->open)
		return true;
	if (breaker->probing || now_ms < breaker->probe_ms)
		return false;
	breaker->probing = true;
	return true;
}

int64_t hg__breaker_wait_ms(const struct hg__breaker *breaker, int64_t now_ms)
{
	if (!breaker->open || breaker->probe_ms <= now_ms)
		return 0;
	return breaker->probe_ms - now_ms;
}

void hg__breaker_success(struct hg__breaker *breaker)
{
	*breaker = (struct hg__breaker){ 0 };
}

void hg__breaker_failure(struct hg__breaker *breaker, int64_t now_ms,
			 uint32_t random)
{
	if (breaker->failures < UINT32_MAX)
		breaker->failures++;
	/* a request that left before it opened says nothing new */
	if (breaker->open && !breaker->probing)
		return;
	if (breaker->failures < BREAKER_FAILURES)
		return;
	breaker->open = true;
	breaker->probing = false;
	breaker->probe_ms = now_ms + BREAKER_MIN_MS +
			    up_to(BREAKER_MAX_MS - BREAKER_MIN_MS, random);
}

void hg__breaker_undecided(struct hg__breaker *breaker)
{
	breaker->probing = false;
}

/* --- streams -------------------------------------------------------------- */

void hg__reconnect_told(struct hg__reconnect *r, int64_t retry_ms)
{
	if (retry_ms < 0)
		return;
	r->retry_ms = retry_ms < HG__RETRY_AFTER_MAX_MS ?
		      retry_ms + !retry_ms : HG__RETRY_AFTER_MAX_MS;
}

void hg__reconnect_up(struct hg__reconnect *r, int64_t now_ms)
{
	r->healthy_ms = now_ms;
	r->up = true;
}

void hg__reconnect_left(struct hg__reconnect *r, int64_t now_ms)
{
	if (r->up && now_ms - r->healthy_ms >= RECONNECT_HEALTHY_MS)
		r->failures = 0;
	r->up = false;
}

int64_t hg__reconnect_down(struct hg__reconnect *r, int64_t now_ms,
			   uint32_t random)
{
	int64_t ms;

	hg__reconnect_left(r, now_ms);
	r->failures++;
	if (!r->retry_ms)
		return up_to(doubled(RECONNECT_FIRST_MS, r->failures,
				     RECONNECT_MAX_MS), random);
	/* a floor, but thousands were told the same number */
	ms = doubled(r->retry_ms, r->failures, RECONNECT_MAX_MS);
	ms = ms > r->retry_ms ? ms - r->retry_ms : r->retry_ms / 8;
	return r->retry_ms + up_to(ms, random);
}

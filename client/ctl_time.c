#define _GNU_SOURCE
#include "client/ctl_time.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static int64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);	/* cannot fail for these two */
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t time_now(void)
{
	return clock_ms(CLOCK_REALTIME);
}

int64_t time_monotonic(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

/* --- in ------------------------------------------------------------------- */

static const struct {
	const char *name;
	int64_t ms;
} units[] = {
	{ "ms", 1 }, { "s", SECOND }, { "m", MINUTE }, { "h", HOUR },
	{ "d", DAY },
};

bool time_parse_duration(const char *s, int64_t *ms_out)
{
	char *end;
	long long n;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	n = strtoll(s, &end, 10);
	if (errno)
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(end, units[i].name) != 0)
			continue;
		if (n > INT64_C(1000000000000000) / units[i].ms)
			return false;
		*ms_out = n * units[i].ms;
		return true;
	}
	return false;
}

/* n digits at *s, which moves on; -1: something else is there. */
static int take_digits(const char **s, int n)
{
	int value = 0;

	for (int i = 0; i < n; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return -1;
		value = value * 10 + (**s - '0');
	}
	return value;
}

static bool take_char(const char **s, const char *any)
{
	if (!**s || !strchr(any, **s))
		return false;
	(*s)++;
	return true;
}

/* The offset from UTC at *s in seconds; false: none is there. */
static bool take_offset(const char **s, int *offset_out)
{
	int sign = **s == '-' ? -1 : 1, hours, minutes;

	*offset_out = 0;
	if (take_char(s, "Zz"))
		return true;
	if (!take_char(s, "+-"))
		return false;
	hours = take_digits(s, 2);
	if (hours < 0 || hours > 23 || !take_char(s, ":"))
		return false;
	minutes = take_digits(s, 2);
	if (minutes < 0 || minutes > 59)
		return false;
	*offset_out = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* ".25" is 250; false: a point without digits. */
static bool take_fraction(const char **s, int *ms_out)
{
	int scale = 100;

	*ms_out = 0;
	if (!take_char(s, "."))
		return true;
	if (**s < '0' || **s > '9')
		return false;
	for (; **s >= '0' && **s <= '9'; (*s)++, scale /= 10)
		*ms_out += scale * (**s - '0');
	return true;
}

bool time_parse_rfc3339(const char *s, int64_t *at_out)
{
	struct tm tm = { 0 }, asked;
	int offset, ms;
	time_t at;

	tm.tm_year = take_digits(&s, 4) - 1900;
	if (tm.tm_year < 70 || !take_char(&s, "-"))
		return false;
	tm.tm_mon = take_digits(&s, 2) - 1;
	if (!take_char(&s, "-"))
		return false;
	tm.tm_mday = take_digits(&s, 2);
	if (!take_char(&s, "Tt "))
		return false;
	tm.tm_hour = take_digits(&s, 2);
	if (!take_char(&s, ":"))
		return false;
	tm.tm_min = take_digits(&s, 2);
	if (!take_char(&s, ":"))
		return false;
	tm.tm_sec = take_digits(&s, 2);
	if (!take_fraction(&s, &ms) || !take_offset(&s, &offset) || *s)
		return false;
	if (tm.tm_sec == 60)	/* a leap second, which Unix time lacks */
		tm.tm_sec = 59;
	asked = tm;
	at = timegm(&tm);	/* moves what is out of range: refused */
	if (tm.tm_mon != asked.tm_mon || tm.tm_mday != asked.tm_mday ||
	    tm.tm_hour != asked.tm_hour || tm.tm_min != asked.tm_min ||
	    tm.tm_sec != asked.tm_sec)
		return false;
	*at_out = ((int64_t)at - offset) * 1000 + ms;
	return true;
}

/* --- out ------------------------------------------------------------------ */

void time_add_duration(struct text *t, int64_t ms, bool up)
{
	long long s;

	if (ms < 0)
		ms = 0;
	if (ms < SECOND && !up) {
		text_addf(t, "%lld ms", (long long)ms);
		return;
	}
	if (ms < 10 * SECOND && ms % SECOND >= 50 && !up) {
		text_addf(t, "%.1f s", (double)ms / SECOND);
		return;
	}
	s = (ms + (up ? SECOND - 1 : SECOND / 2)) / SECOND;
	if (s < 60)
		text_addf(t, "%lld s", s);
	else if (s < 3600)
		text_addf(t, "%lld m %02lld s", s / 60, s % 60);
	else if (s < 86400)
		text_addf(t, "%lld h %02lld m", s / 3600, s / 60 % 60);
	else
		text_addf(t, "%lld d %02lld h", s / 86400, s / 3600 % 24);
}

void time_add_coarse(struct text *t, int64_t ms)
{
	size_t i = sizeof(units) / sizeof(*units) - 1;

	if (ms < 0)
		ms = 0;
	while (i > 0 && ms < units[i].ms)
		i--;
	text_addf(t, "%lld %s", (long long)(ms / units[i].ms), units[i].name);
}

static bool local_time(int64_t at, struct tm *tm_out)
{
	time_t s = (time_t)(at / 1000);

	return at >= 0 && localtime_r(&s, tm_out) != NULL;
}

void time_add_clock(struct text *t, int64_t at)
{
	struct tm tm, today;
	char s[64];
	size_t n;

	if (!local_time(at, &tm) || !local_time(time_now(), &today))
		return;
	if (tm.tm_yday == today.tm_yday && tm.tm_year == today.tm_year)
		n = strftime(s, sizeof(s), "%H:%M:%S", &tm);
	else
		n = strftime(s, sizeof(s), "%Y-%m-%d %H:%M", &tm);
	text_add_bytes(t, s, n);
}

void time_add_moment(struct text *t, int64_t at)
{
	struct tm tm;
	char s[64];

	if (local_time(at, &tm))
		text_add_bytes(t, s, strftime(s, sizeof(s),
					      "%Y-%m-%d %H:%M:%S", &tm));
	else
		text_add_char(t, '-');
}

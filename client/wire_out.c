/* What goes out: submissions, times, and the checks of what a caller gave us. */
#include "client/wire.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define INTEGER_MAX INT64_C(9007199254740991)	/* 2^53 - 1 */
#define TAGS_MAX 16
#define TIME_MAX INT64_C(253402300799999)	/* the end of the year 9999 */

/* --- UTF-8 ----------------------------------------------------------------- */

/* Bytes of the character at p; 0: it is none. */
static unsigned char_bytes(const unsigned char *p)
{
	static const struct {
		unsigned char first_low, first_high, second_low, second_high, n;
	} forms[] = {
		{ 0x01, 0x7f, 0, 0, 1 },	{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },	{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (*p < forms[i].first_low || *p > forms[i].first_high)
			continue;
		if (forms[i].n == 1)
			return 1;
		if (p[1] < forms[i].second_low || p[1] > forms[i].second_high)
			return 0;
		for (unsigned k = 2; k < forms[i].n; k++)
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].n;
	}
	return 0;
}

bool hg__utf8_ok(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	unsigned n;

	for (; *p; p += n) {
		n = char_bytes(p);
		if (!n)
			return false;
	}
	return true;
}

bool hg__id_ok(const char *id)
{
	size_t n = strlen(id);

	if (!n || n > 255 || !hg__utf8_ok(id))
		return false;
	for (; *id; id++)
		if ((unsigned char)*id < 0x20 || *id == 0x7f)
			return false;
	return true;
}

/* --- times ----------------------------------------------------------------- */

/* Days since 1970-01-01 of a date in the Gregorian calendar: years are counted
 * from March, so that the leap day is the last of its year. */
static int64_t days_of(int64_t y, unsigned m, unsigned d)
{
	int64_t era, year_of_era, day_of_year;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	year_of_era = y - era * 400;
	day_of_year = (153 * ((int64_t)m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + year_of_era * 365 + year_of_era / 4 -
	       year_of_era / 100 + day_of_year - 719468;
}

static void date_of(int64_t days, int *y, int *m, int *d)
{
	int64_t era, day, year, of_year, month;

	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	day = days - era * 146097;
	year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	of_year = day - (365 * year + year / 4 - year / 100);
	month = (5 * of_year + 2) / 153;
	*d = (int)(of_year - (153 * month + 2) / 5 + 1);
	*m = (int)(month < 10 ? month + 3 : month - 9);
	*y = (int)(year + era * 400 + (*m <= 2));
}

static bool leap(int y)
{
	return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static int month_days(int y, int m)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30,
				    31, 31, 30, 31, 30, 31 };

	return m == 2 && leap(y) ? 29 : days[m - 1];
}

/* n digits, then the character `after` unless that is 0. */
static bool take_digits(const char **p, int n, char after, int *out)
{
	*out = 0;
	for (; n; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		*out = *out * 10 + (**p - '0');
	}
	if (after && *(*p)++ != after)
		return false;
	return true;
}

/* "Z" or "+HH:MM" to the end of the text. */
static bool take_zone(const char *p, int *minutes_out)
{
	int sign, hours, minutes;

	if (!strcmp(p, "Z") || !strcmp(p, "z")) {
		*minutes_out = 0;
		return true;
	}
	if (*p != '+' && *p != '-')
		return false;
	sign = *p++ == '-' ? -1 : 1;
	if (!take_digits(&p, 2, ':', &hours) || !take_digits(&p, 2, 0, &minutes) ||
	    *p || hours > 23 || minutes > 59)
		return false;
	*minutes_out = sign * (hours * 60 + minutes);
	return true;
}

int64_t hg__wire_time(const char *text)
{
	int y, m, d, hour, minute, second, zone, ms = 0;
	const char *p = text;

	if (!take_digits(&p, 4, '-', &y) || !take_digits(&p, 2, '-', &m) ||
	    !take_digits(&p, 2, 0, &d) || !strchr("Tt ", *p) || !*p)
		return -1;
	p++;
	if (!take_digits(&p, 2, ':', &hour) || !take_digits(&p, 2, ':', &minute) ||
	    !take_digits(&p, 2, 0, &second))
		return -1;
	if (*p == '.') {
		int scale = 100;

		for (p++; *p >= '0' && *p <= '9'; p++, scale /= 10)
			ms += (*p - '0') * scale;
		if (p[-1] == '.')
			return -1;
	}
	if (!take_zone(p, &zone) || m < 1 || m > 12 || d < 1 ||
	    d > month_days(y, m) || hour > 23 || minute > 59 || second > 60)
		return -1;
	return (((days_of(y, (unsigned)m, (unsigned)d) * 24 + hour) * 60 +
		 minute - zone) * 60 + second) * 1000 + ms;
}

void hg__wire_put_time(struct hg__buf *b, int64_t unix_ms)
{
	int64_t days = unix_ms / 86400000, ms = unix_ms % 86400000;
	int y, m, d;

	if (ms < 0) {
		ms += 86400000;
		days--;
	}
	date_of(days, &y, &m, &d);
	hg__buf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", y, m, d,
		       (int)(ms / 3600000), (int)(ms / 60000 % 60),
		       (int)(ms / 1000 % 60), (int)(ms % 1000));
}

/* --- a submission ---------------------------------------------------------- */

/* Each member is followed by a comma; the last one is taken back at the end. */
static bool put_text(struct hg__buf *b, const char *key, const char *text)
{
	if (!text)
		return true;
	if (!hg__utf8_ok(text))
		return false;
	hg__buf_printf(b, "\"%s\":", key);
	hg__buf_json(b, text);
	hg__buf_puts(b, ",");
	return true;
}

static bool put_integer(struct hg__buf *b, const char *key, int64_t value,
			int64_t low)
{
	if (!value)
		return true;
	if (value < low || value > INTEGER_MAX)
		return false;
	hg__buf_printf(b, "\"%s\":%" PRId64 ",", key, value);
	return true;
}

/* 0..1; 0 is left out and -1 is sent as never.  The point is a point in every
 * locale. */
static bool put_fraction(struct hg__buf *b, const char *key, double value)
{
	int64_t billionths;

	if (!(value >= 0 && value <= 1))
		return false;
	billionths = llround(value * 1e9);
	hg__buf_printf(b, "\"%s\":%" PRId64 ".%09" PRId64 ",", key,
		       billionths / 1000000000, billionths % 1000000000);
	return true;
}

static bool put_tags(struct hg__buf *b, const char *const *tags)
{
	size_t n = 0;

	if (!tags || !tags[0])
		return true;
	hg__buf_puts(b, "\"tags\":[");
	for (; tags[n]; n++) {
		if (n == TAGS_MAX || !hg__utf8_ok(tags[n]))
			return false;
		hg__buf_puts(b, n ? "," : "");
		hg__buf_json(b, tags[n]);
	}
	hg__buf_puts(b, "],");
	return true;
}

/* Closes what was opened with `{`: over the last comma, if there is one. */
static void close_object(struct hg__buf *b)
{
	if (!b->failed && b->len && b->data[b->len - 1] == ',')
		b->data[--b->len] = '\0';
	hg__buf_puts(b, "}");
}

static bool put_simulate(struct hg__buf *b, const hg_request *r)
{
	bool rate = r->sim_error_rate != 0, at = r->sim_fail_at != 0;

	if (!r->sim_duration_ms && !r->sim_seed && !r->sim_fail_attempts &&
	    !rate && !at)
		return true;
	if (r->sim_seed > (uint64_t)INTEGER_MAX)
		return false;
	hg__buf_puts(b, "\"simulate\":{");
	if (!put_integer(b, "duration_ms", r->sim_duration_ms, 1) ||
	    !put_integer(b, "seed", (int64_t)r->sim_seed, 0) ||
	    !put_integer(b, "fail_attempts", r->sim_fail_attempts, 0))
		return false;
	/* never: a rate of 0; fail_at -1 says the same and needs no more */
	if (rate && !put_fraction(b, "error_rate",
				  r->sim_error_rate == -1 ? 0 : r->sim_error_rate))
		return false;
	if (at && r->sim_fail_at == -1 && !rate)
		hg__buf_puts(b, "\"error_rate\":0,");
	if (at && r->sim_fail_at != -1 &&
	    !put_fraction(b, "fail_at", r->sim_fail_at))
		return false;
	close_object(b);
	hg__buf_puts(b, ",");
	return true;
}

hg_err hg__wire_request(struct hg__buf *b, const hg_request *r)
{
	static const char *const on_error[] = {
		[HG_ON_ERROR_STOP] = "stop",
		[HG_ON_ERROR_RESTART] = "restart",
	};

	if (r->on_error < HG_ON_ERROR_DEFAULT ||
	    r->on_error > HG_ON_ERROR_RESTART || r->not_before < 0 ||
	    r->not_before > TIME_MAX)
		return HG_EINVAL;
	hg__buf_puts(b, "{");
	if (!put_text(b, "source_url", r->source_url) ||
	    !put_text(b, "title", r->title) ||
	    !put_text(b, "source_language", r->source_language) ||
	    !put_text(b, "output_language", r->output_language) ||
	    !put_text(b, "on_error", on_error[r->on_error]) ||
	    !put_tags(b, r->tags) ||
	    !put_integer(b, "priority", r->priority, INT32_MIN) ||
	    !put_integer(b, "max_attempts", r->max_attempts, 0) ||
	    !put_integer(b, "ttl_s", r->ttl_s, -1) || !put_simulate(b, r))
		return HG_EINVAL;
	if (r->not_before) {
		hg__buf_puts(b, "\"not_before\":\"");
		hg__wire_put_time(b, r->not_before);
		hg__buf_puts(b, "\",");
	}
	close_object(b);
	return HG_OK;
}

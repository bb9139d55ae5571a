#include "core/clock.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#define DAY_MS INT64_C(86400000)

static atomic_bool manual;
static _Atomic int64_t manual_ms;

static int64_t read_clock(clockid_t id)
{
	struct timespec t;

	(void)clock_gettime(id, &t);	/* cannot fail for these two clocks */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_real_wall_ms(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t clock_real_mono_ms(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_real_mono_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
	return clock_is_manual() ? atomic_load(&manual_ms)
				 : clock_real_wall_ms();
}

int64_t clock_mono_ms(void)
{
	return clock_is_manual() ? atomic_load(&manual_ms)
				 : clock_real_mono_ms();
}

bool clock_is_manual(void)
{
	return atomic_load_explicit(&manual, memory_order_acquire);
}

void clock_set_manual(int64_t start_ms)
{
	atomic_store(&manual_ms, start_ms);
	atomic_store_explicit(&manual, true, memory_order_release);
}

void clock_advance_to(int64_t wall_ms)
{
	int64_t now = atomic_load(&manual_ms);

	while (now < wall_ms &&
	       !atomic_compare_exchange_weak(&manual_ms, &now, wall_ms))
		;
}

/* --- text ------------------------------------------------------------------ */

/* The proleptic Gregorian calendar, counted in years that begin in March, so
 * that the leap day is the last day of its year; era: 400 years. */
#define ERA_DAYS 146097
#define EPOCH_DAY 719468	/* 1970-01-01, counted from 0000-03-01 */

static int64_t days_from_date(int year, int month, int day)
{
	int y = month > 2 ? year : year - 1;
	int era = (y >= 0 ? y : y - 399) / 400;
	int year_of_era = y - era * 400;
	int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 +
			  day - 1;
	int day_of_era = year_of_era * 365 + year_of_era / 4 -
			 year_of_era / 100 + day_of_year;

	return (int64_t)era * ERA_DAYS + day_of_era - EPOCH_DAY;
}

static void date_from_days(int64_t days, int *year, int *month, int *day)
{
	int64_t z = days + EPOCH_DAY;
	int era = (int)((z >= 0 ? z : z - ERA_DAYS + 1) / ERA_DAYS);
	int doe = (int)(z - (int64_t)era * ERA_DAYS);
	int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int m = (5 * doy + 2) / 153;	/* 0: March */

	*day = doy - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = yoe + era * 400 + (*month <= 2);
}

static void put_digits(char *out, int value, int digits)
{
	while (digits-- > 0) {
		out[digits] = (char)('0' + value % 10);
		value /= 10;
	}
}

char *clock_format(int64_t ms, char out[CLOCK_TEXT_SIZE])
{
	int64_t days;
	int rest, year, month, day;

	if (ms < CLOCK_MIN_MS)
		ms = CLOCK_MIN_MS;
	if (ms > CLOCK_MAX_MS)
		ms = CLOCK_MAX_MS;
	days = (ms >= 0 ? ms : ms - DAY_MS + 1) / DAY_MS;
	rest = (int)(ms - days * DAY_MS);
	date_from_days(days, &year, &month, &day);
	memcpy(out, "0000-00-00T00:00:00.000Z", CLOCK_TEXT_SIZE);
	put_digits(out, year, 4);
	put_digits(out + 5, month, 2);
	put_digits(out + 8, day, 2);
	put_digits(out + 11, rest / 3600000, 2);
	put_digits(out + 14, rest / 60000 % 60, 2);
	put_digits(out + 17, rest / 1000 % 60, 2);
	put_digits(out + 20, rest % 1000, 3);
	return out;
}

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes a number of exactly this many digits and moves on; false: it is not
 * there, or not in the range. */
static bool take(const char **at, int digits, int min, int max, int *value_out)
{
	int value = 0;

	for (; digits > 0; digits--, (*at)++) {
		if (!is_digit(**at))
			return false;
		value = value * 10 + (**at - '0');
	}
	*value_out = value;
	return value >= min && value <= max;
}

static bool take_char(const char **at, const char *any_of)
{
	if (**at == '\0' || !strchr(any_of, **at))
		return false;
	(*at)++;
	return true;
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30,
				    31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

static bool take_date(const char **at, int64_t *days_out)
{
	int year, month, day;

	if (!take(at, 4, 0, 9999, &year) || !take_char(at, "-") ||
	    !take(at, 2, 1, 12, &month) || !take_char(at, "-") ||
	    !take(at, 2, 1, days_in_month(year, month), &day))
		return false;
	*days_out = days_from_date(year, month, day);
	return true;
}

static bool take_fraction(const char **at, int *ms_out)
{
	int ms = 0, scale = 100;

	if (take_char(at, ".")) {
		if (!is_digit(**at))
			return false;
		for (; is_digit(**at); (*at)++, scale /= 10)
			ms += (**at - '0') * scale;
	}
	*ms_out = ms;
	return true;
}

static bool take_time(const char **at, int64_t *ms_out)
{
	int hour, minute, second, ms;

	if (!take(at, 2, 0, 23, &hour) || !take_char(at, ":") ||
	    !take(at, 2, 0, 59, &minute) || !take_char(at, ":") ||
	    !take(at, 2, 0, 60, &second) || !take_fraction(at, &ms))
		return false;
	*ms_out = ((hour * 60 + minute) * 60 + second) * INT64_C(1000) + ms;
	return true;
}

static bool take_offset(const char **at, int64_t *ms_out)
{
	bool west = **at == '-';
	int hour, minute;

	if (take_char(at, "Zz")) {
		*ms_out = 0;
		return true;
	}
	if (!take_char(at, "+-") || !take(at, 2, 0, 23, &hour) ||
	    !take_char(at, ":") || !take(at, 2, 0, 59, &minute))
		return false;
	*ms_out = (hour * 60 + minute) * (west ? -INT64_C(60000)
					       : INT64_C(60000));
	return true;
}

bool clock_parse(const char *text, int64_t *ms_out)
{
	int64_t days, time_ms, offset_ms, ms;

	if (!take_date(&text, &days) || !take_char(&text, "Tt") ||
	    !take_time(&text, &time_ms) || !take_offset(&text, &offset_ms) ||
	    *text != '\0')
		return false;
	ms = days * DAY_MS + time_ms - offset_ms;
	if (ms < CLOCK_MIN_MS || ms > CLOCK_MAX_MS)
		return false;
	*ms_out = ms;
	return true;
}

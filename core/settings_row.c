#include "core/settings_row.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/job.h"
#include "core/log.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const struct setting_row setting_rows[] = {
#define X(section, key, type, fallback, min, max, reload, meaning) \
	{ #section, #key, SETTING_##type, fallback, min, max, reload, meaning, \
	  offsetof(struct settings, section##_##key) },
	SETTINGS_MAP(X)
#undef X
};
const size_t setting_rows_count = COUNT(setting_rows);

/* --- types ----------------------------------------------------------------- */

static const char *distribution_name(int value)
{
	static const char *const names[DISTRIBUTIONS] = {
		[DISTRIBUTION_FIXED] = "fixed",
		[DISTRIBUTION_UNIFORM] = "uniform",
		[DISTRIBUTION_NORMAL] = "normal",
		[DISTRIBUTION_LOGNORMAL] = "lognormal",
		[DISTRIBUTION_EXPONENTIAL] = "exponential",
	};

	return names[value];
}

static const char *default_job_name(int value)
{
	static const char *const names[DEFAULT_JOBS] = {
		[DEFAULT_JOB_START] = "start",
		[DEFAULT_JOB_FIRST_REQUEST] = "first_request",
		[DEFAULT_JOB_OFF] = "off",
	};

	return names[value];
}

static const char *test_clock_name(int value)
{
	static const char *const names[TEST_CLOCKS] = {
		[TEST_CLOCK_REAL] = "real",
		[TEST_CLOCK_MANUAL] = "manual",
	};

	return names[value];
}

static const char *on_error_word(int value)
{
	return on_error_name((enum on_error)value);
}

static const char *log_level_word(int value)
{
	return log_level_name((enum log_level)value);
}

static bool is_listen(const char *value);
static bool is_hosts(const char *value);
static bool is_origins(const char *value);
static bool is_path(const char *value);
static bool is_url(const char *value);
static bool is_directory(const char *value);

enum setting_class { CLASS_INT, CLASS_REAL, CLASS_WORD, CLASS_TEXT };

static const struct {
	enum setting_class class;
	int words;			/* CLASS_WORD: how many, and which */
	const char *(*word)(int value);
	bool (*check)(const char *value);	/* CLASS_TEXT */
	const char *what;
} types[] = {
	[SETTING_INT] = { .class = CLASS_INT },
	[SETTING_TTL] = { .class = CLASS_INT },
	[SETTING_REAL] = { .class = CLASS_REAL },
	[SETTING_DISTRIBUTION] = { .class = CLASS_WORD,
		.words = DISTRIBUTIONS, .word = distribution_name },
	[SETTING_ON_ERROR] = { .class = CLASS_WORD,
		.words = ON_ERRORS, .word = on_error_word },
	[SETTING_DEFAULT_JOB] = { .class = CLASS_WORD,
		.words = DEFAULT_JOBS, .word = default_job_name },
	[SETTING_LOG_LEVEL] = { .class = CLASS_WORD,
		.words = LOG_LEVELS, .word = log_level_word },
	[SETTING_TEST_CLOCK] = { .class = CLASS_WORD,
		.words = TEST_CLOCKS, .word = test_clock_name },
	[SETTING_LISTEN] = { .class = CLASS_TEXT, .check = is_listen,
		.what = "an IPv4 address, a colon and a port" },
	[SETTING_HOSTS] = { .class = CLASS_TEXT, .check = is_hosts,
		.what = "host names, each perhaps with a port, separated by commas" },
	[SETTING_ORIGINS] = { .class = CLASS_TEXT, .check = is_origins,
		.what = "origins such as https://example.com, separated by commas" },
	[SETTING_PATH] = { .class = CLASS_TEXT, .check = is_path,
		.what = "the path of a file" },
	[SETTING_URL] = { .class = CLASS_TEXT, .check = is_url,
		.what = "an http or https URL without query and fragment" },
	[SETTING_DIRECTORY] = { .class = CLASS_TEXT, .check = is_directory,
		.what = "the path of a directory" },
};

/* --- the kinds of text ------------------------------------------------------ */

static bool is_port(const char *text, size_t bytes, unsigned long min)
{
	char digits[6];

	if (bytes == 0 || bytes >= sizeof(digits) ||
	    strspn(text, "0123456789") < bytes)
		return false;
	memcpy(digits, text, bytes);
	digits[bytes] = '\0';
	return strtoul(digits, NULL, 10) >= min &&
	       strtoul(digits, NULL, 10) <= 65535;
}

/* name, name:port, [v6] or [v6]:port */
static bool is_host(const char *text, size_t bytes)
{
	size_t n;

	if (bytes > 0 && *text == '[') {
		n = 1 + strspn(text + 1, "0123456789abcdefABCDEF:.");
		if (n < 3 || n >= bytes || text[n] != ']')
			return false;
		n++;
	} else {
		n = strspn(text, "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
	}
	if (n == 0 || n >= bytes)
		return n == bytes && n > 0;
	return text[n] == ':' && is_port(text + n + 1, bytes - n - 1, 1);
}

static bool is_origin(const char *text, size_t bytes)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+.-");

	return n > 0 && n + 3 < bytes && strncmp(text + n, "://", 3) == 0 &&
	       is_host(text + n + 3, bytes - n - 3);
}

/* A list of at least one such thing, or nothing at all. */
static bool is_list(const char *value, bool (*is_one)(const char *, size_t))
{
	const char *blank = " \t";
	size_t n;

	if (*value == '\0')
		return true;
	for (;; value++) {
		value += strspn(value, blank);
		n = strcspn(value, ", \t");
		if (!is_one(value, n))
			return false;
		value += n;
		value += strspn(value, blank);
		if (*value != ',')
			return *value == '\0';
	}
}

static bool is_hosts(const char *value)
{
	return is_list(value, is_host);
}

static bool is_origins(const char *value)
{
	return is_list(value, is_origin);
}

static bool is_path(const char *value)
{
	(void)value;
	return true;
}

static bool is_directory(const char *value)
{
	return *value != '\0';
}

static bool is_url(const char *value)
{
	size_t n = strncmp(value, "http://", 7) == 0 ? 7 :
		   strncmp(value, "https://", 8) == 0 ? 8 : 0;

	if (*value == '\0')
		return true;
	if (n == 0 || strpbrk(value, " \"<>?#\\^`{|}"))
		return false;
	for (const char *s = value; *s; s++)
		if ((unsigned char)*s >= 0x7f)
			return false;
	return is_host(value + n, strcspn(value + n, "/"));
}

static bool is_listen(const char *value)
{
	char address[SETTINGS_ADDRESS_SIZE];
	uint16_t port;

	return settings_listen(value, address, &port);
}

/* No control character, and nothing that a file could not say: there `;`
 * after a blank begins a comment. */
static bool is_plain_text(const char *value)
{
	for (const char *s = value; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f ||
		    (*s == ';' && (s == value || s[-1] == ' ')))
			return false;
	return true;
}

/* --- a value ---------------------------------------------------------------- */

static void *field(const struct setting_row *row, const struct settings *s)
{
	return (char *)(uintptr_t)s + row->offset;
}

static bool read_int(const struct setting_row *row, const char *value,
		     int64_t *out)
{
	const char *digits = value + (*value == '-');
	long long n;

	if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0')
		return false;
	errno = 0;
	n = strtoll(value, NULL, 10);
	if (errno != 0)
		return false;
	if ((double)n < row->min || (double)n > row->max)
		if (row->type != SETTING_TTL || n != -1)
			return false;
	*out = n;
	return true;
}

/* digits [. digits] [e [sign] digits]: no hex, no inf, no nan, no blanks */
static bool is_decimal(const char *s)
{
	const char *digits = "0123456789";
	size_t n;

	s += *s == '-';
	n = strspn(s, digits);
	s += n;
	if (*s == '.') {
		n += strspn(++s, digits);
		s += strspn(s, digits);
	}
	if (n == 0)
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		n = strspn(s, digits);
		s += n;
	}
	return n > 0 && *s == '\0';
}

static bool read_real(const struct setting_row *row, const char *value,
		      double *out)
{
	double n;

	if (!is_decimal(value))
		return false;
	n = strtod(value, NULL);
	if (!(n >= row->min && n <= row->max))
		return false;
	*out = n == 0 ? 0 : n;		/* no -0 */
	return true;
}

static bool read_word(const struct setting_row *row, const char *value,
		      int *out)
{
	for (int i = 0; i < types[row->type].words; i++)
		if (strcmp(types[row->type].word(i), value) == 0) {
			*out = i;
			return true;
		}
	return false;
}

static int set_text(const char **field_text, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free((char *)(uintptr_t)*field_text);
	*field_text = copy;
	return 0;
}

static int read_text(const struct setting_row *row, const char *value,
		     const char **out)
{
	size_t bytes = strlen(value);
	int r;

	if (bytes > row->max || !is_plain_text(value) ||
	    !types[row->type].check(value))
		return -EINVAL;
	r = set_text(out, value);
	if (r == 0 && row->type == SETTING_URL)
		while (bytes > 0 && value[--bytes] == '/')
			((char *)(uintptr_t)*out)[bytes] = '\0';
	return r;
}

int setting_read(const struct setting_row *row, const char *value,
		 struct settings *settings)
{
	void *out = field(row, settings);

	switch (types[row->type].class) {
	case CLASS_INT:
		return read_int(row, value, out) ? 0 : -EINVAL;
	case CLASS_REAL:
		return read_real(row, value, out) ? 0 : -EINVAL;
	case CLASS_WORD:
		return read_word(row, value, out) ? 0 : -EINVAL;
	case CLASS_TEXT:
		return read_text(row, value, out);
	}
	return -EINVAL;
}

bool setting_equal(const struct setting_row *row, const struct settings *a,
		   const struct settings *b)
{
	const void *x = field(row, a), *y = field(row, b);

	switch (types[row->type].class) {
	case CLASS_INT:
		return *(const int64_t *)x == *(const int64_t *)y;
	case CLASS_REAL:
		return *(const double *)x == *(const double *)y;
	case CLASS_WORD:
		return *(const int *)x == *(const int *)y;
	case CLASS_TEXT:
		return strcmp(*(const char *const *)x,
			      *(const char *const *)y) == 0;
	}
	return false;
}

int setting_copy(const struct setting_row *row, const struct settings *from,
		 struct settings *to)
{
	const void *source = field(row, from);
	void *out = field(row, to);

	switch (types[row->type].class) {
	case CLASS_INT:
		*(int64_t *)out = *(const int64_t *)source;
		break;
	case CLASS_REAL:
		*(double *)out = *(const double *)source;
		break;
	case CLASS_WORD:
		*(int *)out = *(const int *)source;
		break;
	case CLASS_TEXT:
		return set_text(out, *(const char *const *)source);
	}
	return 0;
}

void setting_clear(const struct setting_row *row, struct settings *settings)
{
	char **text = field(row, settings);

	if (types[row->type].class == CLASS_TEXT) {
		free(*text);
		*text = NULL;
	}
}

/* --- for people ------------------------------------------------------------- */

char *setting_range(const struct setting_row *row, char out[SETTING_RANGE_SIZE])
{
	const size_t size = SETTING_RANGE_SIZE;
	size_t used = 0;

	switch (row->type) {
	case SETTING_INT:
		snprintf(out, size, "an integer from %.0f to %.0f", row->min,
			 row->max);
		return out;
	case SETTING_TTL:
		snprintf(out, size,
			 "an integer from %.0f to %.0f, or -1 to keep it",
			 row->min, row->max);
		return out;
	case SETTING_REAL:
		snprintf(out, size, "a number from %.15g to %.15g", row->min,
			 row->max);
		return out;
	default:
		break;
	}
	if (types[row->type].class == CLASS_TEXT) {
		snprintf(out, size, "%s, at most %.0f bytes",
			 types[row->type].what, row->max);
		return out;
	}
	for (int i = 0, n = types[row->type].words; i < n; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s",
					 i == 0 ? "" : i + 1 < n ? ", " : " or ",
					 types[row->type].word(i));
	return out;
}

static void write_real(double value, FILE *to)
{
	char text[32];

	snprintf(text, sizeof(text), "%.15g", value);
	if (strtod(text, NULL) != value)
		snprintf(text, sizeof(text), "%.17g", value);
	fputs(text, to);
}

void setting_write(const struct setting_row *row,
		   const struct settings *settings, FILE *to)
{
	const void *value = field(row, settings);

	switch (types[row->type].class) {
	case CLASS_INT:
		fprintf(to, "%" PRId64, *(const int64_t *)value);
		break;
	case CLASS_REAL:
		write_real(*(const double *)value, to);
		break;
	case CLASS_WORD:
		fputs(types[row->type].word(*(const int *)value), to);
		break;
	case CLASS_TEXT:
		fputs(*(const char *const *)value, to);
		break;
	}
}

/* --- names ------------------------------------------------------------------ */

int setting_find(const char *section, const char *key)
{
	for (size_t i = 0; i < setting_rows_count; i++)
		if (strcmp(setting_rows[i].section, section) == 0 &&
		    strcmp(setting_rows[i].key, key) == 0)
			return (int)i;
	return -1;
}

bool setting_section_exists(const char *section)
{
	for (size_t i = 0; i < setting_rows_count; i++)
		if (strcmp(setting_rows[i].section, section) == 0)
			return true;
	return false;
}

static int min3(int a, int b, int c)
{
	int least = a < b ? a : b;

	return least < c ? least : c;
}

/* How many letters must change to make one word of the other.  Of longer
 * words the beginnings decide. */
static int distance(const char *a, const char *b)
{
	enum { LONGEST = 48 };
	int row[LONGEST + 1], m = (int)strnlen(a, LONGEST),
	    n = (int)strnlen(b, LONGEST);

	for (int j = 0; j <= n; j++)
		row[j] = j;
	for (int i = 1; i <= m; i++) {
		int diagonal = row[0];

		row[0] = i;
		for (int j = 1; j <= n; j++) {
			int above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1,
				      diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[n];
}

const struct setting_row *setting_nearest(const char *section, const char *key)
{
	const struct setting_row *nearest = NULL;
	int least = 0;

	for (size_t i = 0; i < setting_rows_count; i++) {
		const struct setting_row *row = &setting_rows[i];
		int d = 2 * distance(key, row->key) +
			(strcmp(section, row->section) != 0);

		if (!nearest || d < least) {
			nearest = row;
			least = d;
		}
	}
	return nearest;
}

const char *setting_nearest_section(const char *section)
{
	const char *nearest = NULL;
	int least = 0;

	for (size_t i = 0; i < setting_rows_count; i++) {
		int d = distance(section, setting_rows[i].section);

		if (!nearest || d < least) {
			nearest = setting_rows[i].section;
			least = d;
		}
	}
	return nearest;
}

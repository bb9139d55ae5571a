#include "core/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/utf8.h"

static const struct {
	const char *name;
	int syslog;
} levels[LOG_LEVELS] = {
	[LOG_LEVEL_ERROR] = { "error", 3 },
	[LOG_LEVEL_WARNING] = { "warning", 4 },
	[LOG_LEVEL_INFO] = { "info", 6 },
	[LOG_LEVEL_DEBUG] = { "debug", 7 },
};

static atomic_int wanted = LOG_LEVEL_INFO;
static atomic_bool journal;

const char *log_level_name(enum log_level level)
{
	return (unsigned)level < LOG_LEVELS ? levels[level].name : "?";
}

int log_level_parse(const char *word)
{
	for (int i = 0; i < LOG_LEVELS; i++)
		if (strcmp(levels[i].name, word) == 0)
			return i;
	return -1;
}

void log_open(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat st;

	atomic_store(&journal,
		     stream && fstat(STDERR_FILENO, &st) == 0 &&
		     sscanf(stream, "%" SCNuMAX ":%" SCNuMAX, &device,
			    &inode) == 2 &&
		     device == st.st_dev && inode == st.st_ino);
}

bool log_is_marked(void)
{
	return atomic_load_explicit(&journal, memory_order_relaxed);
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&wanted, (int)level, memory_order_relaxed);
}

bool log_wants(enum log_level level)
{
	return (int)level <=
	       atomic_load_explicit(&wanted, memory_order_relaxed);
}

/* --- a line ---------------------------------------------------------------- */

#define ELLIPSIS "..."

struct line {
	size_t bytes;
	bool cut;
	char text[LOG_LINE_BYTES];
};

__attribute__((format(printf, 2, 0)))
static void line_add_list(struct line *line, const char *format, va_list args)
{
	size_t room = sizeof(line->text) - line->bytes;
	int n = vsnprintf(line->text + line->bytes, room, format, args);

	if (n < 0)
		return;
	line->cut |= (size_t)n >= room;
	line->bytes += (size_t)n < room ? (size_t)n : room - 1;
}

__attribute__((format(printf, 2, 3)))
static void line_add(struct line *line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line_add_list(line, format, args);
	va_end(args);
}

/* The fields come from code, the values from everywhere: whatever was not
 * quoted must not begin a line of its own. */
static void line_end(struct line *line)
{
	for (size_t i = 0; i < line->bytes; i++)
		if ((unsigned char)line->text[i] < ' ')
			line->text[i] = ' ';
	if (line->cut)
		memcpy(line->text + line->bytes - strlen(ELLIPSIS), ELLIPSIS,
		       strlen(ELLIPSIS));
	line->text[line->bytes++] = '\n';
}

static void line_write(const struct line *line)
{
	ssize_t n;

	do
		n = write(STDERR_FILENO, line->text, line->bytes);
	while (n < 0 && errno == EINTR);
}

void log_write(enum log_level level, const char *event, const char *fields, ...)
{
	int error = errno;
	bool marked = log_is_marked();
	char now[CLOCK_TEXT_SIZE];
	struct line line;
	va_list args;

	line.bytes = 0;
	line.cut = false;
	if (marked)
		line_add(&line, "<%d>", levels[level].syslog);
	line_add(&line, "%s", event);
	if (fields) {
		line_add(&line, " ");
		va_start(args, fields);
		line_add_list(&line, fields, args);
		va_end(args);
	}
	if (!marked && !line.cut)
		line_add(&line, " ts=%s",
			 clock_format(clock_real_wall_ms(), now));
	line_end(&line);
	line_write(&line);
	errno = error;
}

/* --- quoting --------------------------------------------------------------- */

static bool is_plain(const char *value)
{
	for (const char *s = value; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f ||
		    strchr("\"\\=", *s))
			return false;
	return *value != '\0';
}

/* May the character at s be shown as it is?  Its bytes, else 0.  A control
 * character, the C1 ones too, moves a terminal. */
static size_t shown_bytes(const char *s)
{
	unsigned char c = (unsigned char)s[0];

	if (c < ' ' || c == 0x7f || (c == 0xc2 && (unsigned char)s[1] < 0xa0))
		return 0;
	return utf8_bytes(s);
}

/* Writes the character at *at as it stands in quotes; returns its bytes. */
static size_t quote_one(const char **at, char out[5])
{
	static const char named[] = "\"\"\\\\\nn\rr\tt";
	const char *s = *at;
	size_t n = shown_bytes(s);

	for (const char *p = named; *p; p += 2)
		if (*p == s[0]) {
			(*at)++;
			return (size_t)snprintf(out, 5, "\\%c", p[1]);
		}
	if (n == 0) {
		(*at)++;
		return (size_t)snprintf(out, 5, "\\x%02x",
					(unsigned char)s[0]);
	}
	memcpy(out, s, n);
	*at += n;
	return n;
}

char *log_quote(char *out, size_t out_size, const char *value)
{
	const size_t tail = strlen(ELLIPSIS) + 2;	/* the quote, the NUL */
	size_t used = 1, n;
	char one[5];

	if (!value)
		value = "-";
	if (is_plain(value) && strlen(value) < out_size) {
		memcpy(out, value, strlen(value) + 1);
		return out;
	}
	if (out_size < 1 + tail) {
		if (out_size > 0)
			out[0] = '\0';
		return out;
	}
	out[0] = '"';
	while (*value) {
		n = quote_one(&value, one);
		if (used + n + tail > out_size) {
			memcpy(out + used, ELLIPSIS, strlen(ELLIPSIS));
			used += strlen(ELLIPSIS);
			break;
		}
		memcpy(out + used, one, n);
		used += n;
	}
	out[used++] = '"';
	out[used] = '\0';
	return out;
}

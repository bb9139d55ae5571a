/* log.h -- one line an event: `event key=value ...`, to stderr.
 *
 *	log_info("job.started", "job=%s worker=%d", id, worker);
 *
 * A line is one write(2).  Under journald (stderr is $JOURNAL_STREAM) it is
 * marked `<n>` with its level; elsewhere it ends in ` ts=`, the real time.
 * Any thread may log.  A line that cannot be written is lost: there is nobody
 * left to tell.  Text from outside goes through LOG_QUOTE.  Never a key,
 * never a body. */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level {
	LOG_LEVEL_ERROR,	/* something is lost, or will be */
	LOG_LEVEL_WARNING,	/* a person should look */
	LOG_LEVEL_INFO,		/* one line a transition */
	LOG_LEVEL_DEBUG,	/* one line a request */
	LOG_LEVELS
};

const char *log_level_name(enum log_level level);	/* "?" out of range */
int log_level_parse(const char *word);			/* -1: unknown */

/* log_open -- looks at $JOURNAL_STREAM.  Call it once, first in main. */
void log_open(void);
bool log_is_marked(void);	/* does stderr want `<n>` before a line? */
void log_set_level(enum log_level level);	/* until then: info */
bool log_wants(enum log_level level);

#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* The arguments are looked at only if the level is wanted. */
#define log_at(level, ...) \
	(log_wants(level) ? log_write(level, __VA_ARGS__) : (void)0)

/* log_write -- the line, whatever the level set.  fields NULL: none.  errno
 * is kept.  A line longer than LOG_LINE_BYTES is cut and ends in "...". */
#define LOG_LINE_BYTES 4096
void log_write(enum log_level level, const char *event, const char *fields, ...)
	__attribute__((format(printf, 3, 4)));

/* log_quote -- a value that a reader, and a line, can trust: as it is if that
 * is plain, else in double quotes with \" \\ \n \r \t and \xNN.  NULL is
 * written `-`.  What does not fit ends in "...".  Returns out. */
char *log_quote(char *out, size_t out_size, const char *value);

#define LOG_QUOTE_SIZE 512
#define LOG_QUOTE(value) \
	log_quote((char[LOG_QUOTE_SIZE]){ 0 }, LOG_QUOTE_SIZE, value)

#endif

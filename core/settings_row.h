/* settings_row.h -- the table of settings.h as rows: how a value is read,
 * compared, copied and written.  For core/settings*.c alone. */
#ifndef CORE_SETTINGS_ROW_H
#define CORE_SETTINGS_ROW_H

#include "core/settings.h"

enum setting_type {
	SETTING_INT,
	SETTING_TTL,
	SETTING_REAL,
	SETTING_DISTRIBUTION,
	SETTING_ON_ERROR,
	SETTING_DEFAULT_JOB,
	SETTING_LOG_LEVEL,
	SETTING_TEST_CLOCK,
	SETTING_LISTEN,
	SETTING_HOSTS,
	SETTING_ORIGINS,
	SETTING_PATH,
	SETTING_URL,
	SETTING_DIRECTORY
};

struct setting_row {
	const char *section, *key;
	enum setting_type type;
	const char *fallback;		/* the default, as it is written */
	double min, max;		/* exact: nothing is above 2^53 */
	bool reload;
	const char *meaning;
	size_t offset;			/* of the field in struct settings */
};

extern const struct setting_row setting_rows[];
extern const size_t setting_rows_count;

/* -1: there is none */
int setting_find(const char *section, const char *key);
bool setting_section_exists(const char *section);

/* setting_nearest -- the row whose name is most like this one. */
const struct setting_row *setting_nearest(const char *section, const char *key);
const char *setting_nearest_section(const char *section);

/* setting_read -- sets the field.  0; -EINVAL: it is no such value, and
 * nothing has changed; -ENOMEM.  A text that was there is freed. */
int setting_read(const struct setting_row *row, const char *value,
		 struct settings *settings);
bool setting_equal(const struct setting_row *row, const struct settings *a,
		   const struct settings *b);
int setting_copy(const struct setting_row *row, const struct settings *from,
		 struct settings *to);
void setting_clear(const struct setting_row *row, struct settings *settings);

/* What may stand there: "an integer from 1 to 64", "stop or restart". */
#define SETTING_RANGE_SIZE 128
char *setting_range(const struct setting_row *row, char out[SETTING_RANGE_SIZE]);

/* The value, as a file would have it. */
void setting_write(const struct setting_row *row,
		   const struct settings *settings, FILE *to);

#endif

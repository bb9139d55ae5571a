#include "core/settings.h"

#include <string.h>

#include "core/settings_row.h"

/* Is this row the first of its section? */
static bool begins_section(const struct setting_row *row)
{
	return row == setting_rows ||
	       strcmp(row->section, (row - 1)->section) != 0;
}

#define FOR_EACH_ROW(row) \
	for (const struct setting_row *row = setting_rows; \
	     row < setting_rows + setting_rows_count; row++)

void settings_print(const struct settings *settings, FILE *to)
{
	FOR_EACH_ROW(row) {
		if (begins_section(row))
			fprintf(to, "%s[%s]\n", row == setting_rows ? "" : "\n",
				row->section);
		fprintf(to, "%s = ", row->key);
		setting_write(row, settings, to);
		fputc('\n', to);
	}
}

/* Writes `# ` and the sentence in lines of at most 78 characters. */
static void write_comment(const char *text, FILE *to)
{
	size_t column = 0;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (column > 0 && column + 1 + word > 78) {
			fputc('\n', to);
			column = 0;
		}
		column += (size_t)fprintf(to, "%s%.*s",
					  column == 0 ? "# " : " ", (int)word,
					  text);
		text += word;
		text += strspn(text, " ");
	}
	fputc('\n', to);
}

void settings_sample(FILE *to)
{
	char text[1024], range[SETTING_RANGE_SIZE];

	fputs("# The settings of heygend, see heygend.ini(5).  Each line that\n"
	      "# is commented out shows the default.  A reload (SIGHUP) takes\n"
	      "# over what is not marked \"at start\".\n", to);
	FOR_EACH_ROW(row) {
		if (begins_section(row))
			fprintf(to, "\n[%s]\n", row->section);
		snprintf(text, sizeof(text), "%s Possible: %s.%s", row->meaning,
			 setting_range(row, range),
			 row->reload ? "" : " (at start)");
		fputc('\n', to);
		write_comment(text, to);
		fprintf(to, "#%s =%s%s\n", row->key,
			*row->fallback ? " " : "", row->fallback);
	}
}

void settings_manual(FILE *to)
{
	char range[SETTING_RANGE_SIZE];

	FOR_EACH_ROW(row) {
		if (begins_section(row))
			fprintf(to, "%s.Ss [%s]\n.Bl -tag -width Ds\n",
				row == setting_rows ? "" : ".El\n",
				row->section);
		fprintf(to, ".It Ic %s No = Ar %s\n%s\nPossible: %s.\n%s",
			row->key, *row->fallback ? row->fallback : "\"\"",
			row->meaning, setting_range(row, range),
			row->reload ? "" : "Read at start only.\n");
	}
	fputs(".El\n", to);
}

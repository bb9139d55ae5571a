#include "core/settings.h"

#include <string.h>

#include "core/settings_row.h"

/* Is this row the first of its section? */
static bool begins_section(const struct setting_row *row)
{
	return row == setting_rows ||
	       strcmp(row->section, (row - 1)->section) != 0;
}

/* NOLINTBEGIN(bugprone-macro-parentheses): the name of a variable */
#define FOR_EACH_ROW(row) \
	for (const struct setting_row *row = setting_rows; \
	     row < setting_rows + setting_rows_count; row++)
/* NOLINTEND(bugprone-macro-parentheses) */

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

/* Writes sentences in lines of at most 78 characters that begin with prefix;
 * in a manual each sentence begins a line. */
static void write_text(const char *prefix, const char *text, bool manual,
		       FILE *to)
{
	size_t column = 0;
	bool sentence = false;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (column > 0 && (column + 1 + word > 78 ||
				   (manual && sentence))) {
			fputc('\n', to);
			column = 0;
		}
		column += (size_t)fprintf(to, "%s%.*s",
					  column == 0 ? prefix : " ",
					  (int)word, text);
		sentence = text[word - 1] == '.';
		text += word;
		text += strspn(text, " ");
	}
	fputc('\n', to);
}

static void write_row(const struct setting_row *row, const char *prefix,
		      bool manual, FILE *to)
{
	char range[SETTING_RANGE_SIZE], text[SETTING_RANGE_SIZE + 64];

	write_text(prefix, row->meaning, manual, to);
	snprintf(text, sizeof(text), "Possible: %s%s.",
		 setting_range(row, range),
		 row->reload ? "" : "; read at start only");
	write_text(prefix, text, manual, to);
}

void settings_sample(FILE *to)
{
	fputs("# The settings of heygend; heygend.ini(5) says more.  Lines\n"
	      "# without a blank after the # show the defaults.\n", to);
	FOR_EACH_ROW(row) {
		if (begins_section(row))
			fprintf(to, "\n[%s]\n", row->section);
		fputc('\n', to);
		write_row(row, "# ", false, to);
		fprintf(to, "#%s =%s%s\n", row->key,
			*row->fallback ? " " : "", row->fallback);
	}
}

void settings_manual(FILE *to)
{
	FOR_EACH_ROW(row) {
		if (begins_section(row))
			fprintf(to, "%s.Ss Section %s\n.Bl -tag -width Ds\n",
				row == setting_rows ? "" : ".El\n",
				row->section);
		if (*row->fallback)
			fprintf(to, ".It Ic %s No = Ar %s\n", row->key,
				row->fallback);
		else
			fprintf(to, ".It Ic %s No =\n", row->key);
		write_row(row, "", true, to);
	}
	fputs(".El\n", to);
}

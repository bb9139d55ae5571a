/* settings-text -- writes what people read of the table of core/settings.h:
 * `settings-text sample` is etc/heygend.ini, `settings-text manual` the list
 * in etc/heygend.ini.5.  Not installed; `make settings` runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/settings.h"

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "sample") == 0) {
		settings_sample(stdout);
	} else if (argc == 2 && strcmp(argv[1], "manual") == 0) {
		settings_manual(stdout);
	} else {
		fputs("usage: settings-text sample | manual\n", stderr);
		return EXIT_FAILURE;
	}
	return fclose(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

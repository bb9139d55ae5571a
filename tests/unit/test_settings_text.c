#include "core/settings.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char file[] = "/tmp/heygend-settings-XXXXXX";

static void make_file(void)
{
	int fd = mkstemp(file);

	ck_assert_int_ge(fd, 0);
	close(fd);
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void remove_file(void)
{
	ck_assert_int_eq(unlink(file), 0);
}

static void given_file(const char *text)
{
	FILE *f = fopen(file, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static const struct settings *load_file(void)
{
	const struct settings *settings = NULL;
	struct settings_error error = { 0 };

	ck_assert_msg(settings_load(file, NULL, 0, &settings, &error) == 0,
		      "%s", error.message);
	return settings;
}

static char *text_of_settings(const struct settings *s)
{
	char *text = NULL;
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);

	settings_print(s, f);
	ck_assert_int_eq(fclose(f), 0);
	return text;
}

START_TEST(what_is_printed_can_be_loaded_and_is_the_same)
{
	const struct settings *s;
	char *text, *again;

	given_file("[http]\nhosts = a, b:80\npublic_url = http://a/\n"
		   "[jobs]\nttl_error_s = -1\non_error = restart\n"
		   "[simulation]\nsigma = 0.30000000000000004\n"
		   "error_rate = 1e-7\ndistribution = lognormal\n"
		   "max_ms = 9007199254740991\n[test]\nclock = manual\n");
	s = load_file();
	text = text_of_settings(s);
	settings_unref(s);
	ck_assert_ptr_nonnull(strstr(text, "\nsigma = 0.30000000000000004\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nttl_error_s = -1\n"));
	given_file(text);
	s = load_file();
	again = text_of_settings(s);
	settings_unref(s);
	ck_assert_str_eq(text, again);
	free(text);
	free(again);
}
END_TEST

static char *read_source(const char *name)
{
	const char *source = getenv("HG_SRCDIR");
	static char text[65536];
	char path[4096];
	size_t bytes;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", source ? source : ".", name);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s: %s", path, strerror(errno));
	bytes = fread(text, 1, sizeof(text) - 1, f);
	text[bytes] = '\0';
	fclose(f);
	return text;
}

START_TEST(the_sample_in_etc_is_what_the_table_says)
{
	char *text = NULL, *sample = read_source("etc/heygend.ini");
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);

	settings_sample(f);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_msg(strcmp(text, sample) == 0,
		      "etc/heygend.ini is out of date: run `make settings`");
	free(text);
}
END_TEST

START_TEST(the_list_in_the_manual_is_what_the_table_says)
{
	char *text = NULL, *page = read_source("etc/heygend.ini.5"), *end;
	const char *begin = ".\\\" settings begin\n";
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);

	settings_manual(f);
	ck_assert_int_eq(fclose(f), 0);
	page = strstr(page, begin);
	ck_assert_ptr_nonnull(page);
	page += strlen(begin);
	end = strstr(page, ".\\\" settings end\n");
	ck_assert_ptr_nonnull(end);
	*end = '\0';
	ck_assert_msg(strcmp(text, page) == 0,
		      "etc/heygend.ini.5 is out of date: run `make settings`");
	free(text);
}
END_TEST

START_TEST(the_sample_loads_as_it_is_and_with_every_default_spelled_out)
{
	char *sample = read_source("etc/heygend.ini"), *text, *defaults;
	const struct settings *s = NULL;
	struct settings_error error;

	ck_assert_int_eq(settings_load(NULL, NULL, 0, &s, &error), 0);
	defaults = text_of_settings(s);
	settings_unref(s);
	for (int spelled_out = 0; spelled_out < 2; spelled_out++) {
		given_file(sample);
		s = load_file();
		text = text_of_settings(s);
		settings_unref(s);
		ck_assert_str_eq(text, defaults);
		free(text);
		for (char *c = sample; *c; c++)	/* "#key", not "# words" */
			if (*c == '#' && c[1] != ' ')
				*c = ' ';
	}
	free(defaults);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("settings_text");
	TCase *tcase = tcase_create("settings_text");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, make_file, remove_file);
	tcase_add_test(tcase, what_is_printed_can_be_loaded_and_is_the_same);
	tcase_add_test(tcase, the_sample_in_etc_is_what_the_table_says);
	tcase_add_test(tcase, the_list_in_the_manual_is_what_the_table_says);
	tcase_add_test(tcase,
		       the_sample_loads_as_it_is_and_with_every_default_spelled_out);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

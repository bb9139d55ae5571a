#include "core/log.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* Every test is a process of its own; its stderr becomes a socket that keeps
 * the bounds of each write(2). */
static int reader = -1;

static void given_stderr(void)
{
	int pair[2], size = 1 << 20;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	(void)setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	ck_assert_int_eq(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);
	close(pair[1]);
	reader = pair[0];
	unsetenv("JOURNAL_STREAM");
	log_open();
}

/* The next write to stderr; "" if there was none. */
static const char *written(void)
{
	static char line[LOG_LINE_BYTES + 64];
	ssize_t n = recv(reader, line, sizeof(line) - 1, MSG_DONTWAIT);

	line[n > 0 ? n : 0] = '\0';
	return line;
}

/* The same without the time at its end. */
static const char *written_fields(void)
{
	char *line = (char *)(uintptr_t)written(), *ts = strstr(line, " ts=");

	ck_assert_ptr_nonnull(ts);
	ck_assert_uint_eq(strlen(ts), strlen(" ts=2026-11-22T12:00:31.250Z\n"));
	*ts = '\0';
	return line;
}

START_TEST(a_line_is_an_event_its_fields_and_the_time_in_one_write)
{
	given_stderr();
	log_info("job.started", "job=%s worker=%d", "abc", 2);
	ck_assert_str_eq(written_fields(), "job.started job=abc worker=2");
	log_warning("store.slow", NULL);
	ck_assert_str_eq(written_fields(), "store.slow");
	ck_assert_str_eq(written(), "");
}
END_TEST

static void given_journal(unsigned long inode_off)
{
	struct stat st;
	char text[64];

	given_stderr();
	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(text, sizeof(text), "%lu:%lu", (unsigned long)st.st_dev,
		 (unsigned long)st.st_ino + inode_off);
	setenv("JOURNAL_STREAM", text, 1);
	log_open();
}

START_TEST(under_journald_the_level_leads_and_the_time_is_left_to_it)
{
	given_journal(0);
	log_set_level(LOG_LEVEL_DEBUG);
	log_error("a", "k=1");
	ck_assert_str_eq(written(), "<3>a k=1\n");
	log_warning("b", "k=1");
	ck_assert_str_eq(written(), "<4>b k=1\n");
	log_info("c", "k=1");
	ck_assert_str_eq(written(), "<6>c k=1\n");
	log_debug("d", "k=1");
	ck_assert_str_eq(written(), "<7>d k=1\n");
}
END_TEST

START_TEST(a_journal_that_is_not_stderr_is_none)
{
	given_journal(1);
	log_info("a", "k=1");
	ck_assert_str_eq(written_fields(), "a k=1");
	setenv("JOURNAL_STREAM", "junk", 1);
	log_open();
	log_info("a", "k=1");
	ck_assert_str_eq(written_fields(), "a k=1");
}
END_TEST

static int evaluated;

static int evaluate(void)
{
	return ++evaluated;
}

START_TEST(only_wanted_levels_are_written_and_only_their_arguments_evaluated)
{
	given_stderr();
	for (int wanted = 0; wanted < LOG_LEVELS; wanted++) {
		log_set_level((enum log_level)wanted);
		evaluated = 0;
		log_error("e", "n=%d", evaluate());
		log_warning("w", "n=%d", evaluate());
		log_info("i", "n=%d", evaluate());
		log_debug("d", "n=%d", evaluate());
		ck_assert_int_eq(evaluated, wanted + 1);
		for (int i = 0; i <= wanted; i++)
			ck_assert_int_eq(written()[0], "ewid"[i]);
		ck_assert_str_eq(written(), "");
	}
}
END_TEST

START_TEST(levels_have_names)
{
	for (int i = 0; i < LOG_LEVELS; i++)
		ck_assert_int_eq(log_level_parse(log_level_name(i)), i);
	ck_assert_int_eq(log_level_parse("INFO"), -1);
	ck_assert_int_eq(log_level_parse(""), -1);
	ck_assert_str_eq(log_level_name(LOG_LEVELS), "?");
}
END_TEST

START_TEST(a_value_that_was_not_quoted_cannot_begin_a_line_of_its_own)
{
	given_stderr();
	log_info("a", "k=%s", "1\n<0>forged\x1b[2J\r");
	ck_assert_str_eq(written_fields(), "a k=1 <0>forged [2J ");
	ck_assert_str_eq(written(), "");
}
END_TEST

START_TEST(a_line_that_is_too_long_is_cut_and_says_so)
{
	static char value[2 * LOG_LINE_BYTES];
	const char *line;

	given_stderr();
	memset(value, 'x', sizeof(value) - 1);
	log_info("a", "k=%s", value);
	line = written();
	ck_assert_uint_eq(strlen(line), LOG_LINE_BYTES);
	ck_assert_str_eq(line + LOG_LINE_BYTES - 5, "x...\n");
	ck_assert_str_eq(written(), "");
	/* where the fields fit and the time does not */
	value[LOG_LINE_BYTES - 10] = '\0';
	log_info("a", "k=%s", value);
	line = written();
	ck_assert_uint_le(strlen(line), LOG_LINE_BYTES);
	ck_assert_str_eq(line + strlen(line) - 4, "...\n");
}
END_TEST

START_TEST(errno_is_kept)
{
	given_stderr();
	close(STDERR_FILENO);
	errno = ENOSPC;
	log_info("a", "error=%s", "x");
	ck_assert_int_eq(errno, ENOSPC);
}
END_TEST

static void *write_lines(void *arg)
{
	for (int i = 0; i < 50; i++)
		log_info("thread", "name=%s i=%d", (const char *)arg, i);
	return NULL;
}

START_TEST(lines_of_two_threads_do_not_mix)
{
	static char a[] = "aaaaaaaa", b[] = "bbbbbbbb";
	pthread_t thread;
	const char *line;
	int lines = 0;

	given_stderr();
	ck_assert_int_eq(pthread_create(&thread, NULL, write_lines, a), 0);
	write_lines(b);
	pthread_join(thread, NULL);
	while (*(line = written()) != '\0') {
		ck_assert(strncmp(line, "thread name=aaaaaaaa i=", 23) == 0 ||
			  strncmp(line, "thread name=bbbbbbbb i=", 23) == 0);
		ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
		lines++;
	}
	ck_assert_int_eq(lines, 100);
}
END_TEST

static const struct {
	const char *value, *quoted;
} quotes[] = {
	{ "plain", "plain" },
	{ "0193a1b2-c3d4:x/y_z.~", "0193a1b2-c3d4:x/y_z.~" },
	{ NULL, "-" },
	{ "", "\"\"" },
	{ "two words", "\"two words\"" },
	{ "a=b", "\"a=b\"" },
	{ "a\"b", "\"a\\\"b\"" },
	{ "a\\b", "\"a\\\\b\"" },
	{ "a\nb\r\tc", "\"a\\nb\\r\\tc\"" },
	{ "\x1b[2J", "\"\\x1b[2J\"" },
	{ "\x7f", "\"\\x7f\"" },
	{ "ma\xc3\xb1" "ana", "\"ma\xc3\xb1" "ana\"" },
	{ "\xe2\x82\xac \xf0\x9f\x98\x80", "\"\xe2\x82\xac \xf0\x9f\x98\x80\"" },
	{ "\xff\xc3", "\"\\xff\\xc3\"" },
	{ "\xc0\x80", "\"\\xc0\\x80\"" },
	{ "\xed\xa0\x80", "\"\\xed\\xa0\\x80\"" },
	{ "\xc2\x9b", "\"\\xc2\\x9b\"" },	/* CSI in eight bits */
	{ "\xf4\x90\x80\x80", "\"\\xf4\\x90\\x80\\x80\"" },
};

START_TEST(a_value_is_quoted_only_where_it_must_be)
{
	ck_assert_str_eq(LOG_QUOTE(quotes[_i].value), quotes[_i].quoted);
}
END_TEST

START_TEST(a_quoted_value_never_leaves_its_buffer_nor_breaks_a_character)
{
	static const char value[] = "\xe2\x82\xac\n\x01 \"\xf0\x9f\x98\x80 tail";
	char out[64], whole[64];

	log_quote(whole, sizeof(whole), value);
	for (size_t size = 0; size < sizeof(out); size++) {
		memset(out, 'Z', sizeof(out));
		log_quote(out, size, value);
		for (size_t i = size; i < sizeof(out); i++)
			ck_assert_int_eq(out[i], 'Z');
		if (size == 0)
			continue;
		ck_assert_ptr_nonnull(memchr(out, '\0', size));
		if (size > strlen(whole) + 3)
			ck_assert_str_eq(out, whole);
		else if (strcmp(out, whole) != 0 && strlen(out) > 5) {
			size_t kept = strlen(out) - strlen("...\"");

			ck_assert_int_eq(strncmp(out, whole, kept), 0);
			ck_assert_str_eq(out + kept, "...\"");
			ck_assert_int_ne((unsigned char)whole[kept] & 0xc0,
					 0x80);
		}
	}
}
END_TEST

START_TEST(a_long_plain_value_is_cut_too)
{
	char out[12];

	ck_assert_str_eq(log_quote(out, sizeof(out), "abcdefghijk"),
			 "abcdefghijk");
	ck_assert_str_eq(log_quote(out, sizeof(out), "abcdefghijkl"),
			 "\"abcdef...\"");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tcase = tcase_create("log");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase,
		       a_line_is_an_event_its_fields_and_the_time_in_one_write);
	tcase_add_test(tcase,
		       under_journald_the_level_leads_and_the_time_is_left_to_it);
	tcase_add_test(tcase, a_journal_that_is_not_stderr_is_none);
	tcase_add_test(tcase,
		       only_wanted_levels_are_written_and_only_their_arguments_evaluated);
	tcase_add_test(tcase, levels_have_names);
	tcase_add_test(tcase,
		       a_value_that_was_not_quoted_cannot_begin_a_line_of_its_own);
	tcase_add_test(tcase, a_line_that_is_too_long_is_cut_and_says_so);
	tcase_add_test(tcase, errno_is_kept);
	tcase_add_test(tcase, lines_of_two_threads_do_not_mix);
	tcase_add_loop_test(tcase, a_value_is_quoted_only_where_it_must_be, 0,
			    COUNT(quotes));
	tcase_add_test(tcase,
		       a_quoted_value_never_leaves_its_buffer_nor_breaks_a_character);
	tcase_add_test(tcase, a_long_plain_value_is_cut_too);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

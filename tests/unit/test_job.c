#include "core/job.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(a_verb_moves_only_where_the_state_machine_lets_it)
{
	for (int v = 0; v < JOB_VERBS; v++)
		for (int s = 0; s < JOB_STATES; s++) {
			enum job_state to;

			if (job_verb_effect(v, s, &to) == EFFECT_MOVE)
				ck_assert_msg(job_may_become(s, to),
					      "verb %d, %s", (int)v,
					      job_state_name(s));
		}
}
END_TEST

/* The table of design.md, section 4, once more and independently: a state's
 * initial, '-' for nothing, '!' for a conflict, 'x' for removal. */
static const char *const expected[JOB_VERBS] = {
	/*              qrpceC */
	[VERB_PAUSE] = "pp-!!!",
	[VERB_RESUME] = "--q!!!",
	[VERB_CANCEL] = "CCC!!-",
	[VERB_RESTART] = "!!!qqq",
	[VERB_DELETE] = "!!!xxx",
};

START_TEST(each_verb_does_to_each_state_what_the_design_says)
{
	int verb = _i / JOB_STATES, state = _i % JOB_STATES;
	enum job_state to = JOB_STATES;
	char c = expected[verb][state];

	switch (job_verb_effect(verb, state, &to)) {
	case EFFECT_MOVE:
		ck_assert_int_eq("qrpceC"[to], c);
		break;
	case EFFECT_NOTHING:
		ck_assert_int_eq('-', c);
		break;
	case EFFECT_CONFLICT:
		ck_assert_int_eq('!', c);
		break;
	case EFFECT_REMOVE:
		ck_assert_int_eq('x', c);
		break;
	}
}
END_TEST

/* Who may become what, once more: a row a state, a column each that follows. */
static const char *const followers[JOB_STATES] = {
	/*                 qrpceC */
	[JOB_QUEUED] =    ".rp..C",
	[JOB_RUNNING] =   "q.pceC",
	[JOB_PAUSED] =    "q....C",
	[JOB_COMPLETED] = "q.....",
	[JOB_ERROR] =     "q.....",
	[JOB_CANCELED] =  "q.....",
};

START_TEST(a_job_becomes_what_it_may_and_else_stays_what_it_was)
{
	int from = _i / JOB_STATES, to = _i % JOB_STATES;
	bool may = followers[from][to] != '.';
	struct job job = { .state = from };

	ck_assert_int_eq(job_become(&job, to), may);
	ck_assert_int_eq(job.state, may ? to : from);
	ck_assert(!job_become(&job, JOB_STATES));
}
END_TEST

START_TEST(every_word_is_read_back_as_itself)
{
	for (int i = 0; i < JOB_STATES; i++)
		ck_assert_int_eq(job_state_parse(job_state_name(i)), i);
	for (int i = 0; i < EVENT_KINDS; i++)
		ck_assert_int_eq(event_kind_parse(event_kind_name(i)), i);
	for (int i = STAGE_DOWNLOAD; i < JOB_STAGES; i++)
		ck_assert_int_eq(job_stage_parse(job_stage_name(i)), i);
	for (int i = 0; i < JOB_ERRORS; i++)
		ck_assert_int_eq(job_error_parse(job_error_name(i)), i);
	for (int i = 0; i < ON_ERRORS; i++)
		ck_assert_int_eq(on_error_parse(on_error_name(i)), i);
	ck_assert_int_eq(job_state_parse("Queued"), -1);
	ck_assert_ptr_null(job_stage_name(STAGE_NONE));
}
END_TEST

START_TEST(a_job_keeps_its_texts_through_copies)
{
	struct simulate simulate = { .given = SIMULATE_SEED, .seed = 7 };
	struct job_parts parts = {
		.text = { [TEXT_TITLE] = "Launch", [TEXT_TAGS] = "a bb" },
		.simulate = &simulate
	};
	struct job *job = job_new(&parts), *same, *other;

	job->seq = 12;
	same = job_copy(job, NULL);
	parts.text[TEXT_TITLE] = "Another title, and longer";
	parts.simulate = NULL;
	other = job_copy(job, &parts);
	job_unref(job);
	ck_assert_str_eq(job_text(same, TEXT_TITLE), "Launch");
	ck_assert_uint_eq(job_simulate(same)->seed, 7);
	ck_assert_ptr_null(job_text(same, TEXT_SOURCE_URL));
	ck_assert_str_eq(job_text(other, TEXT_TITLE), parts.text[TEXT_TITLE]);
	ck_assert_ptr_null(job_simulate(other));
	ck_assert_int_eq(other->seq, 12);
	ck_assert(job_has_tag(other, "bb") && !job_has_tag(other, "b"));
	job_unref(same);
	job_unref(other);
}
END_TEST

START_TEST(an_id_is_read_back_and_nothing_else_is_an_id)
{
	static const char *const bad[] = {
		"", "default ", "00000000-0000-0000-0000-000000000000",
		"0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5", "x",
		"0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5bb",
		"0193a1b2xc3d4-7e5f-8a9b-0c1d2e3f4a5b",
	};
	uint8_t uuid[16];
	char text[JOB_ID_SIZE];

	ck_assert(job_id_parse("0193A1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", uuid));
	ck_assert_str_eq(job_uuid_format(uuid, text),
			 "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b");
	ck_assert(job_id_parse("default", uuid));
	ck_assert_str_eq(job_uuid_format(uuid, text), "default");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(!job_id_parse(bad[i], uuid), "%s", bad[i]);
}
END_TEST

START_TEST(priorities_have_four_names)
{
	int p = 0;

	ck_assert(priority_parse("urgent", &p));
	ck_assert_int_eq(p, 20);
	ck_assert_str_eq(priority_name(-10), "low");
	ck_assert_ptr_null(priority_name(1));
	ck_assert(!priority_parse("10", &p));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("job");
	TCase *tcase = tcase_create("job");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, a_verb_moves_only_where_the_state_machine_lets_it);
	tcase_add_loop_test(tcase, each_verb_does_to_each_state_what_the_design_says,
			    0, JOB_VERBS * JOB_STATES);
	tcase_add_loop_test(tcase, a_job_becomes_what_it_may_and_else_stays_what_it_was,
			    0, JOB_STATES * JOB_STATES);
	tcase_add_test(tcase, every_word_is_read_back_as_itself);
	tcase_add_test(tcase, a_job_keeps_its_texts_through_copies);
	tcase_add_test(tcase, an_id_is_read_back_and_nothing_else_is_an_id);
	tcase_add_test(tcase, priorities_have_four_names);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

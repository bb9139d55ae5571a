/* The waiting queue against a plain sorted array. */
#include "daemon/queue.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 500
#define ROUNDS 20000

struct entry {
	int64_t key, seq, work, since;
	uint32_t slot;
};
static struct entry model[SLOTS];
static size_t model_count;

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static void model_add(const struct entry *e)
{
	model[model_count++] = *e;
	qsort(model, model_count, sizeof(*model), by_key);
}

static void model_remove(size_t i)
{
	memmove(&model[i], &model[i + 1],
		(--model_count - i) * sizeof(*model));
}

static void compare(const struct queue *q)
{
	int64_t work = 0, oldest = INT64_MAX;

	ck_assert_int_eq(queue_count(q), model_count);
	for (size_t i = 0; i < model_count; i++) {
		int64_t count, ahead;

		queue_ahead(q, model[i].key, model[i].seq, &count, &ahead);
		ck_assert_int_eq(count, i);
		ck_assert_int_eq(ahead, work);
		work += model[i].work;
		if (model[i].since < oldest)
			oldest = model[i].since;
	}
	ck_assert_int_eq(queue_work_ms(q), work);
	ck_assert_int_eq(queue_oldest_ms(q), oldest);
	ck_assert_uint_eq(queue_first(q),
			  model_count ? model[0].slot : QUEUE_NONE);
}

START_TEST(ranks_and_sums_are_those_of_a_sorted_list)
{
	struct queue_pool *pool = queue_pool_new();
	struct queue q;

	srand(1);
	model_count = 0;
	queue_init(&q, pool);
	for (int round = 0; round < ROUNDS; round++) {
		struct entry e = { rand() % 50, round, rand() % 1000,
				   rand() % 100000, rand() % SLOTS };

		if (!queue_has(pool, e.slot)) {
			ck_assert_int_eq(queue_insert(&q, e.slot, e.key, e.seq,
						      e.work, e.since), 0);
			model_add(&e);
		} else {
			size_t i = rand() % model_count;

			queue_remove(&q, model[i].slot);
			model_remove(i);
		}
		if (round % 100 == 0)
			compare(&q);
	}
	compare(&q);
	queue_pool_free(pool);
}
END_TEST

START_TEST(equal_keys_are_served_in_order_of_submission)
{
	struct queue_pool *pool = queue_pool_new();
	struct queue q;

	queue_init(&q, pool);
	for (int seq = 9; seq >= 0; seq--)
		ck_assert_int_eq(queue_insert(&q, seq, 7, seq, 1, 0), 0);
	for (uint32_t seq = 0; seq < 10; seq++) {
		ck_assert_uint_eq(queue_first(&q), seq);
		queue_remove(&q, seq);
	}
	ck_assert_uint_eq(queue_first(&q), QUEUE_NONE);
	queue_pool_free(pool);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("queue");
	TCase *tcase = tcase_create("queue");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, ranks_and_sums_are_those_of_a_sorted_list);
	tcase_add_test(tcase, equal_keys_are_served_in_order_of_submission);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

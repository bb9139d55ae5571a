#include "core/channel.h"
#include "core/random.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int ends[2];
static struct order_packet orders;
static struct record_packet records;

static void setup(void)
{
	memset(&orders, 0, sizeof(orders));
	memset(&records, 0, sizeof(records));
	ck_assert_int_eq(channel_pair(ends), 0);
}

static void teardown(void)
{
	close(ends[0]);
	close(ends[1]);
}

/* --- what is fine --------------------------------------------------------- */

static struct order good_order(enum order_kind kind)
{
	struct order o = { .kind = kind, .run = 3, .slot = 2, .job_seq = 9 };

	if (kind == ORDER_SETTINGS)
		o.settings = (struct order_settings){
			.seed = 1, .mean_ms = 20000, .sigma = 0.8,
			.min_ms = 10000, .max_ms = 30000, .error_rate = 0.1,
			.eta_error = 0.2, .time_scale = 1,
			.progress_interval_ms = 1000,
			.distribution = DISTRIBUTION_LOGNORMAL
		};
	if (kind == ORDER_CLOCK)
		o.clock = (struct order_clock){ .now_ms = 5, .rate = 1 };
	if (kind == ORDER_RUN)
		o.start = (struct order_run){
			.key = 77, .progress = 0.5, .attempt = 1,
			.simulate_given = SIMULATE_DURATION | SIMULATE_FAIL_AT |
					  SIMULATE_ERROR_RATE |
					  SIMULATE_FAIL_ATTEMPTS,
			.duration_ms = 100, .error_rate = 1, .fail_at = 1,
			.fail_attempts = 2
		};
	return o;
}

static struct record good_record(enum record_kind kind)
{
	struct record r = {
		.kind = kind, .run = 3, .slot = 2, .stage = STAGE_RENDER,
		.job_seq = 9, .at_ms = 5, .progress = 1, .next_ms = INT64_MAX
	};

	if (kind == RECORD_FAILED)
		r.error = ERROR_AUDIO_INVALID;
	return r;
}

START_TEST(a_packet_of_every_kind_arrives_as_it_was_sent)
{
	struct order_packet got;
	struct record_packet back;

	for (int kind = ORDER_SETTINGS; kind < ORDER_KINDS; kind++)
		orders.orders[kind - 1] = good_order(kind);
	ck_assert_int_eq(channel_send_orders(ends[0], &orders, 4), 0);
	ck_assert_int_eq(channel_receive_orders(ends[1], &got), 4);
	ck_assert_mem_eq(got.orders, orders.orders, 4 * sizeof(struct order));

	for (int kind = RECORD_ALIVE; kind < RECORD_KINDS; kind++)
		records.records[kind - 1] = good_record(kind);
	ck_assert_int_eq(channel_send_records(ends[1], &records, 4), 0);
	ck_assert_int_eq(channel_receive_records(ends[0], &back), 4);
	ck_assert_mem_eq(back.records, records.records,
			 4 * sizeof(struct record));
}
END_TEST

START_TEST(both_ends_are_closed_on_exec_and_do_not_block)
{
	for (int i = 0; i < 2; i++) {
		ck_assert(fcntl(ends[i], F_GETFD) & FD_CLOEXEC);
		ck_assert(fcntl(ends[i], F_GETFL) & O_NONBLOCK);
	}
	ck_assert_int_eq(channel_receive_orders(ends[1], &orders), -EAGAIN);
	ck_assert_int_eq(channel_receive_records(ends[0], &records), -EAGAIN);
}
END_TEST

START_TEST(a_full_socket_takes_nothing_and_loses_nothing)
{
	int sent = 0, got = 0, r;

	for (int i = 0; i < CHANNEL_BATCH; i++)
		records.records[i] = good_record(RECORD_PROGRESS);
	do {
		records.records[0].job_seq = sent;
		r = channel_send_records(ends[1], &records, CHANNEL_BATCH);
		sent += r == 0;
	} while (r == 0);
	ck_assert_int_eq(r, -EAGAIN);
	ck_assert_int_gt(sent, 1);
	while (got < sent) {
		r = channel_receive_records(ends[0], &records);
		ck_assert_int_eq(r, CHANNEL_BATCH);
		ck_assert_int_eq(records.records[0].job_seq, got++);
	}
	ck_assert_int_eq(channel_receive_records(ends[0], &records), -EAGAIN);
}
END_TEST

START_TEST(what_a_peer_sent_before_it_left_is_read_before_the_end)
{
	struct record_packet got;

	records.records[0] = good_record(RECORD_COMPLETED);
	orders.orders[0] = good_order(ORDER_STOP);
	ck_assert_int_eq(channel_send_orders(ends[0], &orders, 1), 0);
	ck_assert_int_eq(channel_send_records(ends[1], &records, 1), 0);
	close(ends[1]);		/* with our order unread: that is a reset */
	ends[1] = -1;
	ck_assert_int_eq(channel_receive_records(ends[0], &got), 1);
	ck_assert_int_eq(got.records[0].kind, RECORD_COMPLETED);
	ck_assert_int_eq(channel_receive_records(ends[0], &got), 0);
	ck_assert_int_eq(channel_receive_records(ends[0], &got), 0);
	ck_assert_int_eq(channel_send_orders(ends[0], &orders, 1), -EPIPE);
}
END_TEST

START_TEST(a_count_outside_a_packet_is_not_sent)
{
	ck_assert_int_eq(channel_send_orders(ends[0], &orders, 0), -EINVAL);
	ck_assert_int_eq(channel_send_records(ends[0], &records,
					      CHANNEL_BATCH + 1), -EINVAL);
}
END_TEST

/* --- what is nonsense ----------------------------------------------------- */

START_TEST(a_frame_that_is_not_whole_is_refused)
{
	struct packet_header good = { CHANNEL_MAGIC, 1, sizeof(struct order) };
	size_t whole = sizeof(good) + sizeof(struct order);

	orders.orders[0] = good_order(ORDER_STOP);
	orders.header = good;
	ck_assert_int_eq(channel_check_orders(&orders, whole), 1);
	for (size_t bytes = 0; bytes < whole + 200; bytes++)
		if (bytes != whole)
			ck_assert_int_eq(channel_check_orders(&orders, bytes),
					 -EPROTO);
	orders.header.magic++;
	ck_assert_int_eq(channel_check_orders(&orders, whole), -EPROTO);
	orders.header = good;
	orders.header.size--;
	ck_assert_int_eq(channel_check_orders(&orders, whole), -EPROTO);
	orders.header = good;
	orders.header.count = 0;
	ck_assert_int_eq(channel_check_orders(&orders, sizeof(good)), -EPROTO);
	orders.header.count = CHANNEL_BATCH + 1;
	ck_assert_int_eq(channel_check_orders(&orders, sizeof(good) +
			 (CHANNEL_BATCH + 1) * sizeof(struct order)), -EPROTO);
}
END_TEST

START_TEST(a_packet_too_long_for_its_buffer_is_nonsense)
{
	static char big[sizeof(struct order_packet) + 104];

	ck_assert_int_eq(send(ends[0], big, sizeof(big), 0), sizeof(big));
	ck_assert_int_eq(channel_receive_orders(ends[1], &orders), -EPROTO);
	ck_assert_int_eq(channel_receive_orders(ends[1], &orders), -EAGAIN);
}
END_TEST

#define BAD_ORDER(of, field, bad)                                         \
	do {                                                              \
		struct order o = good_order(of);                          \
		ck_assert(order_passes(&o));                              \
		o.field = (bad);                                          \
		ck_assert_msg(!order_passes(&o), #of " " #field " " #bad); \
	} while (0)

static bool order_passes(const struct order *order)
{
	orders.header = (struct packet_header){ CHANNEL_MAGIC, 1,
						sizeof(*order) };
	orders.orders[0] = *order;
	return channel_check_orders(&orders, sizeof(orders.header) +
				    sizeof(*order)) == 1;
}

START_TEST(an_order_with_a_number_out_of_range_is_refused)
{
	BAD_ORDER(ORDER_STOP, kind, 0);
	BAD_ORDER(ORDER_STOP, kind, ORDER_KINDS);
	BAD_ORDER(ORDER_STOP, job_seq, -1);
	BAD_ORDER(ORDER_SETTINGS, settings.distribution, DISTRIBUTIONS);
	BAD_ORDER(ORDER_SETTINGS, settings.distribution, -1);
	BAD_ORDER(ORDER_SETTINGS, settings.min_ms, 30001);
	BAD_ORDER(ORDER_SETTINGS, settings.min_ms, NAN);
	BAD_ORDER(ORDER_SETTINGS, settings.max_ms, INFINITY);
	BAD_ORDER(ORDER_SETTINGS, settings.mean_ms, -1);
	BAD_ORDER(ORDER_SETTINGS, settings.sigma, NAN);
	BAD_ORDER(ORDER_SETTINGS, settings.error_rate, 1.01);
	BAD_ORDER(ORDER_SETTINGS, settings.eta_error, -0.1);
	BAD_ORDER(ORDER_SETTINGS, settings.time_scale, 0);
	BAD_ORDER(ORDER_SETTINGS, settings.progress_interval_ms, 0);
	BAD_ORDER(ORDER_CLOCK, clock.rate, 0.5);
	BAD_ORDER(ORDER_CLOCK, clock.rate, NAN);
	BAD_ORDER(ORDER_CLOCK, clock.now_ms, -1);
	BAD_ORDER(ORDER_CLOCK, clock.since_ns, -1);
	BAD_ORDER(ORDER_CLOCK, clock.now_ms, INT64_MAX);
	BAD_ORDER(ORDER_RUN, start.progress, 1.5);
	BAD_ORDER(ORDER_RUN, start.progress, NAN);
	BAD_ORDER(ORDER_RUN, start.attempt, 0);
	BAD_ORDER(ORDER_RUN, start.simulate_given, 32);
	BAD_ORDER(ORDER_RUN, start.duration_ms, -1);
	BAD_ORDER(ORDER_RUN, start.error_rate, -1);
	BAD_ORDER(ORDER_RUN, start.fail_at, NAN);
	BAD_ORDER(ORDER_RUN, start.fail_attempts, -1);
}
END_TEST

START_TEST(a_simulate_field_that_is_not_given_is_not_looked_at)
{
	struct order o = good_order(ORDER_RUN);

	o.start.simulate_given = 0;
	o.start.duration_ms = -1;
	o.start.fail_at = NAN;
	ck_assert(order_passes(&o));
}
END_TEST

#define BAD_RECORD(of, field, bad)                                          \
	do {                                                                \
		struct record r = good_record(of);                          \
		ck_assert(record_passes(&r));                               \
		r.field = (bad);                                            \
		ck_assert_msg(!record_passes(&r), #of " " #field " " #bad); \
	} while (0)

static bool record_passes(const struct record *record)
{
	records.header = (struct packet_header){ CHANNEL_MAGIC, 1,
						 sizeof(*record) };
	records.records[0] = *record;
	return channel_check_records(&records, sizeof(records.header) +
				     sizeof(*record)) == 1;
}

START_TEST(a_record_with_a_number_out_of_range_is_refused)
{
	BAD_RECORD(RECORD_ALIVE, kind, 0);
	BAD_RECORD(RECORD_ALIVE, kind, RECORD_KINDS);
	BAD_RECORD(RECORD_ALIVE, next_ms, -1);
	BAD_RECORD(RECORD_PROGRESS, job_seq, -1);
	BAD_RECORD(RECORD_PROGRESS, stage, STAGE_NONE);
	BAD_RECORD(RECORD_PROGRESS, stage, JOB_STAGES);
	BAD_RECORD(RECORD_PROGRESS, error, ERROR_INTERNAL);
	BAD_RECORD(RECORD_PROGRESS, progress, 1.001);
	BAD_RECORD(RECORD_PROGRESS, progress, NAN);
	BAD_RECORD(RECORD_PROGRESS, remaining_ms, -1);
	BAD_RECORD(RECORD_PROGRESS, remaining_ms, JOB_MS_MAX + 1);
	BAD_RECORD(RECORD_PROGRESS, at_ms, -1);
	BAD_RECORD(RECORD_PROGRESS, at_ms, JOB_MS_MAX + 1);
	BAD_RECORD(RECORD_COMPLETED, progress, 0.99);
	BAD_RECORD(RECORD_FAILED, error, ERROR_NONE);
	BAD_RECORD(RECORD_FAILED, error, JOB_ERRORS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("channel");
	TCase *tcase = tcase_create("channel");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_packet_of_every_kind_arrives_as_it_was_sent);
	tcase_add_test(tcase, both_ends_are_closed_on_exec_and_do_not_block);
	tcase_add_test(tcase, a_full_socket_takes_nothing_and_loses_nothing);
	tcase_add_test(tcase, what_a_peer_sent_before_it_left_is_read_before_the_end);
	tcase_add_test(tcase, a_count_outside_a_packet_is_not_sent);
	tcase_add_test(tcase, a_frame_that_is_not_whole_is_refused);
	tcase_add_test(tcase, a_packet_too_long_for_its_buffer_is_nonsense);
	tcase_add_test(tcase, an_order_with_a_number_out_of_range_is_refused);
	tcase_add_test(tcase, a_simulate_field_that_is_not_given_is_not_looked_at);
	tcase_add_test(tcase, a_record_with_a_number_out_of_range_is_refused);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

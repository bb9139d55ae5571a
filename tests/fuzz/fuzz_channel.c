/* What the channel's check lets pass, a worker can do; and what it then has
 * to tell passes the check of the other side, each run in its order. */
#include <stdlib.h>
#include <string.h>

#include "core/channel.h"
#include "tests/fuzz/fuzz.h"
#include "worker/runs.h"

const char fuzz_name[] = "channel";

static int64_t told_ms[CHANNEL_BATCH];	/* by run number, as given below */
static bool over[CHANNEL_BATCH];

static void check_told(const struct record *r)
{
	if (over[r->run] || r->at_ms < told_ms[r->run])
		abort();
	told_ms[r->run] = r->at_ms;
	over[r->run] = r->kind != RECORD_PROGRESS;
}

/* Everything there is to tell, some records at a time. */
static void tell(struct runs *runs, unsigned room)
{
	struct record_packet packet;
	struct runs_telling telling;
	unsigned count;

	while ((count = runs_collect(runs, packet.records, room, &telling))) {
		packet.header = (struct packet_header){
			CHANNEL_MAGIC, count, sizeof(struct record)
		};
		if (channel_check_records(&packet, sizeof(packet.header) +
			count * sizeof(struct record)) != (int)count)
			abort();
		for (unsigned i = 0; i < count; i++)
			check_told(&packet.records[i]);
		runs_told(runs, &telling);
	}
	if (!runs_all_told(runs))
		abort();
}

static void settle(struct runs *runs, int64_t now_ms, unsigned room)
{
	while (runs_due(runs) <= now_ms) {
		if (runs_would_overtake(runs))
			tell(runs, room);
		runs_step(runs, now_ms);
	}
	tell(runs, room);
}

static void obey(const struct order_packet *packet, unsigned count)
{
	struct order_settings settings = { 0 };
	struct runs runs;
	int64_t now_ms = 0;

	runs_init(&runs);
	for (unsigned i = 0; i < count; i++) {
		struct order order = packet->orders[i];

		switch (order.kind) {
		case ORDER_SETTINGS:
			settings = order.settings;
			break;
		case ORDER_CLOCK:
			now_ms = order.clock.now_ms;
			runs.grain_ms = order.clock.rate > 0 ? 10 : 1;
			settle(&runs, now_ms, 1 + i);
			break;
		case ORDER_RUN:
			order.run = i;
			told_ms[i] = 0;
			over[i] = false;
			if (settings.seed)
				(void)runs_start(&runs, &settings, &order,
						 now_ms);
			break;
		default:
			order.run %= CHANNEL_BATCH;
			runs_stop(&runs, &order);
		}
	}
	settle(&runs, now_ms, CHANNEL_BATCH);
	runs_free(&runs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void *packet = malloc(size + 1);	/* as short as it came */
	int count;

	if (!packet)
		return 0;
	memcpy(packet, data, size);
	count = channel_check_orders(packet, size);
	if (count > 0)
		obey(packet, count);
	count = channel_check_records(packet, size);
	if (count == 0 || count > CHANNEL_BATCH)
		abort();
	free(packet);
	return 0;
}

/* engine_inbox.c -- commands from other threads: handed in, taken into a turn,
 * answered. */
#include "daemon/engine_private.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct command *command_new(enum command_kind kind)
{
	struct command *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->kind = kind;
	c->if_match = -1;
	sem_init(&c->answered, 0, 0);
	return c;
}

void command_free(struct command *c)
{
	if (!c)
		return;
	command_reset(c);
	free(c->patch.title);
	free(c->patch.tags);
	sem_destroy(&c->answered);
	free(c);
}

void engine_answer(struct command *c)
{
	sem_post(&c->answered);
}

/* Waking a thread costs the one who wakes more than a row costs: who is woken
 * wakes the next ones, as in a heap, and the engine goes on to its next
 * turn. */
void engine_answer_all(struct command *const *commands, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < ANSWER_FAN; k++) {
			size_t next = ANSWER_FAN * (i + 1) + k;

			commands[i]->relay[k] =
				next < count ? commands[next] : NULL;
		}
	for (size_t i = 0; i < count && i < ANSWER_FAN; i++)
		engine_answer(commands[i]);
}

static void await_answer(struct command *c)
{
	while (sem_wait(&c->answered) < 0 && errno == EINTR)
		;
	for (size_t k = 0; k < ANSWER_FAN; k++)
		if (c->relay[k])
			engine_answer(c->relay[k]);
}

void engine_wake(struct engine *e)
{
	uint64_t one = 1;

	/* it can only fail because it is awake already */
	(void)!write(e->wake_fd, &one, sizeof(one));
}

/* May it be taken?  With the lock held. */
static enum outcome admit(const struct engine *e)
{
	if (e->draining)
		return OUTCOME_DRAINING;
	if (e->store_failing)
		return OUTCOME_STORE_UNAVAILABLE;
	return e->waiting >= COMMANDS_WAITING ? OUTCOME_BUSY : OUTCOME_OK;
}

void engine_do(struct engine *e, struct command *c)
{
	bool was_empty;

	pthread_mutex_lock(&e->queue_lock);
	c->outcome = admit(e);
	if (c->outcome != OUTCOME_OK) {
		pthread_mutex_unlock(&e->queue_lock);
		return;
	}
	was_empty = e->first == NULL;
	c->next = NULL;
	*e->last = c;
	e->last = &c->next;
	e->waiting++;
	pthread_mutex_unlock(&e->queue_lock);
	if (was_empty)
		engine_wake(e);
	await_answer(c);
}

bool engine_take_commands(struct engine *e)
{
	size_t items = 0;
	bool more;

	pthread_mutex_lock(&e->queue_lock);
	while (e->first && e->commands.count < TURN_COMMANDS &&
	       items < TURN_ITEMS && LIST_ROOM(&e->commands)) {
		items += e->first->count;
		e->commands.at[e->commands.count++] = e->first;
		e->first = e->first->next;
		e->waiting--;
	}
	if (!e->first)
		e->last = &e->first;
	more = e->first != NULL;
	pthread_mutex_unlock(&e->queue_lock);
	return more;
}

void engine_refuse_commands(struct engine *e, enum outcome outcome)
{
	for (size_t i = 0; i < e->commands.count; i++) {
		command_reset(e->commands.at[i]);
		e->commands.at[i]->outcome = outcome;
	}
	engine_answer_all(e->commands.at, e->commands.count);
	e->commands.count = 0;
}

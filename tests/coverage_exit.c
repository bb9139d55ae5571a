/* coverage_exit.c -- part of heygend where coverage is counted, and only
 * there: writes the counts also of a life that ends by quick_exit or abort. */
#include <signal.h>
#include <stdlib.h>

/* of gcov.h, which only gcc has */
void __gcov_dump(void);	/* NOLINT(bugprone-reserved-identifier) */

/* The counters' own code does not look whether it got memory. */
static void without_counts(int number)
{
	(void)number;
	signal(SIGABRT, SIG_DFL);
	abort();
}

static void on_abort(int number)
{
	signal(SIGSEGV, without_counts);
	/* the process ends here in any case */
	__gcov_dump();		/* NOLINT(bugprone-signal-handler,cert-sig30-c) */
	signal(number, SIG_DFL);
	raise(number);
}

__attribute__((constructor))
static void watch_the_end(void)
{
	(void)at_quick_exit(__gcov_dump);
	signal(SIGABRT, on_abort);
}

#define _GNU_SOURCE
#include "client/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#define SHOW_CURSOR "\r\n\033[?25h"	/* below what was drawn */
#define HIDE_CURSOR "\033[?25l"

/* All that the handlers touch. */
static volatile sig_atomic_t interrupts, screen, cursor_hidden;
static volatile sig_atomic_t limited, cut_off;
static _Atomic(hg_client *) client_now;
static int wake[2] = { -1, -1 };	/* a pipe, so that a poll() sees them */

static void show_cursor(void)
{
	if (cursor_hidden)
		(void)!write(STDERR_FILENO, SHOW_CURSOR,
			     sizeof(SHOW_CURSOR) - 1);
}

static void show_cursor_at_exit(void)
{
	show_cursor();
	cursor_hidden = 0;
}

/* The default action comes as soon as the handler has returned. */
static void die_of(int sig)
{
	show_cursor();
	cursor_hidden = 0;
	(void)signal(sig, SIG_DFL);
	(void)raise(sig);
}

static void wake_up(void)
{
	(void)!write(wake[1], "", 1);
}

static void on_interrupt(int sig)
{
	int saved = errno;
	hg_client *client = atomic_load(&client_now);

	if (interrupts) {
		die_of(sig);
	} else {
		interrupts = 1;
		if (client)
			hg_interrupt(client);
		wake_up();
	}
	errno = saved;
}

static void on_death(int sig)
{
	die_of(sig);
}

/* Ours only while there is a limit; else somebody wants our end. */
static void on_alarm(int sig)
{
	int saved = errno;
	hg_client *client = atomic_load(&client_now);

	if (!limited) {
		die_of(sig);
	} else {
		cut_off = 1;
		if (client)
			hg_interrupt(client);
	}
	errno = saved;
}

static void on_resize(int sig)
{
	int saved = errno;

	(void)sig;
	if (screen == SCREEN_SAME)
		screen = SCREEN_RESIZED;
	wake_up();
	errno = saved;
}

static void set_handler(int sig, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler }, old;

	/* what our parent has us ignore (nohup, &) stays ignored */
	if (sigaction(sig, NULL, &old) == 0 && old.sa_handler == SIG_IGN)
		return;
	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(sig, &action, NULL);
}

/* ^Z: the shell gets its cursor back, and on fg all is drawn anew. */
static void on_stop(int sig)
{
	int saved = errno;
	bool hidden = cursor_hidden;
	sigset_t set;

	show_cursor();
	(void)signal(sig, SIG_DFL);
	(void)raise(sig);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, sig);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);	/* stops here */
	set_handler(sig, on_stop);
	if (hidden)
		(void)!write(STDERR_FILENO, HIDE_CURSOR,
			     sizeof(HIDE_CURSOR) - 1);
	screen = SCREEN_LOST;
	wake_up();
	errno = saved;
}

void signals_install(void)
{
	static const int deadly[] = { SIGTERM, SIGHUP, SIGQUIT, SIGABRT,
				      SIGUSR1, SIGUSR2, SIGXCPU };

	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) < 0)
		wake[0] = wake[1] = -1;		/* slower to notice, no worse */
	set_handler(SIGINT, on_interrupt);
	set_handler(SIGALRM, on_alarm);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(*deadly); i++)
		set_handler(deadly[i], on_death);
	set_handler(SIGWINCH, on_resize);
	set_handler(SIGTSTP, on_stop);
	(void)signal(SIGPIPE, SIG_IGN);		/* write() says it */
	(void)atexit(show_cursor_at_exit);
}

void signals_client(hg_client *client)
{
	atomic_store(&client_now, client);
	if (client && interrupts)	/* it came while there was nobody */
		hg_interrupt(client);
}

void signals_limit(int64_t ms)
{
	struct itimerval when = { 0 };

	if (ms >= 0) {
		cut_off = 0;
		limited = 1;
		when.it_value.tv_sec = ms / 1000;
		when.it_value.tv_usec = ms % 1000 * 1000 + 1;
	}
	(void)setitimer(ITIMER_REAL, &when, NULL);
	if (ms < 0)
		limited = 0;
}

bool signals_cut_off(void)
{
	return cut_off > 0;
}

bool signals_interrupted(void)
{
	return interrupts > 0;
}

int signals_fd(void)
{
	return wake[0];
}

void signals_drain(void)
{
	char bytes[64];

	while (read(wake[0], bytes, sizeof(bytes)) > 0)
		;
}

enum screen signals_screen(void)
{
	enum screen was = (enum screen)screen;

	screen = SCREEN_SAME;
	return was;
}

void signals_cursor(bool hidden)
{
	cursor_hidden = hidden;
}

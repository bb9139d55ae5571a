#include "config.h"

#include "daemon/notify.h"

#include "core/clock.h"

#include <inttypes.h>
#include <stdio.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>

void notify_ready(void)
{
	(void)sd_notify(0, "READY=1");
}

void notify_reloading(void)
{
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
			 clock_real_mono_us());
}

/* The unit's TimeoutStopSec= knows nothing of http.drain_s. */
void notify_stopping(int64_t at_most_ms)
{
	(void)sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64,
			 at_most_ms * 1000);
}

void notify_status(int64_t running, int64_t queued)
{
	(void)sd_notifyf(0, "STATUS=%" PRId64 " running, %" PRId64 " queued",
			 running, queued);
}

void notify_alive(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}

int64_t notify_watchdog_ms(void)
{
	uint64_t us;

	return sd_watchdog_enabled(0, &us) > 0 ? (int64_t)(us / 1000) : 0;
}

#else

void notify_ready(void)
{
}

void notify_reloading(void)
{
}

void notify_stopping(int64_t at_most_ms)
{
	(void)at_most_ms;
}

void notify_status(int64_t running, int64_t queued)
{
	(void)running;
	(void)queued;
}

void notify_alive(void)
{
}

int64_t notify_watchdog_ms(void)
{
	return 0;
}

#endif

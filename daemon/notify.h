/* notify.h -- what the service manager is told.
 *
 * Does nothing where there is none ($NOTIFY_SOCKET is not set) or where
 * libsystemd was left out.  Main thread. */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stdint.h>

void notify_ready(void);
void notify_reloading(void);	/* notify_ready follows */
void notify_stopping(int64_t at_most_ms);	/* how long it may take */
void notify_status(int64_t running, int64_t queued);
void notify_alive(void);	/* feeds the watchdog */

/* How often the watchdog must be fed, ms; 0: there is none. */
int64_t notify_watchdog_ms(void);

#endif

/* state_dir.h -- the directory of the job database, and who holds it. */
#ifndef DAEMON_STATE_DIR_H
#define DAEMON_STATE_DIR_H

#include <stddef.h>

#define STATE_LOCK "lock"

/* state_dir_open -- makes the directory (and its parents) if it is missing,
 * with mode 2750, and locks it.  The descriptor that holds the lock; or
 * -EBUSY, and message_out says who has it; or another -errno with a
 * sentence. */
int state_dir_open(const char *dir, char *message_out, size_t size);

#endif

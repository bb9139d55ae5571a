#include "config.h"

#include "daemon/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Only the last one is ours to share: its group may read. */
static int make(const char *dir)
{
	char path[PATH_MAX];
	size_t length = strlen(dir);

	if (length == 0 || length >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, dir, length + 1);
	while (length > 1 && path[length - 1] == '/')
		path[--length] = '\0';
	for (char *p = path + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	if (mkdir(path, 0750) < 0)
		return errno == EEXIST ? 0 : -errno;
	return chmod(path, 02750) < 0 ? -errno : 0;
}

static int in_use(int fd, const char *dir, char *message_out, size_t size)
{
	char holder[32] = "";
	ssize_t n = pread(fd, holder, sizeof(holder) - 1, 0);

	holder[n > 0 ? strcspn(holder, "\n") : 0] = '\0';
	snprintf(message_out, size, "%s is in use by the heygend with pid %s",
		 dir, holder[0] ? holder : "unknown");
	close(fd);
	return -EBUSY;
}

static int fail(int error, const char *what, const char *dir,
		char *message_out, size_t size)
{
	snprintf(message_out, size, "cannot %s %s: %s", what, dir,
		 strerror(error));
	return -error;
}

int state_dir_open(const char *dir, char *message_out, size_t size)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_MAX], pid[32];
	int r = make(dir), fd;

	if (r < 0)
		return fail(-r, "make the state directory", dir, message_out,
			    size);
	snprintf(path, sizeof(path), "%s/%s", dir, STATE_LOCK);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return fail(errno, "open the lock in", dir, message_out, size);
	/* of the open file, not of the process: no close() elsewhere drops it */
	if (fcntl(fd, F_OFD_SETLK, &whole) < 0) {
		r = errno;
		if (r == EAGAIN || r == EACCES)
			return in_use(fd, dir, message_out, size);
		close(fd);
		return fail(r, "lock", dir, message_out, size);
	}
	snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	/* for the eyes of the next one only */
	(void)!ftruncate(fd, 0);
	(void)!pwrite(fd, pid, strlen(pid), 0);
	return fd;
}

// daemon.c - flock, and the notification protocol of systemd.
#include "os/daemon.h"

#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

kp_err kp_daemon_lock(const char *path, int *ret_lock, struct kp_why *why)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return kp_why_set(why, kp_file_error(errno), "cannot open %s: %s", path,
		                  strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		*ret_lock = fd;
		return KP_OK;
	}
	int number = errno;
	close(fd);
	if (number == EWOULDBLOCK)
		return kp_why_set(why, KP_ERR_BUSY, "another process holds %s", path);
	return kp_why_set(why, kp_file_error(number), "cannot lock %s: %s", path, strerror(number));
}

void kp_daemon_unlock(int lock)
{
	if (lock >= 0)
		close(lock);
}

void kp_daemon_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (!path || (path[0] != '/' && path[0] != '@') || !path[1] ||
	    strlen(path) >= sizeof(address.sun_path))
		return;
	size_t len = strlen(path);
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = '\0'; // a name of the abstract kind
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

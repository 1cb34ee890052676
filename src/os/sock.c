// sock.c - non-blocking sockets over the BSD calls.
#include "os/sock.h"

#include "base/try.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	BACKLOG = 4096
};

static kp_err err_of_errno(int number)
{
	switch (number) {
	case EAGAIN:
	case EINTR:
		return KP_ERR_AGAIN;
	case EADDRINUSE:
		return KP_ERR_BUSY;
	case EACCES:
	case EPERM:
		return KP_ERR_DENIED;
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
		return KP_ERR_INVALID;
	case EMFILE:
	case ENFILE:
		return KP_ERR_LIMIT;
	case ENOBUFS:
	case ENOMEM:
		return KP_ERR_NOMEM;
	case EPIPE:
	case ECONNRESET:
	case ECONNABORTED:
		return KP_ERR_CLOSED;
	case ECONNREFUSED:
	case ENOENT: // of a Unix socket
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ETIMEDOUT:
		return KP_ERR_CONNECT;
	case EMSGSIZE:
		return KP_ERR_LIMIT;
	default:
		return KP_ERR_IO;
	}
}

static kp_err parse_path(const char *path, struct kp_address *ret)
{
	struct kp_address address = {.len = sizeof(struct sockaddr_un)};
	struct sockaddr_un *un = (struct sockaddr_un *)&address.storage;
	size_t len = strlen(path);
	if (len >= sizeof(un->sun_path))
		return KP_ERR_INVALID;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, len + 1);
	*ret = address;
	return KP_OK;
}

const char *kp_address_path(const struct kp_address *address)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&address->storage;
	bool has_path = un->sun_family == AF_UNIX &&
	                address->len > offsetof(struct sockaddr_un, sun_path) && *un->sun_path;
	return has_path ? un->sun_path : NULL;
}

kp_err kp_address_parse(const char *host, int port, struct kp_address *ret)
{
	if (*host == '/')
		return parse_path(host, ret);
	if (!*host || strcmp(host, "*") == 0)
		host = "0.0.0.0";
	struct kp_address address = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&address.storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address.storage;
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		address.len = sizeof(*in);
	} else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		address.len = sizeof(*in6);
	} else {
		return KP_ERR_INVALID;
	}
	*ret = address;
	return KP_OK;
}

void kp_address_host(const struct kp_address *address, char text[KP_ADDRESS_TEXT_MAX])
{
	const struct sockaddr *base = (const struct sockaddr *)&address->storage;
	if (address->len > 0 && base->sa_family == AF_UNIX) {
		snprintf(text, KP_ADDRESS_TEXT_MAX, "unix");
		return;
	}
	const void *bytes = base->sa_family == AF_INET6
	                            ? (const void *)&((const struct sockaddr_in6 *)base)->sin6_addr
	                            : (const void *)&((const struct sockaddr_in *)base)->sin_addr;
	if (address->len == 0 || !inet_ntop(base->sa_family, bytes, text, KP_ADDRESS_TEXT_MAX))
		snprintf(text, KP_ADDRESS_TEXT_MAX, "unknown");
}

int kp_address_port(const struct kp_address *address)
{
	const struct sockaddr *base = (const struct sockaddr *)&address->storage;
	if (base->sa_family == AF_UNIX)
		return 0;
	if (base->sa_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)base)->sin6_port);
	return ntohs(((const struct sockaddr_in *)base)->sin_port);
}

size_t kp_address_ip(const struct kp_address *address, uint8_t bytes[16])
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->storage;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->storage;
	switch (address->storage.ss_family) {
	case AF_INET:
		memcpy(bytes, &v4->sin_addr, sizeof(v4->sin_addr));
		return sizeof(v4->sin_addr);
	case AF_INET6:
		memcpy(bytes, &v6->sin6_addr, sizeof(v6->sin6_addr));
		return sizeof(v6->sin6_addr);
	default:
		return 0;
	}
}

void kp_address_format(const struct kp_address *address, char text[KP_ADDRESS_TEXT_MAX])
{
	char host[KP_ADDRESS_TEXT_MAX];
	kp_address_host(address, host);
	if (address->len > 0 && address->storage.ss_family == AF_UNIX) {
		const char *path = kp_address_path(address);
		snprintf(text, KP_ADDRESS_TEXT_MAX, path ? "unix:%s" : "unix%s", path ? path : "");
		return;
	}
	bool is_v6 = address->storage.ss_family == AF_INET6;
	snprintf(text, KP_ADDRESS_TEXT_MAX, is_v6 ? "[%.46s]:%d" : "%.46s:%d", host,
	         kp_address_port(address));
}

void kp_address_of_list(const struct addrinfo *found, int port, struct kp_address *ret)
{
	const struct addrinfo *best = found;
	for (const struct addrinfo *other = found; other; other = other->ai_next)
		if (other->ai_family == AF_INET) {
			best = other;
			break;
		}
	struct kp_address address = {.len = best->ai_addrlen};
	memcpy(&address.storage, best->ai_addr, best->ai_addrlen);
	if (best->ai_family == AF_INET6)
		((struct sockaddr_in6 *)&address.storage)->sin6_port = htons((uint16_t)port);
	else
		((struct sockaddr_in *)&address.storage)->sin_port = htons((uint16_t)port);
	*ret = address;
}

kp_err kp_address_resolve(const char *host, int port, struct kp_address *ret)
{
	if (kp_address_parse(host, port, ret) == KP_OK)
		return KP_OK;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *found = NULL;
	if (getaddrinfo(host, NULL, &hints, &found) != 0 || !found)
		return KP_ERR_NOTFOUND;
	kp_address_of_list(found, port, ret);
	freeaddrinfo(found);
	return KP_OK;
}

static kp_err open_socket(const struct kp_address *address, int type, int *ret_fd)
{
	int fd = socket(address->storage.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_of_errno(errno);
	*ret_fd = fd;
	return KP_OK;
}

static void set_option(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value));
}

static kp_err fail_closing(int fd)
{
	kp_err err = err_of_errno(errno);
	close(fd);
	return err;
}

// remove_stale removes a socket that nobody listens at. BUSY: somebody does, or it is none.
static kp_err remove_stale(const struct kp_address *address)
{
	const char *path = kp_address_path(address);
	struct stat status;
	int fd = -1;
	if (lstat(path, &status) != 0)
		return errno == ENOENT ? KP_OK : err_of_errno(errno);
	if (!S_ISSOCK(status.st_mode))
		return KP_ERR_BUSY;
	if (kp_sock_connect(address, false, &fd) != KP_ERR_CONNECT) {
		if (fd >= 0)
			close(fd);
		return KP_ERR_BUSY;
	}
	return unlink(path) == 0 || errno == ENOENT ? KP_OK : err_of_errno(errno);
}

// bind_path binds to a path; the socket never has wider permissions than in the end.
static kp_err bind_path(int fd, const struct kp_address *address, int mode)
{
	KP_TRY(remove_stale(address));
	if (fchmod(fd, (mode_t)mode) != 0 ||
	    bind(fd, (const struct sockaddr *)&address->storage, address->len) != 0)
		return errno == ENOENT ? KP_ERR_INVALID : err_of_errno(errno);
	if (chmod(kp_address_path(address), (mode_t)mode) != 0)
		return err_of_errno(errno);
	return KP_OK;
}

static kp_err listen_at(int fd, int *ret_fd)
{
	if (listen(fd, BACKLOG) != 0)
		return fail_closing(fd);
	*ret_fd = fd;
	return KP_OK;
}

kp_err kp_sock_listen(const struct kp_address *address, int *ret_fd)
{
	int fd = -1;
	KP_TRY(open_socket(address, SOCK_STREAM, &fd));
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(fd, (const struct sockaddr *)&address->storage, address->len) != 0)
		return fail_closing(fd);
	return listen_at(fd, ret_fd);
}

kp_err kp_sock_listen_path(const struct kp_address *address, int mode, int *ret_fd)
{
	int fd = -1;
	KP_TRY(open_socket(address, SOCK_STREAM, &fd));
	kp_err err = bind_path(fd, address, mode);
	if (err != KP_OK) {
		close(fd);
		return err;
	}
	return listen_at(fd, ret_fd);
}

void kp_sock_unlisten(const struct kp_address *address, int fd)
{
	if (kp_address_path(address))
		(void)unlink(kp_address_path(address));
	close(fd);
}

kp_err kp_sock_bind_udp(const struct kp_address *address, int *ret_fd)
{
	int fd = -1;
	kp_err err = open_socket(address, SOCK_DGRAM, &fd);
	if (err != KP_OK)
		return err;
	set_option(fd, SOL_SOCKET, SO_RCVBUF, 1 << 20);
	if (bind(fd, (const struct sockaddr *)&address->storage, address->len) != 0)
		return fail_closing(fd);
	*ret_fd = fd;
	return KP_OK;
}

kp_err kp_sock_local(int fd, struct kp_address *ret)
{
	struct kp_address address = {.len = sizeof(address.storage)};
	if (getsockname(fd, (struct sockaddr *)&address.storage, &address.len) != 0)
		return err_of_errno(errno);
	*ret = address;
	return KP_OK;
}

kp_err kp_sock_accept(int listener, int *ret_fd, struct kp_address *ret_peer)
{
	struct kp_address peer = {.len = sizeof(peer.storage)};
	int fd = accept4(listener, (struct sockaddr *)&peer.storage, &peer.len,
	                 SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return errno == ECONNABORTED ? KP_ERR_AGAIN : err_of_errno(errno);
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	*ret_fd = fd;
	*ret_peer = peer;
	return KP_OK;
}

kp_err kp_sock_connect(const struct kp_address *address, bool is_udp, int *ret_fd)
{
	int fd = -1;
	kp_err err = open_socket(address, is_udp ? SOCK_DGRAM : SOCK_STREAM, &fd);
	if (err != KP_OK)
		return err;
	if (!is_udp)
		set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (connect(fd, (const struct sockaddr *)&address->storage, address->len) != 0 &&
	    errno != EINPROGRESS)
		return fail_closing(fd);
	*ret_fd = fd;
	return KP_OK;
}

kp_err kp_sock_connected(int fd)
{
	int number = 0;
	socklen_t len = sizeof(number);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &len) != 0)
		number = errno;
	return number == 0 ? KP_OK : err_of_errno(number);
}

kp_err kp_sock_read(int fd, void *data, size_t size, size_t *ret_size)
{
	ssize_t got = recv(fd, data, size, 0);
	if (got < 0)
		return err_of_errno(errno);
	if (got == 0)
		return KP_ERR_CLOSED;
	*ret_size = (size_t)got;
	return KP_OK;
}

kp_err kp_sock_write(int fd, const void *data, size_t size, size_t *ret_size)
{
	ssize_t put = send(fd, data, size, MSG_NOSIGNAL);
	if (put < 0)
		return err_of_errno(errno);
	*ret_size = (size_t)put;
	return KP_OK;
}

kp_err kp_sock_receive_from(int fd, void *data, size_t size, size_t *ret_size,
                            struct kp_address *ret_peer)
{
	struct kp_address peer = {.len = sizeof(peer.storage)};
	ssize_t got =
	        recvfrom(fd, data, size, MSG_TRUNC, (struct sockaddr *)&peer.storage, &peer.len);
	if (got < 0)
		return err_of_errno(errno);
	if ((size_t)got > size)
		return KP_ERR_LIMIT;
	*ret_size = (size_t)got;
	*ret_peer = peer;
	return KP_OK;
}

kp_err kp_sock_send_to(int fd, const void *data, size_t size, const struct kp_address *peer)
{
	ssize_t put = sendto(fd, data, size, MSG_NOSIGNAL, (const struct sockaddr *)&peer->storage,
	                     peer->len);
	return put < 0 ? err_of_errno(errno) : KP_OK;
}

void kp_sock_shutdown_write(int fd)
{
	shutdown(fd, SHUT_WR);
}

void kp_sock_close(int fd)
{
	close(fd);
}

// sock.h - non-blocking sockets.
#pragma once

#include "kipp/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	KP_ADDRESS_TEXT_MAX = 128
};

// kp_address is an IPv4 or IPv6 address with its port, or a Unix socket's path.
struct kp_address {
	struct sockaddr_storage storage;
	socklen_t len;
};

// kp_address_parse reads a numeric host ("*" and "" mean every interface), or the absolute path of
// a Unix socket. INVALID: it is a name, or nonsense, or a path of more than 107 bytes.
kp_err kp_address_parse(const char *host, int port, struct kp_address *ret);
// kp_address_format writes "10.0.0.7:9001", "[::1]:9001", "unix:/run/x.sock", or "unix" for a peer
// that has no path of its own.
void kp_address_format(const struct kp_address *address, char text[KP_ADDRESS_TEXT_MAX]);
// kp_address_host writes "10.0.0.7"; all callers through Unix sockets are "unix".
void kp_address_host(const struct kp_address *address, char text[KP_ADDRESS_TEXT_MAX]);
int kp_address_port(const struct kp_address *address);
// kp_address_ip copies the bytes of an IP address in the order of the network and returns how many
// they are, 4 or 16; 0: it is something else.
size_t kp_address_ip(const struct kp_address *address, uint8_t bytes[16]);
// kp_address_path returns a Unix socket's path, or NULL.
const char *kp_address_path(const struct kp_address *address);
// kp_address_of_list takes the first IPv4 address of a look-up's result, or else its first: a name
// then means the same to a server and to its clients. `found` must not be empty.
struct addrinfo;
void kp_address_of_list(const struct addrinfo *found, int port, struct kp_address *ret);
// kp_address_resolve looks a name up and blocks the thread meanwhile. NOTFOUND: no such host.
kp_err kp_address_resolve(const char *host, int port, struct kp_address *ret);

// kp_sock_listen binds and listens. BUSY: in use. DENIED: a privileged port. INVALID: not an
// address of this machine.
kp_err kp_sock_listen(const struct kp_address *address, int *ret_fd);
// kp_sock_listen_path listens at a path, with these permissions. What a dead listener left behind
// is replaced. BUSY: somebody listens there, or it is no socket. INVALID: there is no such
// directory.
kp_err kp_sock_listen_path(const struct kp_address *address, int mode, int *ret_fd);
// kp_sock_unlisten closes a listener; a path is free again before anybody can miss the listener.
void kp_sock_unlisten(const struct kp_address *address, int fd);
kp_err kp_sock_bind_udp(const struct kp_address *address, int *ret_fd);
// kp_sock_local tells the address that a socket is bound to.
kp_err kp_sock_local(int fd, struct kp_address *ret);

// kp_sock_accept takes one connection. AGAIN: none waits. LIMIT: no descriptor left.
kp_err kp_sock_accept(int listener, int *ret_fd, struct kp_address *ret_peer);

// kp_sock_connect starts to connect; the socket becomes writable when it is decided, and
// kp_sock_connected tells how.
kp_err kp_sock_connect(const struct kp_address *address, bool is_udp, int *ret_fd);
kp_err kp_sock_connected(int fd);

// kp_sock_read and kp_sock_write move what can be moved. AGAIN: nothing now. CLOSED: the peer is
// gone.
kp_err kp_sock_read(int fd, void *data, size_t size, size_t *ret_size);
kp_err kp_sock_write(int fd, const void *data, size_t size, size_t *ret_size);
kp_err kp_sock_receive_from(int fd, void *data, size_t size, size_t *ret_size,
                            struct kp_address *ret_peer);
kp_err kp_sock_send_to(int fd, const void *data, size_t size, const struct kp_address *peer);

// kp_sock_shutdown_write tells the peer that no more will come.
void kp_sock_shutdown_write(int fd);
void kp_sock_close(int fd);

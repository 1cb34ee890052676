// tls.h - certificates, keys and trust of encrypted connections.
//
// The same options serve servers and clients. Files are PEM; they are read when the options are
// given and again when a reload is asked for, and their paths are copied.
#pragma once

#include "kipp/api.h"

#include <stdbool.h>

KP_BEGIN_DECLS

struct kp_tls_options {
	const char *cert;    // own certificate, followed by those between it and a root; a client
	                     // may have none
	const char *key;     // its private key; NULL: in the file of the certificate
	const char *ca;      // the authorities that peers are checked against; NULL: on a client
	                     // those of the system, on a server none
	const char *ciphers; // OpenSSL's list of ciphers for TLS 1.2; NULL: its own choice
	const char *name;    // client: the name to find in the server's certificate; NULL: the host
	                     // of its endpoint
	bool verify_client;  // server: only clients with a certificate of `ca`
	bool trusts_anybody; // client: take any certificate. The connection is then encrypted, but
	                     // nobody knows with whom
	bool is_optional;    // server, on a tcp endpoint: TLS is taken beside plain connections,
	                     // told by the first byte; without it the endpoint is plain
	int handshake_timeout_ms; // server: a client that needs longer is dropped; 0: 5000
};

KP_END_DECLS

// tls_cert.h - certificates for tests, made by openssl in a directory of the test's own.
//
// files: ca.pem, other.pem (another authority); server.pem + server.key (localhost and 127.0.0.1),
// wrong.pem (elsewhere.example), old.pem (expired), client.pem + client.key, stranger.pem (of the
// other authority); all keys but the client's are server.key.
#pragma once

#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char cert_dir[64];

static inline const char *cert_path(const char *name)
{
	static char paths[8][128];
	static int next;
	char *path = paths[next++ % 8];
	snprintf(path, sizeof(paths[0]), "%s/%s", cert_dir, name);
	return path;
}

static inline int run_shell(const char *text)
{
	pid_t pid;
	int status = -1;
	char *const argv[] = {(char *)"sh", (char *)"-c", (char *)text, NULL};
	if (posix_spawnp(&pid, "sh", NULL, NULL, argv, environ) != 0)
		return -1;
	waitpid(pid, &status, 0);
	return status;
}

// run_in_dir runs a shell command in the directory of certificates.
static inline void run_in_dir(const char *command)
{
	char text[2048];
	snprintf(text, sizeof(text), "cd %s && (%s) >log 2>&1 </dev/null", cert_dir, command);
	if (run_shell(text) != 0)
		fail_msg("failed: %s", text);
}

static inline void make_key(const char *name)
{
	char text[256];
	snprintf(text, sizeof(text), "openssl ecparam -name prime256v1 -genkey -noout -out %s.key",
	         name);
	run_in_dir(text);
}

static inline void make_ca(const char *name)
{
	char text[512];
	make_key(name);
	snprintf(text, sizeof(text),
	         "openssl req -x509 -new -key %s.key -out %s.pem -days 30 -subj /CN=%s", name, name,
	         name);
	run_in_dir(text);
}

// make_cert signs a certificate for a key; `days` may be negative: it has expired.
static inline void make_cert(const char *name, const char *key, const char *ca, const char *names,
                             int days)
{
	char text[1024];
	snprintf(text, sizeof(text),
	         "openssl req -new -key %s.key -subj /CN=%s -out %s.csr && "
	         "printf 'subjectAltName=%s\\n' >%s.ext && "
	         "openssl x509 -req -in %s.csr -CA %s.pem -CAkey %s.key -CAcreateserial "
	         "-extfile %s.ext -days %d -out %s.pem",
	         key, name, name, names, name, name, ca, ca, name, days, name);
	run_in_dir(text);
}

static inline int make_certs(void **state)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(cert_dir, sizeof(cert_dir), "%s/kipp-tls-XXXXXX",
	         tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	if (!mkdtemp(cert_dir))
		return -1;
	make_ca("ca");
	make_ca("other");
	make_key("server");
	make_key("client");
	make_cert("server", "server", "ca", "DNS:localhost,IP:127.0.0.1", 30);
	make_cert("wrong", "server", "ca", "DNS:elsewhere.example", 30);
	make_cert("old", "server", "ca", "DNS:localhost,IP:127.0.0.1", -1);
	make_cert("client", "client", "ca", "DNS:client", 30);
	make_cert("stranger", "client", "other", "DNS:client", 30);
	return 0;
}

static inline int remove_certs(void **state)
{
	char text[128];
	snprintf(text, sizeof(text), "rm -rf %s", cert_dir);
	return run_shell(text);
}

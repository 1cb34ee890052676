// caller.c - calls the Book store all the time and says how each call went; for the system tests.
//
// usage: caller LOCATOR OBJECT      one line per call: "N ok" or "N failed REASON"; ends with
// SIGTERM
#include "Store.h"

#include <kipp/kipp.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

enum {
	PAUSE_MS = 5,
	TIMEOUT_MS = 2000
};

static volatile sig_atomic_t is_ending;

static void on_signal(int number)
{
	is_ending = 1;
}

static void call_on(struct Book_Store *store, struct kp_call *call)
{
	kp_call_set_timeout(call, TIMEOUT_MS);
	for (long number = 1; !is_ending; number++) {
		struct Book_Title_list titles;
		int32_t ret = -1;
		kp_err err = Book_Store_browse(store, call, kp_str("novel"), &titles, &ret);
		if (err == KP_OK && ret == 0 && titles.len > 0)
			printf("%ld ok\n", number);
		else
			printf("%ld failed %s %.*s\n", number, kp_err_name(err),
			       KP_STR_ARG(kp_call_reason(call)));
		fflush(stdout);
		kp_call_reset(call);
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
	}
}

int main(int argc, char **argv)
{
	struct kp_client *client;
	struct kp_call *call;
	if (argc != 3)
		return 2;
	signal(SIGTERM, on_signal);
	struct kp_client_options options = {.locator = argv[1], .refresh_interval_ms = 500};
	if (kp_client_open(&options, &client, NULL) != KP_OK)
		return 1;
	if (kp_call_open(client, &call) != KP_OK) {
		kp_client_close(client);
		return 1;
	}
	call_on(Book_Store_proxy(client, argv[2]), call);
	kp_call_close(call);
	kp_client_close(client);
	return 0;
}

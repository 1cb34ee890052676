// server.c - Book.VisitorServer: visitors who look around and buy, so that there is something to
// see.
#include "Store.h"
#include "Visitor.h"

#include <kipp/kipp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
	PAUSE_MS = 250,
	TIMEOUT_MS = 1000
};

// The visitors live on a thread of their own, with a client that ends with them.
struct visitors {
	struct kp_client *client;
	struct Book_Store *store;
	pthread_t thread;
	_Atomic bool is_closing;
	_Atomic int64_t visits;
	_Atomic int64_t failures;
};

// visit looks at a shelf and buys the first title on it.
static bool visit(struct visitors *visitors, struct kp_call *call, int number)
{
	static const char *const names[] = {"ada", "bob", "chen", "dora"};
	static const char *const shelves[] = {"science", "novel", "history"};
	int ret;

	struct Book_Title_list titles;
	if (Book_Store_browse(visitors->store, call, kp_str(shelves[number % 3]), &titles, &ret) !=
	            KP_OK ||
	    ret != 0 || titles.len == 0)
		return false;

	struct Book_Order order = {
	        .id = kp_call_format(call, "%d-%ld-%d", getpid(), (long)time(NULL), number),
	        .user = kp_str(names[number % 4]),
	        .title = titles.ptr[0].id,
	};
	struct Book_Bought bought;
	return Book_Store_buy(visitors->store, call, &order, &bought, &ret) == KP_OK && ret == 0;
}

static void *come_and_go(void *arg)
{
	struct visitors *visitors = arg;
	struct kp_call *call;
	if (kp_call_open(visitors->client, &call) != KP_OK)
		return NULL;
	kp_call_set_timeout(call, TIMEOUT_MS);

	for (int number = 0; !visitors->is_closing; number++) {
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
		if (visit(visitors, call, number)) {
			visitors->visits++;
		} else {
			visitors->failures++;
			fprintf(stderr, "visit %d failed: %.*s\n", number,
			        KP_STR_ARG(kp_call_reason(call)));
		}
		kp_call_reset(call);
	}
	kp_call_close(call);
	return NULL;
}

static bool visitors_open(struct visitors *visitors, struct kp_app *app)
{
	char locator[1024];
	snprintf(locator, sizeof(locator), "%.*s",
	         KP_STR_ARG(kp_app_config(app, "/tars/application/client<locator>")));
	struct kp_client_options options = {.locator = locator, .caller = kp_app_name(app)};
	if (kp_client_open(&options, &visitors->client, NULL) != KP_OK)
		return false;
	visitors->store = Book_Store_proxy(visitors->client, "Book.StoreServer.StoreObj");
	return pthread_create(&visitors->thread, NULL, come_and_go, visitors) == 0;
}

static void visitors_close(struct visitors *visitors)
{
	visitors->is_closing = true;
	pthread_join(visitors->thread, NULL);
	kp_client_close(visitors->client);
}

static int report(struct kp_call *call, int64_t *visits, int64_t *failures)
{
	struct visitors *visitors = kp_call_user(call);
	*visits = visitors->visits;
	*failures = visitors->failures;
	return 0;
}

int main(int argc, char **argv)
{
	struct visitors visitors = {0};
	struct kp_app *app;
	if (kp_app_open(argc, argv, &app) != KP_OK)
		return 1;
	if (!visitors_open(&visitors, app)) {
		fprintf(stderr, "the visitors cannot start\n");
		return 1;
	}
	Book_Visitor_serve(app, "VisitorObj", &(struct Book_Visitor_ops){.report = report},
	                   &visitors);
	int code = kp_app_run(app);
	visitors_close(&visitors);
	return code;
}

// server.c - Book.PaymentServer: takes money, once for each order, and remembers it.
#include "Payment.h"
#include "ledger.h"

#include <kipp/kipp.h>
#include <stdio.h>
#include <unistd.h>

struct payment {
	struct kp_app *app;
	struct ledger ledger;
};

static int fail(struct kp_call *call, struct payment *payment)
{
	kp_app_log(payment->app, KP_LOG_ERROR, "ledger: %s", ledger_why(&payment->ledger));
	kp_call_fail(call, KP_RET_UNKNOWN, "the ledger cannot be used now");
	return 0;
}

static int pay(struct kp_call *call, const struct Book_Payment *ask, struct Book_Receipt *receipt)
{
	struct payment *payment = kp_call_user(call);
	if (ask->order.len == 0 || ask->cents <= 0)
		return 1;

	struct ledger_entry entry = {ask->order, ask->user, ask->cents};
	bool is_new;
	if (!ledger_add(&payment->ledger, &entry, &is_new) ||
	    !ledger_find(&payment->ledger, ask->order, kp_call_arena(call), &entry))
		return fail(call, payment);

	receipt->order = entry.order;
	receipt->user = entry.user;
	receipt->cents = entry.cents;
	receipt->isRepeat = !is_new;
	receipt->instance = kp_call_format(call, "%s/%d", kp_app_name(payment->app), getpid());
	return 0;
}

static int total(struct kp_call *call, int64_t *orders, int64_t *cents)
{
	struct payment *payment = kp_call_user(call);
	return ledger_sum(&payment->ledger, orders, cents) ? 0 : fail(call, payment);
}

static bool open_ledger(struct payment *payment)
{
	// Where it is, is said in kipp.conf, as seen from where the server keeps its data.
	struct kp_str name = kp_app_config(payment->app, "/tars/application/server<ledger>");
	char path[4096];
	snprintf(path, sizeof(path), "%s%.*s", kp_app_data_path(payment->app),
	         KP_STR_ARG(name.len > 0 ? name : kp_str("ledger.db")));
	if (ledger_open(&payment->ledger, path))
		return true;
	kp_app_log(payment->app, KP_LOG_ERROR, "%s: %s", path, ledger_why(&payment->ledger));
	return false;
}

int main(int argc, char **argv)
{
	struct payment payment = {0};
	if (kp_app_open(argc, argv, &payment.app) != KP_OK || !open_ledger(&payment))
		return 1;
	Book_Pay_serve(payment.app, "PayObj", &(struct Book_Pay_ops){.pay = pay, .total = total},
	               &payment);
	int code = kp_app_run(payment.app);
	ledger_close(&payment.ledger);
	return code;
}

// server.c - Book.StoreServer: the shop's front. It knows nothing itself and asks those who do.
#include "Classification.h"
#include "Payment.h"
#include "Store.h"
#include "Subscribe.h"
#include "User.h"

#include <kipp/kipp.h>
#include <unistd.h>

struct store {
	struct kp_app *app;
	struct Book_Classification *classification;
	struct Book_Pay *pay;
	struct Book_Subscribe *subscribe;
	struct Shared_User *user;
};

// fail says to the caller that somebody we need did not answer.
static int fail(struct kp_call *call, const char *who, kp_err err)
{
	kp_call_fail(call, KP_RET_UNKNOWN, "%s: %s", who, kp_err_text(err));
	return 0;
}

static int browse(struct kp_call *call, struct kp_str category, struct Book_Title_list *titles)
{
	struct store *store = kp_call_user(call);
	int ret;
	kp_err err = Book_Classification_list(store->classification, call, category, titles, &ret);
	if (err != KP_OK)
		return fail(call, "Book.ClassificationServer", err);
	return ret == 0 ? 0 : Book_Refusal_NoSuchCategory;
}

static int buy(struct kp_call *call, const struct Book_Order *order, struct Book_Bought *bought)
{
	struct store *store = kp_call_user(call);
	int ret;

	struct Book_Title title;
	kp_err err =
	        Book_Classification_find(store->classification, call, order->title, &title, &ret);
	if (err != KP_OK)
		return fail(call, "Book.ClassificationServer", err);
	if (ret != 0)
		return Book_Refusal_NoSuchTitle;

	struct Shared_Person person;
	err = Shared_User_find(store->user, call, order->user, &person, &ret);
	if (err != KP_OK)
		return fail(call, "Shared.UserServer", err);
	if (ret != 0)
		return Book_Refusal_NoSuchUser;

	struct Book_Payment payment = {.order = order->id, .user = person.id, .cents = title.cents};
	struct Book_Receipt receipt;
	err = Book_Pay_pay(store->pay, call, &payment, &receipt, &ret);
	if (err != KP_OK)
		return fail(call, "Book.PaymentServer", err);
	if (ret != 0)
		return Book_Refusal_NotPaid;

	// Whoever wants to hear of sales is told, but the buyer does not wait for that.
	struct Book_Sale sale = {.title = title.name, .user = person.name, .cents = title.cents};
	if (!receipt.isRepeat)
		Book_Subscribe_sold_oneway(store->subscribe, &sale);

	bought->title = title.name;
	bought->user = person.name;
	bought->cents = receipt.cents;
	bought->soldBy = kp_call_format(call, "%s/%d", kp_app_name(store->app), getpid());
	bought->paidAt = receipt.instance;
	return 0;
}

int main(int argc, char **argv)
{
	struct store store;
	if (kp_app_open(argc, argv, &store.app) != KP_OK)
		return 1;

	struct kp_client *client = kp_app_client(store.app);
	store.classification =
	        Book_Classification_proxy(client, "Book.ClassificationServer.ClassificationObj");
	store.pay = Book_Pay_proxy(client, "Book.PaymentServer.PayObj");
	store.subscribe = Book_Subscribe_proxy(client, "Book.SubscribeServer.SubscribeObj");
	store.user = Shared_User_proxy(client, "Shared.UserServer.UserObj");

	Book_Store_serve(store.app, "StoreObj",
	                 &(struct Book_Store_ops){.browse = browse, .buy = buy}, &store);
	return kp_app_run(store.app);
}

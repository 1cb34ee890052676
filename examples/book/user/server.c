// server.c - Shared.UserServer: who is who, for every application that wants to know.
#include "User.h"

#include <kipp/kipp.h>

static const struct Shared_Person people[] = {
        {.id = KP_STR("ada"), .name = KP_STR("Ada"), .city = KP_STR("London")},
        {.id = KP_STR("bob"), .name = KP_STR("Bob"), .city = KP_STR("Lagos")},
        {.id = KP_STR("chen"), .name = KP_STR("Chen"), .city = KP_STR("Shenzhen")},
        {.id = KP_STR("dora"), .name = KP_STR("Dora"), .city = KP_STR("Lima")},
};

static int find(struct kp_call *call, struct kp_str id, struct Shared_Person *person)
{
	for (size_t i = 0; i < sizeof(people) / sizeof(people[0]); i++) {
		if (kp_str_equal(people[i].id, id)) {
			*person = people[i];
			return 0;
		}
	}
	return 1;
}

int main(int argc, char **argv)
{
	struct kp_app *app;
	if (kp_app_open(argc, argv, &app) != KP_OK)
		return 1;
	Shared_User_serve(app, "UserObj", &(struct Shared_User_ops){.find = find}, NULL);
	return kp_app_run(app);
}

// soak_server.c - answers with checksums; for the system tests.
#include "Soak.h"
#include "soak.h"

#include "base/mem.h"
#include "os/proc.h"

#include <stdio.h>
#include <time.h>

enum {
	SIZE_MAX_BYTES = 4 << 20
};

static int64_t note_count;

static int32_t on_digest(struct kp_call *call, int64_t number, struct kp_bytes question,
                         int32_t size, int32_t pause_ms, struct Soak_Seal *seal,
                         struct kp_bytes *answer)
{
	seal->number = number;
	seal->sum = soak_sum(question);
	if (size < 0 || size > SIZE_MAX_BYTES)
		return 1;
	uint8_t *bytes = kp_call_alloc(call, (size_t)size + 1);
	if (!bytes)
		return 2;
	for (int32_t i = 0; i < size; i++)
		bytes[i] = soak_byte(seal->sum, (size_t)i);
	*answer = (struct kp_bytes){bytes, (size_t)size};
	if (pause_ms > 0)
		(void)kp_call_sleep(call, pause_ms);
	return 0;
}

static void on_note(struct kp_call *call, int64_t number)
{
	__atomic_fetch_add(&note_count, 1, __ATOMIC_RELAXED);
}

static int32_t on_refuse(struct kp_call *call, int32_t code)
{
	return code;
}

static int32_t on_fail(struct kp_call *call, int32_t code, struct kp_str text)
{
	kp_call_fail(call, code, "%.*s", KP_STR_ARG(text));
	return 0;
}

static int64_t on_notes(struct kp_call *call)
{
	return __atomic_load_n(&note_count, __ATOMIC_RELAXED);
}

static void on_hold(struct kp_call *call, int32_t ms)
{
	nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

static int64_t on_pid(struct kp_call *call)
{
	return kp_proc_self();
}

static const struct Soak_Work_ops ops = {
        .digest = on_digest,
        .note = on_note,
        .refuse = on_refuse,
        .fail = on_fail,
        .notes = on_notes,
        .hold = on_hold,
        .pid = on_pid,
};

int main(int argc, char **argv)
{
	struct kp_app *app;
	if (kp_app_open(argc, argv, &app) != KP_OK)
		return 1;
	Soak_Work_serve(app, "WorkObj", &ops, NULL);
	int code = kp_app_run(app);
	printf("%lld allocations live\n", (long long)kp_mem_live());
	return code;
}

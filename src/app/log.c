// log.c - a service's log lines, on stderr, where the agent keeps them.
#include "app/app_internal.h"

#include "os/clock.h"

#include <stdio.h>
#include <time.h>

enum {
	LOG_NONE = KP_LOG_ERROR + 1, // nothing is that important
};

static const char *const names[] = {"DEBUG", "INFO", "WARN", "ERROR", "NONE"};

const char *app_log_level_name(int level)
{
	return names[level];
}

bool app_log_level_parse(struct kp_str text, int *ret)
{
	for (int level = KP_LOG_DEBUG; level <= LOG_NONE; level++) {
		if (!kp_str_equal(text, kp_str(names[level])))
			continue;
		*ret = level;
		return true;
	}
	return false;
}

void kp_app_log(struct kp_app *app, enum kp_log_level level, const char *format, ...)
{
	if ((int)level < __atomic_load_n(&app->log_level, __ATOMIC_RELAXED))
		return;
	int64_t now_ms = kp_clock_wall_ms();
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm local;
	char when[32], text[2048];
	localtime_r(&seconds, &local);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &local);
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	// One write, so that lines of several threads do not mix.
	fprintf(stderr, "%s.%03d %-5s %s\n", when, (int)(now_ms % 1000), names[level], text);
}

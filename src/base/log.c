/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A line is put together on the stack and written by one call, so that lines of
 * several threads do not mix, and that a lack of memory can be logged too. A
 * line that cannot be written is lost.
 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

#define LINE_MAX_BYTES 1024
#define WINDOW_MS 5000
#define WINDOW_LINES 10

/* Each level's name, and its priority for sd-daemon(3). */
static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", 3 },
	[LOG_LEVEL_WARN] = { "warn", 4 },
	[LOG_LEVEL_INFO] = { "info", 6 },
	[LOG_LEVEL_DEBUG] = { "debug", 7 },
};
static_assert(ARRAY_SIZE(levels) == LOG_LEVELS, "a row for each level");

/* Written before the first thread, read ever after. */
static enum log_level max_level = LOG_LEVEL_INFO;
static bool to_journal;

void log_set_level(enum log_level level)
{
	max_level = level;
}

bool log_on(enum log_level level)
{
	return level <= max_level;
}

void log_to_journal_if_asked(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (!stream || sscanf(stream, "%llu:%llu", &dev, &ino) != 2)
		return;
	if (fstat(STDERR_FILENO, &st) < 0)
		return;
	to_journal = st.st_dev == dev && st.st_ino == ino;
}

void log_line(enum log_level level, const char *prefix, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	size_t room = sizeof(line) - 1;
	struct pollfd err = { .fd = STDERR_FILENO, .events = POLLOUT };
	size_t n = 0;
	va_list args;
	int saved = errno;
	ssize_t written;

	if (!log_on(level))
		return;
	if (to_journal)
		n = (size_t)snprintf(line, room, "<%d>",
				     levels[level].priority);
	else
		n = (size_t)snprintf(line, room, "uring-vsock: ");
	if (prefix)
		n += (size_t)snprintf(line + n, room - n, "%.100s: ", prefix);
	va_start(args, fmt);
	n += (size_t)vsnprintf(line + n, room - n, fmt, args);
	va_end(args);
	if (n > room - 1)
		n = room - 1;
	line[n++] = '\n';
	/* A full pipe that nobody reads must not make a worker wait. */
	if (poll(&err, 1, 0) != 0) {
		written = write(STDERR_FILENO, line, n);
		(void)written;
	}
	errno = saved;
}

int log_level_parse(const char *text, enum log_level *out)
{
	unsigned i;

	for (i = 0; i < LOG_LEVELS; i++) {
		if (strcmp(text, levels[i].name) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *log_level_name(enum log_level level)
{
	return levels[level].name;
}

bool log_allow(struct log_limit *limit, uint64_t now_ms)
{
	unsigned dropped;

	if (!limit->since_ms || now_ms - limit->since_ms >= WINDOW_MS) {
		dropped = limit->dropped;
		*limit = (struct log_limit){ .since_ms = now_ms };
		if (dropped)
			log_line(
				LOG_LEVEL_WARN, NULL,
				"%u more lines like the next one were left out",
				dropped);
	}
	if (limit->lines == WINDOW_LINES) {
		limit->dropped++;
		return false;
	}
	limit->lines++;
	return true;
}

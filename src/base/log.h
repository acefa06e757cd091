/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Lines on stderr, one write(2) each. Levels: ERROR the daemon or a VM cannot
 * go on; WARN somebody broke a rule or a resource ran out; INFO start, stop,
 * VM connected, VM gone, refusals; DEBUG each state change.
 */
#ifndef URING_VSOCK_BASE_LOG_H
#define URING_VSOCK_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVELS
};

/* Lines above LEVEL are dropped; it is INFO before the first call. To be called
 * before there are threads. */
void log_set_level(enum log_level level);

/* Whether a line of this level would be written. */
bool log_on(enum log_level level);

/*
 * Under systemd (JOURNAL_STREAM names stderr, systemd.exec(5)) each line gets
 * its `<N>` priority instead of the program's name. To be called before there
 * are threads.
 */
void log_to_journal_if_asked(void);

/* "uring-vsock: PREFIX: text\n"; PREFIX may be NULL. Cut at 1 KiB. Leaves errno
 * as it is, so that a caller may log an error and return it. */
void log_line(enum log_level level, const char *prefix, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* 0, or -EINVAL for what is not error, warn, info or debug. */
int log_level_parse(const char *text, enum log_level *out);
const char *log_level_name(enum log_level level);

/* All zero at first. */
struct log_limit {
	uint64_t since_ms;
	unsigned lines;
	unsigned dropped;
};

/*
 * Limits log lines that somebody outside can cause: counts one, and returns
 * true for at most 10 of them in 5 s. The first line that is allowed after some
 * were dropped is preceded by a line with their number.
 */
bool log_allow(struct log_limit *limit, uint64_t now_ms);

#endif

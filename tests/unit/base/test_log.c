/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Log lines, as they arrive at the other end of stderr: a pipe in packet mode,
 * in which each write(2) is read by itself.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd.h"
#include "base/log.h"
#include "suite.h"

static int saved_stderr = -1;
static int reading = -1;

static void setup(void)
{
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_DIRECT | O_NONBLOCK | O_CLOEXEC), 0);
	reading = ends[0];
	saved_stderr = dup(STDERR_FILENO);
	ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
	close(ends[1]);
	unsetenv("JOURNAL_STREAM");
	log_to_journal_if_asked();
	log_set_level(LOG_LEVEL_INFO);
}

static void teardown(void)
{
	dup2(saved_stderr, STDERR_FILENO);
	fd_close(&saved_stderr);
	fd_close(&reading);
}

/* The next write, as a string; "" if there was none. */
static const char *next_write(void)
{
	static char line[4096];
	ssize_t n = read(reading, line, sizeof(line) - 1);

	line[n > 0 ? n : 0] = '\0';
	return line;
}

static const struct {
	const char *name;
	unsigned written; /* lines of levels error to debug that come through */
} level_rows[] = {
	{ "error", 1 },
	{ "warn", 2 },
	{ "info", 3 },
	{ "debug", 4 },
};

START_TEST(test_levels)
{
	enum log_level level;
	unsigned i;

	ck_assert_int_eq(log_level_parse(level_rows[_i].name, &level), 0);
	ck_assert_str_eq(log_level_name(level), level_rows[_i].name);
	log_set_level(level);
	for (i = 0; i < LOG_LEVELS; i++) {
		ck_assert_int_eq(log_on((enum log_level)i),
				 i < level_rows[_i].written);
		log_line((enum log_level)i, NULL, "line %u", i);
	}
	for (i = 0; i < level_rows[_i].written; i++)
		ck_assert_int_eq(next_write()[sizeof("uring-vsock: line ") - 1],
				 '0' + (int)i);
	ck_assert_str_eq(next_write(), "");
}
END_TEST

START_TEST(test_no_other_levels)
{
	static const char *const wrong[] = { "", "inf", "INFO", "infos", "3" };
	enum log_level level = LOG_LEVEL_WARN;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		ck_assert_int_eq(log_level_parse(wrong[i], &level), -EINVAL);
	ck_assert_int_eq(level, LOG_LEVEL_WARN);
}
END_TEST

START_TEST(test_one_write_a_line)
{
	log_line(LOG_LEVEL_INFO, "vm3[3]", "%s of %d", "one", 2);
	log_line(LOG_LEVEL_ERROR, NULL, "two");
	ck_assert_str_eq(next_write(), "uring-vsock: vm3[3]: one of 2\n");
	ck_assert_str_eq(next_write(), "uring-vsock: two\n");
	ck_assert_str_eq(next_write(), "");
}
END_TEST

/* So a caller may log an error and then return it. */
START_TEST(test_errno_survives_a_line_that_is_lost)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(dup2(full, STDERR_FILENO), 0);
	close(full);
	errno = EPERM;
	log_line(LOG_LEVEL_ERROR, NULL, "this meets ENOSPC");
	ck_assert_int_eq(errno, EPERM);
}
END_TEST

START_TEST(test_long_lines_are_cut)
{
	char text[3000];
	const char *line;
	size_t len;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_line(LOG_LEVEL_INFO, text, "%s", text);
	line = next_write();
	len = strlen(line);
	ck_assert_uint_gt(len, 900);
	ck_assert_uint_le(len, 1024);
	ck_assert_int_eq(line[len - 1], '\n');
	ck_assert_ptr_eq(strchr(line, '\n'), line + len - 1);
	ck_assert_str_eq(next_write(), "");
}
END_TEST

static const struct {
	int shift; /* of the inode that JOURNAL_STREAM names */
	enum log_level level;
	const char *line;
} journal_rows[] = {
	{ 0, LOG_LEVEL_ERROR, "<3>vm: text\n" },
	{ 0, LOG_LEVEL_WARN, "<4>vm: text\n" },
	{ 0, LOG_LEVEL_INFO, "<6>vm: text\n" },
	{ 0, LOG_LEVEL_DEBUG, "<7>vm: text\n" },
	{ 1, LOG_LEVEL_INFO, "uring-vsock: vm: text\n" },
};

START_TEST(test_priorities_for_the_journal)
{
	struct stat st;
	char stream[64];

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu",
		 (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino +
			 (unsigned long long)journal_rows[_i].shift);
	setenv("JOURNAL_STREAM", stream, 1);
	log_to_journal_if_asked();
	log_set_level(LOG_LEVEL_DEBUG);
	log_line(journal_rows[_i].level, "vm", "text");
	ck_assert_str_eq(next_write(), journal_rows[_i].line);
}
END_TEST

START_TEST(test_garbage_for_the_journal)
{
	setenv("JOURNAL_STREAM", "8:", 1);
	log_to_journal_if_asked();
	log_line(LOG_LEVEL_INFO, NULL, "text");
	ck_assert_str_eq(next_write(), "uring-vsock: text\n");
}
END_TEST

START_TEST(test_ten_lines_in_five_seconds)
{
	struct log_limit limit = { .since_ms = 0 };
	unsigned allowed = 0;
	unsigned i;

	for (i = 0; i < 25; i++)
		allowed += log_allow(&limit, 1000 + i);
	ck_assert_uint_eq(allowed, 10);
	ck_assert(!log_allow(&limit, 5999));
	ck_assert_str_eq(next_write(), "");
	ck_assert(log_allow(&limit, 6000));
	ck_assert_ptr_nonnull(strstr(next_write(), " 16 more lines"));
	for (i = 0; i < 9; i++)
		ck_assert(log_allow(&limit, 6001));
	ck_assert(!log_allow(&limit, 6001));
	ck_assert_str_eq(next_write(), "");
}
END_TEST

START_TEST(test_limits_are_independent)
{
	struct log_limit a = { .since_ms = 0 };
	struct log_limit b = { .since_ms = 0 };

	while (log_allow(&a, 1))
		;
	ck_assert(log_allow(&b, 1));
	ck_assert(!log_allow(&a, 1));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tcase = tcase_create("log");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, test_levels, 0, ARRAY_SIZE(level_rows));
	tcase_add_test(tcase, test_no_other_levels);
	tcase_add_test(tcase, test_one_write_a_line);
	tcase_add_test(tcase, test_errno_survives_a_line_that_is_lost);
	tcase_add_test(tcase, test_long_lines_are_cut);
	tcase_add_loop_test(tcase, test_priorities_for_the_journal, 0,
			    ARRAY_SIZE(journal_rows));
	tcase_add_test(tcase, test_garbage_for_the_journal);
	tcase_add_test(tcase, test_ten_lines_in_five_seconds);
	tcase_add_test(tcase, test_limits_are_independent);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}

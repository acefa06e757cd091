/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What is remarked on in settings that are right, as --check-config prints it;
 * what the log says at the start is in test_cli.sh.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "config/ini.h"
#include "suite.h"
#include "unit/config/config_fixture.h"

#define X10 "xxxxxxxxxx"
#define X90 X10 X10 X10 X10 X10 X10 X10 X10 X10

/* What is remarked on a VM that has these lines, too; to be freed. */
static char *remarks_on(const char *lines)
{
	char file[512];
	char *outcome, *begin, *end;

	snprintf(file, sizeof(file), "[vm a]\nsocket = s\n%s\n", lines);
	outcome = config_outcome(config_ini_read, file, strlen(file));
	begin = strstr(outcome, "[vm a]\n");
	ck_assert_msg(begin, "%s", outcome);
	begin += strlen("[vm a]\n");
	end = strstr(begin, "guest-cid = 3\n");
	ck_assert_msg(end, "%s", outcome);
	memmove(outcome, begin, (size_t)(end - begin));
	outcome[end - begin] = '\0';
	return outcome;
}

static void expect(const char *lines, const char *remark)
{
	char *remarks = remarks_on(lines);

	ck_assert_str_eq(remarks, remark);
	free(remarks);
}

static const struct {
	size_t len;	  /* of uds-path */
	const char *rest; /* of the remark, NULL: there is none */
} lengths[] = {
	{ 96, NULL },
	{ 97, "no port of 10 digits or more by it\n" },
	{ 102, "no port of 5 digits or more by it\n" },
	{ 105, "no port of 2 digits or more by it\n" },
	{ 106, "no port by it; choose a shorter uds-path\n" },
	{ 107, "no port by it; choose a shorter uds-path\n" },
};

START_TEST(a_long_name_costs_ports)
{
	char line[160];
	char remark[512] = "";

	sprintf(line, "uds-path = dir/%.*s", (int)lengths[_i].len - 4,
		X90 X10 X10);
	if (lengths[_i].rest)
		snprintf(remark, sizeof(remark),
			 "; %s: too long for a name with _PORT behind it: the "
			 "guest reaches %s",
			 line + strlen("uds-path = "), lengths[_i].rest);
	expect(line, remark);
}
END_TEST

static const struct {
	const char *size;
	const char *remark;
} sizes[] = {
	{ "4096", "" },
	{ "16M", "" },
	{ "1024", "; tx-buffer-size: 1024 is not between 4096 and 16777216; "
		  "4096 is used instead\n" },
	{ "0", "; tx-buffer-size: 0 is not between 4096 and 16777216; 4096 is "
	       "used instead\n" },
	{ "67108864", "; tx-buffer-size: 67108864 is not between 4096 and "
		      "16777216; 16777216 is used instead\n" },
};

START_TEST(a_size_that_was_fitted_in_is_told)
{
	char lines[64];

	snprintf(lines, sizeof(lines), "uds-path = u\ntx-buffer-size = %s",
		 sizes[_i].size);
	expect(lines, sizes[_i].remark);
}
END_TEST

#define MAY " may change "
#define ADVICE                                                                \
	", and so decide what the guest reaches at _PORT; use one that only " \
	"the daemon's user can write to, of mode 0750 or less\n"

static const struct {
	mode_t above; /* of the working directory */
	mode_t mode;  /* of dir */
	uid_t uid;
	gid_t gid;
	const char *remark; /* NULL: none */
} directories[] = {
	{ 0700, 0755, 0, 0, NULL },
	{ 0700, 0750, 0, 54321, NULL },
	{ 0700, 0770, 0, 0, NULL },
	{ 0700, 0757, 0, 0, "everybody" MAY "its directory" ADVICE },
	/* new names can be made there all the same */
	{ 0700, 01777, 0, 0, "everybody" MAY "its directory" ADVICE },
	{ 0700, 01770, 0, 54321, "group 54321" MAY "its directory" ADVICE },
	{ 0700, 0770, 0, 54321, "group 54321" MAY "its directory" ADVICE },
	{ 0700, 0700, 12345, 0,
	  "its owner, user 12345" MAY "its directory" ADVICE },
	{ 0777, 0755, 0, 0, "everybody" MAY "a directory above it" ADVICE },
	{ 01777, 0755, 0, 0, NULL },
};

START_TEST(a_directory_that_others_may_change_is_told)
{
	char remark[512] = "";

	ck_assert_int_eq(chmod(".", directories[_i].above), 0);
	if (directories[_i].uid || directories[_i].gid) {
		if (geteuid() != 0)
			return; /* only root can give it away */
		ck_assert_int_eq(chown("dir", directories[_i].uid,
				       directories[_i].gid),
				 0);
	}
	ck_assert_int_eq(chmod("dir", directories[_i].mode), 0);
	if (directories[_i].remark)
		snprintf(remark, sizeof(remark), "; dir/u: %s",
			 directories[_i].remark);
	if (directories[_i].mode == 0770 && geteuid() != 0)
		return; /* our group may be a private one */
	expect("uds-path = dir/u", remark);
}
END_TEST

/* What leads there does not matter, but where it is. */
START_TEST(a_link_to_a_directory_is_followed)
{
	ck_assert_int_eq(symlink("dir", "link"), 0);
	ck_assert_int_eq(chmod("dir", 0777), 0);
	expect("uds-path = link/u",
	       "; link/u: everybody" MAY "its directory" ADVICE);
	ck_assert_int_eq(chmod("dir", 0700), 0);
	expect("uds-path = link/u", "");
	expect("forward-cid = 1", "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_remarks");
	TCase *tcase = tcase_create("config_remarks");

	tcase_add_checked_fixture(tcase, config_setup, config_teardown);
	tcase_add_loop_test(tcase, a_long_name_costs_ports, 0,
			    ARRAY_SIZE(lengths));
	tcase_add_loop_test(tcase, a_size_that_was_fitted_in_is_told, 0,
			    ARRAY_SIZE(sizes));
	tcase_add_loop_test(tcase, a_directory_that_others_may_change_is_told,
			    0, ARRAY_SIZE(directories));
	tcase_add_test(tcase, a_link_to_a_directory_is_followed);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}

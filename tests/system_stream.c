/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "system.h"

START_TEST(guest_connects_and_bytes_arrive_both_ways)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_from_guest(&s, &p);
	pair_both_ways(&s, &p, MIB);
	pair_close(&s, &p);
	scene_close(&s);
}
END_TEST

START_TEST(linux_6_1_talks_both_ways)
{
	struct guest_config config = guest_linux_6_1(DAEMON_CID);
	struct scene s;
	struct pair p;

	scene_open_with(&s, _i, &config);
	pair_from_guest(&s, &p);
	pair_both_ways(&s, &p, 64 * MIB);
	pair_close(&s, &p);
	pair_from_host(&s, &p);
	pair_to_guest(&s, &p, MIB);
	pair_to_host(&s, &p, MIB);
	pair_close(&s, &p);
	scene_close(&s);
}
END_TEST

START_TEST(host_connects_and_bytes_arrive_both_ways)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_from_host(&s, &p);
	pair_both_ways(&s, &p, MIB);
	pair_close(&s, &p);
	scene_close(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("system_stream");
	TCase *tc = tcase_create("bytes");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, guest_connects_and_bytes_arrive_both_ways, 0,
			    engines());
	tcase_add_loop_test(tc, linux_6_1_talks_both_ways, 0, engines());
	tcase_add_loop_test(tc, host_connects_and_bytes_arrive_both_ways, 0,
			    engines());
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}

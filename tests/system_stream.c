/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "system.h"

START_TEST(guest_connects_and_bytes_arrive_both_ways)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_from_guest(&s, &p);
	pair_both_ways(&p, MIB);
	pair_close(&p);
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
	pair_both_ways(&p, 64 * MIB);
	pair_close(&p);
	pair_from_host(&s, &p);
	pair_to_guest(&p, MIB);
	pair_to_host(&p, MIB);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

START_TEST(host_connects_and_bytes_arrive_both_ways)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_from_host(&s, &p);
	pair_both_ways(&p, MIB);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		guest_connects_and_bytes_arrive_both_ways,
		linux_6_1_talks_both_ways,
		host_connects_and_bytes_arrive_both_ways,
	};

	return run_tests("system_stream", tests, ARRAY_SIZE(tests));
}

/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* How many descriptors each VM may have, with one thread and with several. */
#include <check.h>
#include <pthread.h>
#include <sys/resource.h>

#include "base/check.h"
#include "base/fd.h"
#include "suite.h"
#include "turn/descriptors.h"

#define VMS_MAX 200u
#define SESSION 32u
#define THREADS 4u

static struct descriptors d;
static unsigned held[VMS_MAX];

static unsigned share_out(unsigned limit, unsigned nvms, unsigned nworkers)
{
	struct rlimit now;

	ck_assert(!getrlimit(RLIMIT_NOFILE, &now));
	now.rlim_cur = limit;
	ck_assert_msg(!setrlimit(RLIMIT_NOFILE, &now), "limit %u", limit);
	return descriptors_share_out(&d, nvms, nworkers, SESSION);
}

/* Takes descriptors for VM until there are no more. Returns their number. */
static unsigned take_all(unsigned vm)
{
	while (descriptors_take(&d, &held[vm]))
		continue;
	return held[vm];
}

static void give_all(unsigned vm)
{
	while (held[vm])
		descriptors_give(&d, &held[vm]);
}

/* Whatever the VMs take, the descriptors that were set aside are left. */
START_TEST(what_is_set_aside_stays)
{
	static const struct {
		unsigned limit, nvms, nworkers;
	} rows[] = {
		{ 64, 1, 1 },	   { 64, 4, 2 },    { 300, 2, 1 },
		{ 300, 2, 2 },	   { 1024, 2, 1 },  { 1024, 10, 4 },
		{ 4000, 100, 16 }, { 4096, 1, 1 },  { 4096, 2, 2 },
		{ 4096, 200, 2 },  { 4096, 3, 64 },
	};
	unsigned limit = rows[_i].limit, nvms = rows[_i].nvms;
	unsigned open = fd_count_open(), sum = 0;
	unsigned aside = open + nvms * SESSION;

	share_out(limit, nvms, rows[_i].nworkers);
	for (unsigned vm = 0; vm < nvms; vm++)
		sum += take_all(vm);
	sum += nvms * descriptors_surplus(&d);
	ck_assert_uint_le(sum, limit > aside ? limit - aside : 0);
}
END_TEST

START_TEST(a_single_vm_may_have_all)
{
	unsigned share = share_out(1000, 1, 1);

	ck_assert_uint_gt(share, 800);
	ck_assert_uint_eq(take_all(0), share);
	descriptors_give(&d, &held[0]);
	ck_assert_uint_eq(take_all(0), share);
}
END_TEST

/* A VM gets its share even after others have taken all that they can. */
START_TEST(each_vm_has_its_share_at_any_time)
{
	unsigned share = share_out(4096, 10, 2), last = d.common + share + 1;

	ck_assert_uint_gt(share, 100);
	for (unsigned vm = 0; vm < 10; vm++) {
		ck_assert_uint_ge(take_all(vm), share);
		ck_assert_uint_le(held[vm], last);
		last = held[vm];
	}
	ck_assert_uint_ge(held[0], share + d.common / 2);
	for (unsigned vm = 0; vm < 10; vm++)
		give_all(vm);
	ck_assert_uint_eq(d.borrowed, 0);
}
END_TEST

/* Two VMs that take by turns all that they can get the same number. */
START_TEST(greedy_vms_share_what_is_common)
{
	share_out(4096, 2, 1);
	for (unsigned i = 0; i < 8192; i++)
		descriptors_take(&d, &held[i % 2]);
	ck_assert_uint_le(held[0] - held[1], 1);
	ck_assert_uint_ge(held[0], d.share + d.common / 3);
}
END_TEST

/* What one VM gives back, another can have at once. */
START_TEST(what_is_given_back_is_anybodys)
{
	unsigned before;

	share_out(1000, 2, 1);
	take_all(0);
	before = take_all(1);
	give_all(0);
	ck_assert_uint_gt(take_all(1), before);
	ck_assert_uint_eq(d.borrowed, held[1] - d.share);
}
END_TEST

/* A descriptor that is taken while others are lent is borrowed, until those go
 * back. */
START_TEST(many_are_lent_within_the_share)
{
	unsigned share = share_out(300, 2, 1);

	held[0] = 1;
	ck_assert_uint_gt(d.common, 4);
	ck_assert(!descriptors_lend(&d, &held[0], share));
	ck_assert_uint_eq(held[0], 1);
	ck_assert(descriptors_lend(&d, &held[0], share - 1));
	ck_assert_uint_eq(d.borrowed, 0);
	ck_assert(descriptors_take(&d, &held[0]));
	ck_assert(descriptors_take(&d, &held[0]));
	ck_assert_uint_eq(d.borrowed, 2);
	ck_assert(!descriptors_lend(&d, &held[0], 1));
	descriptors_return(&d, &held[0], share - 1);
	ck_assert_uint_eq(held[0], 3);
	ck_assert_uint_eq(d.borrowed, 0);
	ck_assert(descriptors_lend(NULL, &held[0], 1000));
	descriptors_return(NULL, &held[0], 1000);
	ck_assert_uint_eq(held[0], 3);
}
END_TEST

START_TEST(few_are_for_those_that_wait)
{
	share_out(300, 2, 1);
	ck_assert_uint_lt(descriptors_for_waiting(&d, 1024), d.share);
	d.share = 10000;
	ck_assert_uint_eq(descriptors_for_waiting(&d, 1024), 1024);
	ck_assert_uint_eq(descriptors_for_waiting(NULL, 1024), 1024);
}
END_TEST

static void *take_and_give(void *argument)
{
	unsigned *mine = argument;

	for (unsigned i = 0; i < 40960; i++) {
		if (i % 1000 < 500)
			descriptors_take(&d, mine);
		else if (*mine)
			descriptors_give(&d, mine);
		if (atomic_load(&d.borrowed) > d.common)
			return argument;
	}
	while (*mine)
		descriptors_give(&d, mine);
	return NULL;
}

START_TEST(threads_never_take_more_than_there_is)
{
	pthread_t threads[THREADS];
	void *failed;

	share_out(400, THREADS, THREADS);
	for (unsigned i = 0; i < THREADS; i++)
		ck_assert(!pthread_create(&threads[i], NULL, take_and_give,
					  &held[i]));
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &failed);
		ck_assert_ptr_null(failed);
	}
	ck_assert_uint_eq(d.borrowed, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("descriptors");
	TCase *tcase = tcase_create("descriptors");

	tcase_add_loop_test(tcase, what_is_set_aside_stays, 0, 11);
	tcase_add_test(tcase, a_single_vm_may_have_all);
	tcase_add_test(tcase, each_vm_has_its_share_at_any_time);
	tcase_add_test(tcase, greedy_vms_share_what_is_common);
	tcase_add_test(tcase, what_is_given_back_is_anybodys);
	tcase_add_test(tcase, many_are_lent_within_the_share);
	tcase_add_test(tcase, few_are_for_those_that_wait);
	tcase_add_test(tcase, threads_never_take_more_than_there_is);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}

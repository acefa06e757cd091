/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Several workers: hypervisors are spread over them as they come, and nobody
 * who connects to a VM's sockets is lost when the VM changes hands.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "system/system.h"

#define THREADS_MAX 8
#define VMS 6

/* Nanoseconds that each of the daemon's threads has run. */
struct times {
	unsigned count;
	long tid[THREADS_MAX];
	unsigned long long ran[THREADS_MAX];
};

static unsigned long long ran_of(pid_t pid, long tid)
{
	unsigned long long ran = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%ld/schedstat", pid, tid);
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%llu", &ran), 1);
	fclose(file);
	return ran;
}

static struct times times_of(pid_t pid)
{
	struct times t = { .count = 0 };
	struct dirent *entry;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL && t.count < THREADS_MAX) {
		long tid = atol(entry->d_name);

		if (tid <= 0)
			continue;
		t.tid[t.count] = tid;
		t.ran[t.count++] = ran_of(pid, tid);
	}
	closedir(dir);
	return t;
}

/* How many threads have run for more than a millisecond since BEFORE. */
static unsigned busy_since(pid_t pid, const struct times *before)
{
	unsigned busy = 0;

	for (unsigned i = 0; i < before->count; i++)
		busy += ran_of(pid, before->tid[i]) > before->ran[i] + 1000000;
	return busy;
}

struct machines {
	struct scene s;
	struct guest guests[VMS];
};

static void machines_open(struct machines *m, int engine, const char *workers)
{
	const struct daemon_config d = { .vms = VMS, .workers = workers };

	scene_daemon(&m->s, engine, &d);
}

static void boot(struct machines *m, unsigned i)
{
	struct guest_config c = guest_defaults(DAEMON_CID + i);

	guest_boot(&m->guests[i], &c, &m->s.world, m->s.daemon.socket[i]);
}

/* VMs 0, 2 and 4 begin on the same worker, and must be spread. */
START_TEST(hypervisors_are_spread_as_they_come)
{
	static const unsigned order[] = { 0, 2 };
	struct machines m;
	struct pair pairs[2];
	struct times before;

	machines_open(&m, _i, "2");
	for (unsigned i = 0; i < 2; i++) {
		boot(&m, order[i]);
		pair_open_from_guest(&pairs[i], &m.guests[order[i]],
				     m.s.daemon.uds[order[i]]);
	}
	before = times_of(m.s.daemon.pid);
	ck_assert_uint_ge(before.count, 2);
	for (unsigned i = 0; i < 2; i++)
		pair_both_ways(&pairs[i], 64 * MIB);
	ck_assert_uint_ge(busy_since(m.s.daemon.pid, &before), 2);
	for (unsigned i = 0; i < 2; i++) {
		pair_close(&pairs[i]);
		guest_free(&m.guests[order[i]]);
	}
	scene_close(&m.s);
}
END_TEST

/* Probes, host programs that are early, and a crowd of hypervisors. */
START_TEST(a_vm_that_changes_hands_loses_nobody)
{
	struct machines m;

	machines_open(&m, _i, "3");
	boot(&m, 0);
	for (unsigned round = 0; round < 20; round++) {
		struct host_conn early;
		struct vhost probe;

		vhost_dial(&probe, m.s.daemon.socket[3]);
		if (round % 2)
			host_connect(&early, &m.s.world, m.s.daemon.uds[3],
				     1024);
		boot(&m, 3);
		vhost_hang_up(&probe);
		guest_check_works(&m.guests[3], m.s.daemon.uds[3]);
		if (round % 2)
			host_close(&early);
		guest_free(&m.guests[3]);
	}
	guest_check_works(&m.guests[0], m.s.daemon.uds[0]);
	guest_free(&m.guests[0]);
	scene_close(&m.s);
}
END_TEST

START_TEST(more_workers_than_machines)
{
	struct machines m;

	machines_open(&m, _i, "8");
	for (unsigned i = 0; i < VMS; i++)
		boot(&m, i);
	for (unsigned i = 0; i < VMS; i++)
		guest_check_works(&m.guests[i], m.s.daemon.uds[i]);
	for (unsigned i = 0; i < VMS; i++)
		guest_free(&m.guests[i]);
	scene_close(&m.s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		hypervisors_are_spread_as_they_come,
		a_vm_that_changes_hands_loses_nobody,
		more_workers_than_machines,
	};

	return run_tests("system/workers", tests, ARRAY_SIZE(tests));
}

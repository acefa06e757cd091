/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A latency falls into a bucket by its highest bit and the five behind it: 3 %
 * is precise enough, adding costs a few instructions however many there were,
 * and the histograms of several threads are merged by adding them up.
 *
 * Processor time is read from schedstat, in nanoseconds: the ticks of stat are
 * too coarse for half a second.
 */
#include "measure.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define LOG2_STEPS 5u

static unsigned bucket_of(uint64_t ns)
{
	unsigned power, b;

	if (ns < LATENCY_STEPS)
		return (unsigned)ns;
	power = 63u - (unsigned)__builtin_clzll(ns);
	b = (power - LOG2_STEPS + 1) * LATENCY_STEPS +
	    (unsigned)(ns >> (power - LOG2_STEPS)) - LATENCY_STEPS;
	return b < LATENCY_BUCKETS ? b : LATENCY_BUCKETS - 1;
}

/* The middle of bucket B. */
static double value_of(unsigned b)
{
	unsigned shift;

	if (b < LATENCY_STEPS)
		return b;
	shift = b / LATENCY_STEPS - 1;
	return (double)((LATENCY_STEPS + b % LATENCY_STEPS) * 2ull + 1) / 2 *
	       (double)(1ull << shift);
}

void latency_add(struct latency *l, uint64_t ns)
{
	l->buckets[bucket_of(ns)]++;
	l->count++;
}

double latency_at(const struct latency *l, double share)
{
	double left = share * (double)l->count;

	for (unsigned b = 0; b < LATENCY_BUCKETS; b++) {
		left -= l->buckets[b];
		if (left <= 0 && l->count)
			return value_of(b);
	}
	return 0;
}

void latency_merge(struct latency *into, const struct latency *from)
{
	for (unsigned b = 0; b < LATENCY_BUCKETS; b++)
		into->buckets[b] += from->buckets[b];
	into->count += from->count;
}

/* The first number in FILE of each thread, or the one behind KEY, added up. */
static uint64_t sum_over_threads(pid_t pid, const char *file, const char *key)
{
	char path[300], line[256];
	uint64_t sum = 0;
	struct dirent *e;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = pid ? opendir(path) : NULL;
	while (tasks && (e = readdir(tasks)) != NULL) {
		unsigned long long value;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/%s", (int)pid,
			 e->d_name, file);
		f = e->d_name[0] == '.' ? NULL : fopen(path, "r");
		while (f && fgets(line, sizeof(line), f)) {
			if (strncmp(line, key, strlen(key)) != 0 ||
			    sscanf(line + strlen(key), "%llu", &value) != 1)
				continue;
			sum += value;
			break;
		}
		if (f)
			fclose(f);
	}
	if (tasks)
		closedir(tasks);
	return sum;
}

uint64_t process_cpu_ns(pid_t pid)
{
	return sum_over_threads(pid, "schedstat", "");
}

uint64_t process_sleeps(pid_t pid)
{
	return sum_over_threads(pid, "status", "voluntary_ctxt_switches:");
}

uint64_t process_anonymous(pid_t pid)
{
	char path[64], line[256];
	unsigned long long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = pid ? fopen(path, "r") : NULL;
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %llu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib * 1024;
}

static char thread_state(pid_t pid, const char *thread)
{
	char path[300], line[256];
	const char *name_end = NULL;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/stat", (int)pid,
		 thread);
	f = fopen(path, "r");
	if (f && fgets(line, sizeof(line), f))
		name_end = strrchr(line, ')');
	if (f)
		fclose(f);
	return name_end && name_end[1] ? name_end[2] : '\0';
}

bool process_all(pid_t pid, char state)
{
	char path[64];
	bool all = true;
	struct dirent *e;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	if (!tasks)
		return false;
	while ((e = readdir(tasks)) != NULL)
		if (e->d_name[0] != '.')
			all &= thread_state(pid, e->d_name) == state;
	closedir(tasks);
	return all;
}

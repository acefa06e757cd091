/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Processor time is read from schedstat, in nanoseconds: the ticks of stat are
 * too coarse for half a second.
 */
#include "measure.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The first number in FILE of a thread, or the one behind KEY. */
static uint64_t thread_number(pid_t pid, const char *thread, const char *file,
			      const char *key)
{
	char path[300], line[256];
	unsigned long long value = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/%s", (int)pid, thread,
		 file);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0 &&
		    sscanf(line + strlen(key), "%llu", &value) == 1)
			break;
	if (f)
		fclose(f);
	return value;
}

/* Whether the thread's name begins with PREFIX. */
static bool is_named(pid_t pid, const char *thread, const char *prefix)
{
	char path[300], line[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/comm", (int)pid,
		 thread);
	f = fopen(path, "r");
	if (f && !fgets(line, sizeof(line), f))
		line[0] = '\0';
	if (f)
		fclose(f);
	return strncmp(line, prefix, strlen(prefix)) == 0;
}

/* The number of all threads together whose name begins with PREFIX. */
static uint64_t sum_over_threads(pid_t pid, const char *prefix,
				 const char *file, const char *key)
{
	char path[64];
	uint64_t sum = 0;
	struct dirent *e;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = pid ? opendir(path) : NULL;
	while (tasks && (e = readdir(tasks)) != NULL)
		if (e->d_name[0] != '.' && is_named(pid, e->d_name, prefix))
			sum += thread_number(pid, e->d_name, file, key);
	if (tasks)
		closedir(tasks);
	return sum;
}

uint64_t process_cpu_ns(pid_t pid)
{
	return sum_over_threads(pid, "", "schedstat", "");
}

uint64_t vhost_cpu_ns(void)
{
	return sum_over_threads(getpid(), "vhost-", "schedstat", "");
}

uint64_t machine_idle_ns(void)
{
	unsigned long long idle = 0, waiting = 0;
	FILE *f = fopen("/proc/stat", "r");

	if (f && fscanf(f, "cpu %*u %*u %*u %llu %llu", &idle, &waiting) != 2)
		idle = waiting = 0;
	if (f)
		fclose(f);
	return (idle + waiting) *
	       (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

uint64_t process_sleeps(pid_t pid)
{
	return sum_over_threads(pid, "", "status", "voluntary_ctxt_switches:");
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

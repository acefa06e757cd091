/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Processor time is read from schedstat, in nanoseconds: the ticks of stat are
 * too coarse for half a second.
 */
#include "measure.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

/* The first number in FILE, or the one behind KEY, of all threads together. */
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

/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What /proc and the log say about a running daemon. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/daemon.h"

static uint64_t field_of(const char *path, const char *name)
{
	unsigned long long value = 0;
	size_t n = strlen(name);
	FILE *file = fopen(path, "r");
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, n) && line[n] == ':')
			value = strtoull(line + n + 1, NULL, 10);
	if (file)
		fclose(file);
	return value;
}

unsigned daemon_fds(const struct daemon *d)
{
	unsigned count = 0;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", d->pid);
	dir = opendir(path);
	need(dir != NULL, path);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2;
}

/* ThreadSanitizer has a thread of its own, which wakes up all the time and uses
 * a little processor time. */
#ifdef DAEMON_WITH_TSAN
static const bool counts_activity = false;
#else
static const bool counts_activity = true;
#endif

static uint64_t switches(const struct daemon *d)
{
	char path[320];
	struct dirent *entry;
	uint64_t sum = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", d->pid);
	dir = opendir(path);
	need(dir != NULL, path);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/status", d->pid,
			 entry->d_name);
		sum += field_of(path, "voluntary_ctxt_switches");
	}
	closedir(dir);
	return sum;
}

/* utime and stime: fields 14 and 15, counted from behind the parenthesis of the
 * name */
static uint64_t cpu_ticks(const struct daemon *d)
{
	unsigned long long user = 0, kernel = 0;
	char path[64], line[1024];
	const char *at;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", d->pid);
	file = fopen(path, "r");
	need(file && fgets(line, sizeof(line), file), path);
	fclose(file);
	at = strrchr(line, ')');
	if (!at || sscanf(at + 1,
			  " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u "
			  "%*u %llu %llu",
			  &user, &kernel) != 2)
		die("cannot read %s", path);
	return user + kernel;
}

struct daemon_usage daemon_usage(const struct daemon *d)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", d->pid);
	return (struct daemon_usage){
		.fds = daemon_fds(d),
		.anonymous_kib = field_of(path, "RssAnon"),
		.cpu_ticks = counts_activity ? cpu_ticks(d) : 0,
		.wakeups = counts_activity ? switches(d) : 0,
	};
}

unsigned daemon_log_count(const struct daemon *d, const char *text)
{
	char path[96], line[1024];
	unsigned count = 0;
	FILE *log;

	snprintf(path, sizeof(path), "%s/log", d->dir);
	log = fopen(path, "r");
	while (log && fgets(line, sizeof(line), log))
		count += strstr(line, text) != NULL;
	if (log)
		fclose(log);
	return count;
}

unsigned daemon_log_lines(const struct daemon *d)
{
	return daemon_log_count(d, "");
}

/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One measurement: plays hypervisors, guests and host programs against a
 * daemon that runs already, or the same programs on plain socket pairs, and
 * prints what came of it as one line of JSON. bench/run calls this.
 */
#include <getopt.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "scene.h"

#define WARM_UP_MS 150
#define SLICES 4
#define PATIENCE_MS 10000

static void usage(FILE *to)
{
	fputs("usage: bench-load [OPTIONS] [SOCKET UDS-PATH]...\n"
	      "  a pair of paths for each VM; none: plain socket pairs\n"
	      "  --flow to-host|to-guest|both|rr   (to-host)\n"
	      "  --size BYTES    of a write or message (65536)\n"
	      "  --conns N       for each VM (1)\n"
	      "  --vms N         with socket pairs only (1)\n"
	      "  --linear        64 KiB in one descriptor\n"
	      "  --verify        make and compare contents\n"
	      "  --secs S        measured time (0.5)\n"
	      "  --pid PID       of the daemon, for its processor time\n"
	      "  --cid N         of the first VM (3)\n",
	      to);
}

_Noreturn void die(const char *fmt, ...)
{
	va_list args;
	char text[300];

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	printf("{\"error\": \"%s\"}\n", text);
	fflush(stdout);
	_exit(1);
}

struct options {
	struct plan plan;
	double secs;
	pid_t pid;
	unsigned cid;
	char **paths;
};

static void set_flow(struct plan *plan, const char *flow)
{
	plan->guest_sends = !strcmp(flow, "to-host") || !strcmp(flow, "both");
	plan->host_sends = !strcmp(flow, "to-guest") || !strcmp(flow, "both");
	plan->echoes = !strcmp(flow, "rr");
	if (!plan->guest_sends && !plan->host_sends && !plan->echoes) {
		usage(stderr);
		exit(2);
	}
}

static void set_option(struct options *o, int c)
{
	switch (c) {
	case 'f':
		set_flow(&o->plan, optarg);
		return;
	case 's':
		o->plan.size = strtoul(optarg, NULL, 0);
		return;
	case 'n':
		o->plan.conns = (unsigned)strtoul(optarg, NULL, 0);
		return;
	case 'm':
		o->plan.vms = (unsigned)strtoul(optarg, NULL, 0);
		return;
	case 'l':
		o->plan.shape = SHAPE_LINEAR;
		return;
	case 'v':
		o->plan.verify = true;
		return;
	case 't':
		o->secs = strtod(optarg, NULL);
		return;
	case 'p':
		o->pid = (pid_t)strtol(optarg, NULL, 0);
		return;
	case 'c':
		o->cid = (unsigned)strtoul(optarg, NULL, 0);
		return;
	default:
		usage(c == 'h' ? stdout : stderr);
		exit(c == 'h' ? 0 : 2);
	}
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "flow", required_argument, NULL, 'f' },
		{ "size", required_argument, NULL, 's' },
		{ "conns", required_argument, NULL, 'n' },
		{ "vms", required_argument, NULL, 'm' },
		{ "linear", no_argument, NULL, 'l' },
		{ "verify", no_argument, NULL, 'v' },
		{ "secs", required_argument, NULL, 't' },
		{ "pid", required_argument, NULL, 'p' },
		{ "cid", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct options){
		.plan = { .size = 65536, .conns = 1, .vms = 1, .dials = true },
		.secs = 0.5,
		.cid = 3,
	};
	set_flow(&o->plan, "to-host");
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		set_option(o, c);
	if (optind < argc) {
		o->paths = argv + optind;
		o->plan.vms = (unsigned)(argc - optind) / 2;
	}
	if (!o->plan.size || !o->plan.conns || !o->plan.vms) {
		usage(stderr);
		exit(2);
	}
}

static void raise_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void sleep_ms(double ms)
{
	struct timespec t = { .tv_sec = (time_t)(ms / 1000) };

	t.tv_nsec = (long)((ms - (double)t.tv_sec * 1000) * 1e6);
	nanosleep(&t, NULL);
}

/* Progress in each slice of the time: a stall shows in the last ones. */
static void measure(const struct options *o, struct scene *s)
{
	struct scene_count from, at, slice[SLICES + 1];
	uint64_t cpu = process_cpu_ns(o->pid);
	double secs, bytes;

	slice[0] = from = scene_count(s);
	scene_record(s, true);
	for (unsigned i = 0; i < SLICES; i++) {
		sleep_ms(o->secs * 1000 / SLICES);
		slice[i + 1] = scene_count(s);
	}
	scene_record(s, false);
	at = slice[SLICES];
	cpu = process_cpu_ns(o->pid) - cpu;
	secs = (double)(at.ns - from.ns) / 1e9;
	bytes = (double)(at.bytes - from.bytes);
	printf("{\"bytes\": %.0f, \"secs\": %.6f, \"GBps\": %.6f, "
	       "\"messages\": %llu, \"cpu_secs\": %.6f, "
	       "\"last_slice_bytes\": %llu, ",
	       bytes, secs, bytes / secs / 1e9,
	       (unsigned long long)(at.messages - from.messages),
	       (double)cpu / 1e9,
	       (unsigned long long)(at.bytes - slice[SLICES - 1].bytes));
	printf("\"packets_sent\": %llu, \"packets_received\": %llu, "
	       "\"kicks\": %llu, \"calls\": %llu, \"wakeups\": %llu, "
	       "\"updates\": %llu, ",
	       (unsigned long long)(at.sent - from.sent),
	       (unsigned long long)(at.received - from.received),
	       (unsigned long long)(at.kicks - from.kicks),
	       (unsigned long long)(at.calls - from.calls),
	       (unsigned long long)(at.wakeups - from.wakeups),
	       (unsigned long long)(at.updates - from.updates));
	scene_print_latency(s);
	printf("\"stalled\": %s}\n", at.bytes == slice[SLICES - 1].bytes
					     ? "true" : "false");
}

int main(int argc, char **argv)
{
	struct options o;
	struct scene *s;

	parse(&o, argc, argv);
	raise_limit();
	s = o.paths ? scene_of_vms(&o.plan, o.paths, o.cid)
		    : scene_of_pairs(&o.plan);
	if (!scene_open(s, PATIENCE_MS))
		die("stalled: %u of %u connections were opened",
		    scene_open_count(s), o.plan.conns * o.plan.vms);
	scene_start(s);
	sleep_ms(WARM_UP_MS);
	measure(&o, s);
	fflush(stdout);
	_exit(0);
}

/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One measurement: plays hypervisors, guests and host programs against a daemon
 * that runs already, or the same programs on plain socket pairs, and prints the
 * result as one line of JSON. bench/run calls this.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "load_options.h"
#include "lockstep.h"
#include "scene.h"

#define WARM_UP_MS 150.0
#define OPENING 5 /* times the patience, as there may be many connections */

static void sleep_ms(double ms)
{
	struct timespec t = { .tv_sec = (time_t)(ms / 1000) };

	t.tv_nsec = (long)((ms - (double)t.tv_sec * 1000) * 1e6);
	nanosleep(&t, NULL);
}

static uint64_t own_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What processors have done so far, in nanoseconds. */
struct cpu {
	uint64_t device; /* the daemon, or the kernel's own device */
	uint64_t load;	 /* this process, without that device */
	uint64_t idle;	 /* nothing, all processors together */
};

static struct cpu cpu_count(const struct options *o)
{
	uint64_t vhost = vhost_cpu_ns();

	return (struct cpu){
		.device = o->pid ? process_cpu_ns(o->pid) : vhost,
		.load = own_cpu_ns() - vhost,
		.idle = machine_idle_ns(),
	};
}

static void print_cpu(const struct cpu *from, const struct cpu *to, double secs)
{
	double all = secs * (double)sysconf(_SC_NPROCESSORS_ONLN);

	printf("\"cpu_secs\": %.6f, \"load_cpu_secs\": %.6f, "
	       "\"machine_cpu_secs\": %.6f, ",
	       (double)(to->device - from->device) / 1e9,
	       (double)(to->load - from->load) / 1e9,
	       all - (double)(to->idle - from->idle) / 1e9);
}

/* Whether something has arrived since AT: in both directions if both are used,
 * and at the second of sibling guests if the first sends to it. */
static bool progressed(const struct options *o, const struct scene_count *at,
		       const struct scene_count *now)
{
	const struct plan *plan = &o->plan;
	bool to_guest = now->to_guest != at->to_guest;
	bool to_host = now->bytes - now->to_guest != at->bytes - at->to_guest;

	if (plan->siblings && o->paths && (plan->guest_sends || plan->echoes) &&
	    now->siblings == at->siblings)
		return false;
	if (plan->guest_sends && plan->host_sends)
		return to_guest && to_host;
	return to_guest || to_host;
}

/* Whether nothing arrives from AT on, although it is given more time. */
static bool stands_still(const struct options *o, const struct scene *s,
			 const struct scene_count *at)
{
	for (unsigned ms = 0; ms < o->patience * 1000; ms += 10) {
		struct scene_count now = scene_count(s);

		if (progressed(o, at, &now))
			return false;
		sleep_ms(10);
	}
	return true;
}

static void print_count(const char *name, uint64_t from, uint64_t to)
{
	printf("\"%s\": %llu, ", name, (unsigned long long)(to - from));
}

static bool moves(const struct plan *plan)
{
	return plan->guest_sends || plan->host_sends || plan->echoes;
}

/* What it cost to open the connections. */
struct opening {
	uint64_t took_ns;
	uint64_t anonymous; /* the daemon's memory */
};

static void measure(const struct options *o, struct scene *s,
		    const struct opening *opening)
{
	struct cpu cpu_from = cpu_count(o), cpu_to;
	uint64_t sleeps = process_sleeps(o->pid);
	struct scene_count from = scene_count(s), to;
	double secs, bytes;

	scene_record(s, true);
	sleep_ms(o->secs * 1000);
	scene_record(s, false);
	sleeps = process_sleeps(o->pid) - sleeps;
	to = scene_count(s);
	cpu_to = cpu_count(o);
	secs = (double)(to.ns - from.ns) / 1e9;
	bytes = (double)(to.bytes - from.bytes);
	if (!o->plan.echoes && !o->plan.light) {
		from.messages = 0;
		to.messages = (to.bytes - from.bytes) / o->plan.size;
	}
	printf("{\"open_secs\": %.6f, \"anonymous\": %lld, ",
	       (double)opening->took_ns / 1e9, (long long)opening->anonymous);
	printf("\"bytes\": %.0f, \"secs\": %.6f, \"GBps\": %.6f, ", bytes, secs,
	       bytes / secs / 1e9);
	print_cpu(&cpu_from, &cpu_to, secs);
	if (o->plan.siblings)
		print_count("sibling_bytes", from.siblings, to.siblings);
	print_count("messages", from.messages, to.messages);
	print_count("packets_sent", from.sent, to.sent);
	print_count("packets_received", from.received, to.received);
	print_count("kicks", from.kicks, to.kicks);
	print_count("calls", from.calls, to.calls);
	print_count("wakeups", from.wakeups, to.wakeups);
	print_count("updates", from.updates, to.updates);
	print_count("sleeps", 0, sleeps);
	scene_print_latency(s);
	printf("\"stalled\": %s}\n",
	       moves(&o->plan) && stands_still(o, s, &to) ? "true" : "false");
}

int main(int argc, char **argv)
{
	struct options o;
	struct scene *s;
	struct opening opening;

	options_parse(&o, argc, argv);
	fd_raise_limit();
	if (o.plan.rounds) {
		lockstep_run(&o.plan, o.paths, o.cid, o.pid);
		return 0;
	}
	opening.anonymous = process_anonymous(o.pid);
	s = o.paths ? scene_of_vms(&o.plan, o.paths, o.cid)
		    : scene_of_pairs(&o.plan);
	if (!scene_open(s, (unsigned)(o.patience * OPENING * 1000),
			&opening.took_ns))
		die("stalled: %u of %u connections were opened",
		    scene_open_count(s), o.plan.conns * o.plan.vms);
	opening.anonymous = process_anonymous(o.pid) - opening.anonymous;
	scene_start(s);
	sleep_ms(o.secs * 1000 < WARM_UP_MS ? o.secs * 1000 : WARM_UP_MS);
	measure(&o, s, &opening);
	fflush(stdout);
	_exit(0);
}

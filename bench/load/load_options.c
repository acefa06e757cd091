/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * For bench/run, which knows what it asks for: numbers are taken as they are,
 * and only combinations are refused that would not measure what they say.
 */
#include "load_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void usage(FILE *to)
{
	fputs("usage: bench-load [OPTIONS] [SOCKET UDS-PATH]...\n"
	      "  a pair of paths for each VM, or /dev/vhost-vsock and a \"-\";\n"
	      "  none: plain socket pairs\n"
	      "  --flow to-host|to-guest|both|rr|crr|idle   (to-host)\n"
	      "  --size BYTES    of a write or message (65536)\n"
	      "  --conns N       for each VM (1); with crr: programs that\n"
	      "                  connect, one after the other (1)\n"
	      "  --vms N         with socket pairs only (1)\n"
	      "  --tcp           socket pairs of loopback TCP\n"
	      "  --active N      only the first N connections are used\n"
	      "  --stalled N     nobody reads the first N connections\n"
	      "  --light N       the first N only carry round trips of 64 B,\n"
	      "                  and only their latencies are reported\n"
	      "  --siblings N    the first N connections of the first of each\n"
	      "                  two VMs lead to the second, in the place of\n"
	      "                  the host\n"
	      "  --rounds N      in lockstep with the daemon, see lockstep.h\n"
	      "  --batch N       messages of a connection in a round (1)\n"
	      "  --messages      SOCK_SEQPACKET: each write is a message\n"
	      "  --linear        64 KiB in one descriptor\n"
	      "  --driver linux|walk   (linux); walk: packets of 64 KiB in\n"
	      "                  one descriptor, as many of a connection as its\n"
	      "                  credit allows, and kicks for several at once\n"
	      "  --in-order      negotiate VIRTIO_F_IN_ORDER\n"
	      "  --verify        make and compare contents\n"
	      "  --secs S        measured time (0.5)\n"
	      "  --patience S    without progress: a stall (3)\n"
	      "  --pid PID       of the daemon, for its processor time\n"
	      "  --cid N         of the first VM (3)\n",
	      to);
}

static void set_flow(struct plan *plan, const char *flow)
{
	bool both = !strcmp(flow, "both"), crr = !strcmp(flow, "crr");

	plan->guest_sends = both || !strcmp(flow, "to-host");
	plan->host_sends = both || !strcmp(flow, "to-guest");
	plan->echoes = crr || !strcmp(flow, "rr");
	plan->dialers = crr;
	if (!plan->guest_sends && !plan->host_sends && !plan->echoes &&
	    strcmp(flow, "idle") != 0) {
		usage(stderr);
		exit(2);
	}
}

static void set_driver(struct plan *plan, const char *name)
{
	if (!strcmp(name, "walk")) {
		plan->driver = DRIVER_WALK;
		plan->shape = SHAPE_LINEAR;
	} else if (strcmp(name, "linux") != 0) {
		usage(stderr);
		exit(2);
	}
}

static unsigned number(const char *text)
{
	return (unsigned)strtoul(text, NULL, 0);
}

static void set_option(struct options *o, int c)
{
	switch (c) {
	case 'f':
		set_flow(&o->plan, optarg);
		return;
	case 's':
		o->plan.size = number(optarg);
		return;
	case 'n':
		o->plan.conns = number(optarg);
		return;
	case 'a':
		o->plan.active = number(optarg);
		return;
	case 'b':
		o->plan.stalled = number(optarg);
		return;
	case 'i':
		o->plan.light = number(optarg);
		return;
	case 'd':
		o->plan.siblings = number(optarg);
		return;
	case 'r':
		o->plan.rounds = number(optarg);
		return;
	case 'k':
		o->plan.batch = number(optarg);
		return;
	case 'm':
		o->plan.vms = number(optarg);
		return;
	case 'e':
		o->plan.messages = true;
		o->plan.pair = PAIR_MESSAGES;
		return;
	case 'x':
		o->plan.pair = PAIR_TCP;
		return;
	case 'l':
		o->plan.shape = SHAPE_LINEAR;
		return;
	case 'g':
		set_driver(&o->plan, optarg);
		return;
	case 'o':
		o->plan.in_order = true;
		return;
	case 'v':
		o->plan.verify = true;
		return;
	case 't':
		o->secs = strtod(optarg, NULL);
		return;
	case 'w':
		o->patience = strtod(optarg, NULL);
		return;
	case 'p':
		o->pid = (pid_t)number(optarg);
		return;
	case 'c':
		o->cid = number(optarg);
		return;
	default:
		if (c != 'h')
			exit(2);
		usage(stdout);
		exit(0);
	}
}

static const struct option long_options[] = {
	{ "flow", required_argument, NULL, 'f' },
	{ "size", required_argument, NULL, 's' },
	{ "conns", required_argument, NULL, 'n' },
	{ "active", required_argument, NULL, 'a' },
	{ "stalled", required_argument, NULL, 'b' },
	{ "light", required_argument, NULL, 'i' },
	{ "siblings", required_argument, NULL, 'd' },
	{ "vms", required_argument, NULL, 'm' },
	{ "messages", no_argument, NULL, 'e' },
	{ "tcp", no_argument, NULL, 'x' },
	{ "rounds", required_argument, NULL, 'r' },
	{ "batch", required_argument, NULL, 'k' },
	{ "linear", no_argument, NULL, 'l' },
	{ "driver", required_argument, NULL, 'g' },
	{ "in-order", no_argument, NULL, 'o' },
	{ "verify", no_argument, NULL, 'v' },
	{ "secs", required_argument, NULL, 't' },
	{ "patience", required_argument, NULL, 'w' },
	{ "pid", required_argument, NULL, 'p' },
	{ "cid", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* The other options pick connections to the host, so siblings exclude them, but
 * for light connections if all are between siblings. */
static bool sibling_possible(const struct plan *plan)
{
	return !plan->siblings ||
	       (plan->siblings <= plan->conns && plan->vms % 2 == 0 &&
		!plan->active && !plan->stalled && !plan->dialers &&
		(!plan->light || plan->siblings == plan->conns));
}

/* A write of more is several reads for the load's programs, and those that
 * connect for each message know streams only. */
static bool messages_possible(const struct plan *plan)
{
	return !plan->messages || (plan->pair == PAIR_MESSAGES &&
				   plan->size <= 65536 && !plan->dialers);
}

void options_parse(struct options *o, int argc, char **argv)
{
	int c;

	*o = (struct options){
		.plan = { .size = 65536, .conns = 1, .vms = 1, .batch = 1 },
		.secs = 0.5,
		.patience = 3,
		.cid = 3,
	};
	set_flow(&o->plan, "to-host");
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		set_option(o, c);
	if (optind < argc) {
		o->paths = argv + optind;
		o->plan.vms = (unsigned)(argc - optind) / 2;
	}
	if (o->plan.dialers) {
		o->plan.dialers = min_u32(o->plan.conns, PLAN_DIALERS_MAX);
		o->plan.conns = 0;
	}
	if (!o->plan.size || !o->plan.vms || !sibling_possible(&o->plan) ||
	    !messages_possible(&o->plan) ||
	    (o->plan.rounds && (!o->pid || !o->paths || !o->plan.batch))) {
		usage(stderr);
		exit(2);
	}
}

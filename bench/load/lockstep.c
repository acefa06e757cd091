/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A daemon that runs beside its peers finds one packet in one turn and twenty
 * in the next, as the scheduler likes, and so never executes the same
 * instructions twice. If a signal has stopped it, it finds all that its peers
 * did meanwhile, and nothing more until it has gone to sleep. The pause before
 * it is stopped again is longer than any after which it would spin instead.
 */
#include "lockstep.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frontend/host.h"
#include "measure.h"

#define LOOK_US 50
#define PAUSE_US 1000
#define STATE_MS 20000	 /* until it has stopped, or fallen asleep */
#define TURNS_MAX 100000 /* in a round: more are a stall */
#define TURNS_TO_OPEN 3	 /* a request, the other guest, a response */

struct lockstep {
	const struct plan *plan;
	pid_t pid;
	struct guest guests[2]; /* siblings need the second */
	int fds[GUEST_SEEDS];	/* of listeners, then of their connections */
	char buffer[PACKET_PAYLOAD_MAX];
	uint64_t to_host;  /* bytes that have arrived */
	uint64_t expected; /* that must arrive, in this and past rounds */
	uint64_t expected_in_guest;
	uint64_t stops; /* of the daemon */
};

static void await_state(const struct lockstep *l, char state)
{
	uint64_t until = clock_ms() + STATE_MS;

	while (!process_all(l->pid, state)) {
		if (clock_ms() > until)
			die("the daemon does not get into state %c", state);
		usleep(LOOK_US);
	}
}

static void stop_daemon(struct lockstep *l)
{
	l->stops++;
	usleep(PAUSE_US);
	need(!kill(l->pid, SIGSTOP), "kill");
	await_state(l, 'T');
}

static void run_daemon(const struct lockstep *l)
{
	need(!kill(l->pid, SIGCONT), "kill");
	await_state(l, 'S');
}

/* Each guest does all it can; only then the device is told. */
static void run_guests(struct lockstep *l)
{
	for (unsigned i = 0; i < l->plan->vms; i++) {
		struct guest *g = &l->guests[i];

		machine_cork(&g->machine);
		while (guest_step(g))
			;
		machine_uncork(&g->machine);
	}
}

static void write_batch(struct lockstep *l)
{
	size_t size = l->plan->size;

	for (unsigned i = 0; i < l->plan->conns; i++)
		for (unsigned k = 0; k < l->plan->batch; k++)
			if (send(l->fds[i], l->buffer, size, MSG_NOSIGNAL) !=
			    (ssize_t)size)
				die("the batch does not fit a socket's buffer");
}

static void read_all(struct lockstep *l)
{
	if (l->plan->siblings) {
		l->to_host = meter_read(&l->guests[1].received).bytes;
		return;
	}
	for (unsigned i = 0; i < l->plan->conns; i++) {
		ssize_t n;

		do {
			n = recv(l->fds[i], l->buffer, sizeof(l->buffer), 0);
			l->to_host += n > 0 ? (uint64_t)n : 0;
		} while (n > 0);
		if (n == 0 || errno != EAGAIN)
			die("recv: %s", n ? strerror(errno) : "end of file");
	}
}

static void accept_all(struct lockstep *l)
{
	for (unsigned i = 0; i < l->plan->conns; i++) {
		int listener = l->fds[i];

		l->fds[i] = accept4(listener, NULL, NULL,
				    SOCK_CLOEXEC | SOCK_NONBLOCK);
		need(l->fds[i] >= 0, "accept");
		close(listener);
	}
}

static void open_all(struct lockstep *l, const char *uds_path)
{
	bool siblings = l->plan->siblings;
	unsigned n = l->plan->conns;

	for (unsigned i = 0; !siblings && i < n; i++)
		l->fds[i] = host_listen(uds_path, GUEST_PORT + i, 1);
	for (unsigned i = l->plan->vms; i--;)
		guest_begin(&l->guests[i]);
	for (unsigned i = 0; i < TURNS_TO_OPEN; i++) {
		stop_daemon(l);
		run_guests(l);
		run_daemon(l);
		if (!siblings && i == 0)
			accept_all(l);
	}
	if (guest_open(&l->guests[0]) != n)
		die("stalled: %u of %u connections were opened",
		    guest_open(&l->guests[0]), n);
}

static bool arrived(const struct lockstep *l)
{
	return l->to_host == l->expected &&
	       meter_read(&l->guests[0].received).bytes == l->expected_in_guest;
}

static void run_round(struct lockstep *l)
{
	const struct plan *plan = l->plan;
	uint64_t bytes = plan->size * plan->batch;
	unsigned turns = 0;

	stop_daemon(l);
	for (unsigned i = 0; i < plan->vms; i++)
		guest_offer(&l->guests[i], bytes);
	if (plan->host_sends || plan->echoes) {
		if (!plan->siblings)
			write_batch(l);
		l->expected_in_guest += bytes * plan->conns;
	}
	if (plan->guest_sends || plan->echoes)
		l->expected += bytes * plan->conns;
	do {
		if (turns++ == TURNS_MAX)
			die("stalled");
		if (turns > 1)
			stop_daemon(l);
		run_guests(l);
		read_all(l);
		run_daemon(l);
	} while (!arrived(l));
}

static void print_result(const struct lockstep *l)
{
	const struct guest *g = l->guests;
	const struct plan *plan = l->plan;
	uint64_t messages = (uint64_t)plan->rounds * plan->conns * plan->batch;

	printf("{\"messages\": %llu, \"to_host\": %llu, \"to_guest\": %llu, "
	       "\"packets_sent\": %llu, \"packets_received\": %llu, "
	       "\"updates\": %llu, \"stops\": %llu}\n",
	       (unsigned long long)messages, (unsigned long long)l->to_host,
	       (unsigned long long)l->expected_in_guest,
	       (unsigned long long)g[0].machine.sent + g[1].machine.sent,
	       (unsigned long long)g[0].machine.received +
		       g[1].machine.received,
	       (unsigned long long)g[0].updates + g[1].updates,
	       (unsigned long long)l->stops);
}

void lockstep_run(const struct plan *plan, char **paths, unsigned cid,
		  pid_t pid)
{
	static struct lockstep l;

	l = (struct lockstep){ .plan = plan, .pid = pid };
	if (plan->conns > GUEST_SEEDS || plan_dialing(plan) != 1 ||
	    (plan->siblings && plan->siblings != plan->conns) ||
	    plan->dialers || plan->size > sizeof(l.buffer))
		die("this cannot be done in lockstep");
	for (unsigned i = 0; i < plan->vms; i++)
		guest_init(&l.guests[i], plan, cid, i, paths[2 * i]);
	open_all(&l, paths[1]);
	for (unsigned i = 0; i < plan->rounds; i++)
		run_round(&l);
	print_result(&l);
}

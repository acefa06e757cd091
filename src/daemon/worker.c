/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A VM changes hands in three steps:
 *
 *	relocate()	somebody connects to its vhost-user socket, and another
 *			worker has less to do
 *	leave()		the guest is stopped, and freed when the ring has let
 *			go of its watches; then the VM is mailed
 *	read_mail()	the other worker makes the guest anew, and finds the
 *			connection in the socket's backlog
 *
 * Where the guest cannot be made for want of memory, the VM is stranded: what
 * there is of the guest is taken apart, and making it is tried again in a while.
 * Meanwhile connections wait in the sockets' backlogs.
 *
 * Mail is rare, and a lock guards it. Packets never come this way.
 */
#include "daemon/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"
#include "daemon/service.h"
#include "daemon/vm.h"
#include "guest/guest.h"
#include "ring/ring.h"
#include "turn/bell.h"
#include "turn/loop.h"

struct worker {
	const struct worker_team *team;
	unsigned index;
	struct service *service;
	struct list vms;	 /* served, or to be served when it opens */
	struct list leaving;	 /* to be mailed to other workers */
	struct list stranded;	 /* could not be started */
	struct loop_pause pause; /* until stranded VMs are tried again */
	bool retry;		 /* the pause is over */
	struct ring_watch signals;
	int signal_fd;
	atomic_bool stop;
	atomic_bool report; /* is asked for */

	pthread_mutex_t lock; /* of what follows */
	bool open;	      /* mail is read */
	struct list mail;     /* VMs that come */
};

static void pause_over(struct loop_pause *p)
{
	container_of(p, struct worker, pause)->retry = true;
}

struct worker *worker_new(const struct worker_team *team, unsigned index)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->team = team;
	w->index = index;
	w->signal_fd = -1;
	list_init(&w->vms);
	list_init(&w->leaving);
	list_init(&w->stranded);
	timer_init(&w->pause.timer);
	w->pause.over = pause_over;
	list_init(&w->mail);
	ring_watch_init(&w->signals);
	atomic_init(&w->stop, false);
	pthread_mutex_init(&w->lock, NULL);
	return w;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	service_free(w->service);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void worker_adopt(struct worker *w, struct vm *vm)
{
	list_append(&w->vms, &vm->node);
}

static struct ring *open_ring(enum engine engine)
{
	const char *why = "";
	struct ring *ring;

	if (engine == ENGINE_AUTO) {
		ring = ring_open(engine_name(ENGINE_IO_URING), &why);
		if (ring)
			return ring;
		log_line(LOG_LEVEL_WARN, NULL,
			 "using epoll, as io_uring is not available: %s", why);
		engine = ENGINE_EPOLL;
	}
	ring = ring_open(engine_name(engine), &why);
	if (!ring)
		log_line(LOG_LEVEL_ERROR, NULL, "--engine %s: %s (%s)",
			 engine_name(engine), why, strerror(errno));
	return ring;
}

static unsigned load_of(const struct worker *w)
{
	return atomic_load_explicit(&service_loop(w->service)->hypervisors,
				    memory_order_relaxed);
}

/* The worker with the fewest hypervisors: W itself if none has fewer. */
static struct worker *least_busy(struct worker *w)
{
	const struct worker_team *team = w->team;
	struct worker *best = w;
	unsigned load = load_of(w);
	unsigned i, other;

	for (i = 0; i < team->nworkers; i++) {
		other = load_of(team->workers[i]);
		if (other < load) {
			load = other;
			best = team->workers[i];
		}
	}
	return best;
}

static bool relocate(struct loop *loop, struct guest *guest)
{
	struct worker *w = loop->worker;
	const struct worker_team *team = w->team;
	struct vm *vm = &team->vms[guest->config - team->config->vms];

	if (least_busy(w) == w)
		return false;
	list_remove(&vm->node);
	list_append(&w->leaving, &vm->node);
	return true;
}

static int open_service(struct worker *w)
{
	const struct config *config = w->team->config;
	const struct service_setup setup = {
		.ring = open_ring(config->engine),
		.guests = config->nvms,
		.poll_us = config->poll_us,
		.descriptors = w->team->descriptors,
		.board = w->team->board,
		.relocate = w->team->nworkers > 1 ? relocate : NULL,
		.worker = w,
		.index = w->index,
	};

	if (!setup.ring)
		return -errno;
	w->service = service_new(&setup);
	return w->service ? 0 : -ENOMEM;
}

int worker_open(struct worker *w)
{
	struct list *at;
	int err = open_service(w);

	for (at = w->vms.next; !err && at != &w->vms; at = at->next)
		err = vm_start(container_of(at, struct vm, node),
			       service_loop(w->service));
	pthread_mutex_lock(&w->lock);
	w->open = !err;
	pthread_mutex_unlock(&w->lock);
	return err;
}

static void post(struct worker *to, struct vm *vm)
{
	pthread_mutex_lock(&to->lock);
	list_append(&to->mail, &vm->node);
	if (to->open)
		bell_ring(service_bell(to->service));
	pthread_mutex_unlock(&to->lock);
}

/* Takes VM's guest apart. False: the ring has not let go of it yet, so call this
 * again later. */
static bool leave(struct vm *vm)
{
	vm_stop(vm);
	if (vm_busy(vm))
		return false;
	vm_free(vm);
	return true;
}

static void leave_all(struct worker *w)
{
	struct list todo;
	struct vm *vm;

	list_init(&todo);
	list_move_all(&todo, &w->leaving);
	while (!list_empty(&todo)) {
		vm = list_first(&todo, struct vm, node);
		list_remove(&vm->node);
		if (leave(vm))
			post(least_busy(w), vm);
		else
			list_append(&w->leaving, &vm->node);
	}
}

static void strand(struct worker *w, struct vm *vm)
{
	struct loop *loop = service_loop(w->service);

	list_append(&w->stranded, &vm->node);
	if (!timer_armed(&w->pause.timer))
		timer_arm(&loop->pauses.timers, &w->pause.timer, clock_ms());
}

/* Starts VM, or strands it after a logged error. */
static void begin(struct worker *w, struct vm *vm)
{
	if (vm_start(vm, service_loop(w->service)) == 0) {
		list_append(&w->vms, &vm->node);
		return;
	}
	vm_stop(vm);
	strand(w, vm);
}

static void begin_again(struct worker *w)
{
	struct list todo;
	struct vm *vm;

	w->retry = false;
	list_init(&todo);
	list_move_all(&todo, &w->stranded);
	while (!list_empty(&todo)) {
		vm = list_first(&todo, struct vm, node);
		list_remove(&vm->node);
		if (leave(vm))
			begin(w, vm);
		else
			strand(w, vm);
	}
}

static void read_mail(struct worker *w)
{
	struct list mail;
	struct vm *vm;

	list_init(&mail);
	pthread_mutex_lock(&w->lock);
	list_move_all(&mail, &w->mail);
	pthread_mutex_unlock(&w->lock);
	while (!list_empty(&mail)) {
		vm = list_first(&mail, struct vm, node);
		list_remove(&vm->node);
		begin(w, vm);
	}
}

static void for_each(struct list *vms, void (*act)(struct vm *vm))
{
	struct list *at;

	for (at = vms->next; at != vms; at = at->next)
		act(container_of(at, struct vm, node));
}

/* Does what other threads rang for: serves the VMs in the mail, and reports. */
static void answer(struct worker *w)
{
	read_mail(w);
	if (atomic_exchange(&w->report, false))
		for_each(&w->vms, vm_report);
}

void worker_run(struct worker *w)
{
	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		service_wait(w->service);
		if (bell_answer(service_bell(w->service)))
			answer(w);
		service_turn(w->service);
		if (!list_empty(&w->leaving))
			leave_all(w);
		if (w->retry)
			begin_again(w);
	}
}

void worker_close(struct worker *w)
{
	for_each(&w->vms, vm_stop);
	for_each(&w->leaving, vm_stop);
	for_each(&w->stranded, vm_stop);
	pthread_mutex_lock(&w->lock);
	w->open = false;
	pthread_mutex_unlock(&w->lock);
	if (w->service) {
		ring_unwatch(service_loop(w->service)->ring, &w->signals);
		service_end(w->service);
	}
	fd_close(&w->signal_fd);
	for_each(&w->vms, vm_free);
	for_each(&w->leaving, vm_free);
	for_each(&w->stranded, vm_free);
}

static void call(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	if (w->open)
		bell_ring(service_bell(w->service));
	pthread_mutex_unlock(&w->lock);
}

void worker_stop(struct worker *w)
{
	atomic_store(&w->stop, true);
	call(w);
}

static void obey(struct worker *w, uint32_t signal)
{
	switch (signal) {
	case SIGTERM:
	case SIGINT:
	case SIGHUP:
		worker_stop(w);
		break;
	case SIGUSR1:
		atomic_store(&w->report, true);
		call(w);
		break;
	}
}

const char *worker_engine(const struct worker *w)
{
	return ring_engine(service_loop(w->service)->ring);
}

static void on_signal(struct ring_watch *watch, int events)
{
	struct worker *w = container_of(watch, struct worker, signals);
	struct signalfd_siginfo info;
	unsigned i;

	(void)events;
	while (read(w->signal_fd, &info, sizeof(info)) == sizeof(info))
		for (i = 0; i < w->team->nworkers; i++)
			obey(w->team->workers[i], info.ssi_signo);
}

int worker_watch_signals(struct worker *w)
{
	sigset_t set;
	int err;

	pthread_sigmask(SIG_BLOCK, NULL, &set);
	w->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	err = w->signal_fd < 0
		      ? -errno
		      : ring_watch(service_loop(w->service)->ring, &w->signals,
				   w->signal_fd, on_signal);
	if (err)
		log_line(LOG_LEVEL_ERROR, NULL, "signals: %s", strerror(-err));
	return err;
}

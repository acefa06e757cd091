/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The order of the start matters. Sockets are made before there is a second
 * thread, as that may change the umask, which all threads share. Then the workers
 * open one after the other, each on the thread that it will run on, since an
 * io_uring may be used only by the thread that made it. No worker runs before all
 * have opened. So a worker that looks for the least busy one, or rings another's
 * bell, finds all of them there; and the descriptors that are open by then are
 * those that stay open (descriptors.h). An error ends workers that wait for GO in
 * the same way as a signal ends those that run.
 *
 * At the end the threads are joined first. Only then is anything freed that one
 * worker may look at in another: its loop, its bell, the switchboard.
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "config/config.h"
#include "daemon/vm.h"
#include "daemon/worker.h"
#include "session/frontends.h"
#include "sibling/switchboard.h"
#include "turn/descriptors.h"

/* A worker and where it runs. */
struct post {
	struct worker *worker;
	const struct config *config;
	unsigned index;
	pthread_t thread;
	sem_t opened; /* err says how it went */
	sem_t go;     /* all workers have opened, or are to end */
	int err;
	bool started; /* the thread was */
};

struct daemon {
	struct worker_team team;
	struct descriptors descriptors;
	struct worker **workers;
	struct post *posts; /* one for each worker */
	bool first_opened;  /* the worker of our own thread */
};

static unsigned usable_cpus(void)
{
	cpu_set_t set;
	int n = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	return n > 0 ? (unsigned)n : 1;
}

static unsigned count_workers(const struct config *config)
{
	uint64_t cpus = ranges_size(&config->cpus);

	if (config->workers)
		return config->workers;
	if (!cpus)
		cpus = usable_cpus();
	cpus = min_u64(cpus, CONFIG_WORKERS_MAX);
	return (unsigned)min_u64(cpus, config->nvms);
}

/* Puts the calling thread on its share of the configured CPUs. */
static void pin(const struct config *config, unsigned index)
{
	uint64_t n = ranges_size(&config->cpus);
	cpu_set_t set;
	uint32_t cpu;

	if (!n)
		return;
	cpu = ranges_nth(&config->cpus, index % n);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		log_line(LOG_LEVEL_WARN, NULL,
			 "worker %u cannot run on CPU %u: %s", index, cpu,
			 strerror(errno));
}

static int make_workers(struct daemon *d)
{
	const struct config *config = d->team.config;
	unsigned n = count_workers(config);
	unsigned i;

	d->workers = calloc(n, sizeof(struct worker *));
	d->posts = calloc(n, sizeof(*d->posts));
	d->team.vms = calloc(config->nvms, sizeof(*d->team.vms));
	if (!d->workers || !d->posts || !d->team.vms)
		return -ENOMEM;
	d->team.board = switchboard_new(config, n);
	if (!d->team.board)
		return -ENOMEM;
	d->team.workers = d->workers;
	for (i = 0; i < n; i++) {
		d->workers[i] = worker_new(&d->team, i);
		if (!d->workers[i])
			return -ENOMEM;
		d->posts[i].worker = d->workers[i];
		d->posts[i].config = config;
		d->posts[i].index = i;
		sem_init(&d->posts[i].opened, 0, 0);
		sem_init(&d->posts[i].go, 0, 0);
		d->team.nworkers++;
	}
	return 0;
}

/* Before there are threads: creating sockets may change the umask. */
static int open_vms(struct daemon *d)
{
	const struct config *config = d->team.config;
	unsigned i;
	int err = 0;

	for (i = 0; i < config->nvms && !err; i++) {
		err = vm_open(&d->team.vms[i], &config->vms[i]);
		worker_adopt(d->workers[i % d->team.nworkers], &d->team.vms[i]);
	}
	return err;
}

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) < 0)
		continue;
}

static void *serve(void *argument)
{
	struct post *post = argument;

	pin(post->config, post->index);
	post->err = worker_open(post->worker);
	sem_post(&post->opened);
	wait_for(&post->go);
	if (!post->err)
		worker_run(post->worker);
	worker_close(post->worker);
	return NULL;
}

static int start(struct post *post)
{
	int err = pthread_create(&post->thread, NULL, serve, post);

	if (err) {
		log_line(LOG_LEVEL_ERROR, NULL, "a worker cannot start: %s",
			 strerror(err));
		return -err;
	}
	post->started = true;
	wait_for(&post->opened);
	return post->err;
}

static int start_workers(struct daemon *d)
{
	unsigned i;
	int err;

	pin(d->team.config, 0);
	d->first_opened = true;
	err = worker_open(d->workers[0]);
	if (!err)
		err = worker_watch_signals(d->workers[0]);
	for (i = 1; i < d->team.nworkers && !err; i++)
		err = start(&d->posts[i]);
	return err;
}

/* Call when everything is open that stays open. */
static void share_out_descriptors(struct daemon *d)
{
	unsigned nvms = d->team.config->nvms;
	unsigned share = descriptors_share_out(
		&d->descriptors, nvms, d->team.nworkers, FRONTENDS_DESCRIPTORS);

	if (share < DESCRIPTORS_FEW)
		log_line(LOG_LEVEL_WARN, NULL,
			 "RLIMIT_NOFILE leaves %u file descriptors for "
			 "connections to each of %u VMs: raise it (systemd: "
			 "LimitNOFILE=)",
			 share, nvms);
}

struct daemon *daemon_new(const struct config *config)
{
	struct daemon *d = calloc(1, sizeof(*d));
	int err = d ? 0 : -ENOMEM;

	if (d) {
		d->team.config = config;
		d->team.descriptors = &d->descriptors;
		err = make_workers(d);
	}
	if (err)
		log_line(LOG_LEVEL_ERROR, NULL, "out of memory");
	if (!err)
		err = open_vms(d);
	if (!err)
		err = start_workers(d);
	if (err) {
		daemon_free(d);
		return NULL;
	}
	share_out_descriptors(d);
	return d;
}

void daemon_run(struct daemon *d)
{
	const struct config *config = d->team.config;
	unsigned i;

	log_line(LOG_LEVEL_INFO, NULL, "started: %u VM%s, %u worker%s, %s",
		 config->nvms, config->nvms == 1 ? "" : "s", d->team.nworkers,
		 d->team.nworkers == 1 ? "" : "s",
		 worker_engine(d->workers[0]));
	for (i = 1; i < d->team.nworkers; i++)
		sem_post(&d->posts[i].go);
	worker_run(d->workers[0]);
	log_line(LOG_LEVEL_INFO, NULL, "stopped");
}

static void stop_threads(struct daemon *d)
{
	unsigned i;

	for (i = 1; i < d->team.nworkers; i++) {
		worker_stop(d->workers[i]);
		sem_post(&d->posts[i].go);
	}
	for (i = 1; i < d->team.nworkers; i++)
		if (d->posts[i].started)
			pthread_join(d->posts[i].thread, NULL);
}

void daemon_free(struct daemon *d)
{
	unsigned i;

	if (!d)
		return;
	stop_threads(d);
	if (d->first_opened)
		worker_close(d->workers[0]);
	for (i = 0; d->team.vms && i < d->team.config->nvms; i++)
		vm_close(&d->team.vms[i]);
	for (i = 0; i < d->team.nworkers; i++) {
		worker_free(d->workers[i]);
		sem_destroy(&d->posts[i].opened);
		sem_destroy(&d->posts[i].go);
	}
	switchboard_free(d->team.board);
	free(d->team.vms);
	free(d->posts);
	free(d->workers);
	free(d);
}

/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The loop in which the daemon's peers live watches the daemon too, by a pidfd.
 * If it dies, what the test waits for never happens, and the test says why,
 * with the log, instead of hanging. If the test dies, the daemon dies with it
 * (PR_SET_PDEATHSIG).
 *
 * The daemon is stopped by SIGTERM and must clean up: its status is 0, and it
 * leaves no socket file. So each test that ends well has tested the way out as
 * well, from whatever state it has brought the daemon into.
 */
#include "frontend/daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGV_MAX (4 + 2 * DAEMON_VMS_MAX + DAEMON_ARGS_MAX)

static const char *program_of(const struct daemon_config *config)
{
	const char *env = getenv("URING_VSOCK");

	if (config->program)
		return config->program;
	return env ? env : "./uring-vsock";
}

static void log_path(const struct daemon *d, char path[96])
{
	snprintf(path, 96, "%s/log", d->dir);
}

static void show_log(const struct daemon *d)
{
	char path[96], line[512];
	FILE *log;

	log_path(d, path);
	log = fopen(path, "r");
	while (log && fgets(line, sizeof(line), log))
		fprintf(stderr, "daemon: %s", line);
	if (log)
		fclose(log);
}

static void on_death(struct watch *watch, uint32_t events)
{
	struct daemon *d = container_of(watch, struct daemon, watch);
	int status = 0;

	(void)events;
	waitpid(d->pid, &status, 0);
	show_log(d);
	d->pid = 0;
	die("the daemon ended with status %#x, its log is in %s", status,
	    d->dir);
}

static void make_paths(struct daemon *d)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(d->dir, sizeof(d->dir), "%.40s/uv-XXXXXX", tmp ? tmp : "/tmp");
	need(mkdtemp(d->dir) != NULL, "mkdtemp");
	for (unsigned i = 0; i < d->vms; i++) {
		snprintf(d->socket[i], sizeof(d->socket[i]), "%s/%u.sock",
			 d->dir, i);
		snprintf(d->uds[i], sizeof(d->uds[i]), "%s/%u.vsock", d->dir,
			 i);
	}
}

struct argv {
	char *args[ARGV_MAX];
	unsigned count;
};

static void add_arg(struct argv *argv, const char *arg)
{
	if (argv->count + 1 >= ARGV_MAX)
		die("too many arguments");
	argv->args[argv->count] = strdup(arg);
	need(argv->args[argv->count++] != NULL, "strdup");
}

static void add_classic(const struct daemon *d, struct argv *argv)
{
	char cid[32];

	snprintf(cid, sizeof(cid), "--guest-cid=%u", DAEMON_CID);
	add_arg(argv, cid);
	add_arg(argv, "--socket");
	add_arg(argv, d->socket[0]);
	add_arg(argv, "--uds-path");
	add_arg(argv, d->uds[0]);
}

static void add_vms(const struct daemon *d, const struct daemon_config *config,
		    struct argv *argv)
{
	const char *own;
	char vm[512];

	for (unsigned i = 0; i < d->vms; i++) {
		own = i < ARRAY_SIZE(config->vm_keys_of) ? config->vm_keys_of[i]
							 : NULL;
		snprintf(vm, sizeof(vm), "guest-cid=%u,socket=%s%s%s%s%s",
			 DAEMON_CID + i, d->socket[i],
			 config->no_uds ? "" : ",uds-path=",
			 config->no_uds ? "" : d->uds[i],
			 config->vm_keys ? config->vm_keys : "",
			 own ? own : "");
		add_arg(argv, "--vm");
		add_arg(argv, vm);
	}
}

/* So every test can be run with any number of workers. */
static void add_workers(const struct daemon *d,
			const struct daemon_config *config, struct argv *argv)
{
	const char *workers = getenv("URING_VSOCK_WORKERS");

	if (config->workers || !d->ours)
		workers = config->workers;
	if (!workers)
		return;
	add_arg(argv, "--workers");
	add_arg(argv, workers);
}

static void make_argv(const struct daemon *d,
		      const struct daemon_config *config, struct argv *argv)
{
	add_arg(argv, program_of(config));
	if (config->engine && d->ours) {
		add_arg(argv, "--engine");
		add_arg(argv, config->engine);
	}
	if (config->classic)
		add_classic(d, argv);
	else
		add_vms(d, config, argv);
	add_workers(d, config, argv);
	for (unsigned i = 0; i < DAEMON_ARGS_MAX && config->args[i]; i++)
		add_arg(argv, config->args[i]);
}

static void become(const struct daemon *d, const struct daemon_config *config,
		   struct argv *argv)
{
	struct rlimit limit = { config->nofile, config->nofile };
	char path[96];
	int log;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Whatever started the tests, such as nohup(1). */
	signal(SIGHUP, config->nohup ? SIG_IGN : SIG_DFL);
	log_path(d, path);
	log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(log, STDERR_FILENO);
	dup2(log, STDOUT_FILENO);
	syscall(SYS_close_range, 3, ~0u, 0);
	if (config->nofile)
		setrlimit(RLIMIT_NOFILE, &limit);
	execvp(argv->args[0], argv->args);
	perror(argv->args[0]);
	_exit(127);
}

static bool exists(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISSOCK(st.st_mode);
}

/* The socket's file exists before anybody listens on it, so the daemon's own
 * log says when it is ready. */
static bool has_started(const struct daemon *d)
{
	if (d->ours)
		return daemon_log_count(d, "started") > 0;
	for (unsigned i = 0; i < d->vms; i++)
		if (!exists(d->socket[i]))
			return false;
	return true;
}

static void await_start(struct daemon *d)
{
	uint64_t until = clock_ms() + HANG_MS;
	int status;

	while (!has_started(d)) {
		if (waitpid(d->pid, &status, WNOHANG) == d->pid) {
			show_log(d);
			die("the daemon does not start, status %#x", status);
		}
		if (clock_ms() > until)
			die("the daemon does not say that it has started");
		poll(NULL, 0, 1);
	}
}

void daemon_start(struct daemon *d, const struct daemon_config *config,
		  struct world *w)
{
	struct argv argv = { .count = 0 };

	*d = (struct daemon){ .world = w,
			      .vms = config->vms ? config->vms : 1 };
	d->ours = !strstr(program_of(config), "vhost-device-vsock");
	make_paths(d);
	make_argv(d, config, &argv);
	d->pid = fork();
	need(d->pid >= 0, "fork");
	if (!d->pid)
		become(d, config, &argv);
	for (unsigned i = 0; i < argv.count; i++)
		free(argv.args[i]);
	await_start(d);
	d->watch = (struct watch){ (int)syscall(SYS_pidfd_open, d->pid, 0),
				   EPOLLIN, on_death };
	need(d->watch.fd >= 0, "pidfd_open");
	world_watch(w, &d->watch);
}

static void forget(struct daemon *d)
{
	world_unwatch(d->world, &d->watch);
	close(d->watch.fd);
	d->watch.fd = -1;
}

static void expect_clean(struct daemon *d)
{
	char path[96];

	for (unsigned i = 0; i < d->vms && d->ours; i++)
		if (exists(d->socket[i]) || exists(d->uds[i]))
			die("the daemon leaves %s or %s behind", d->socket[i],
			    d->uds[i]);
	for (unsigned i = 0; i < d->vms; i++) {
		unlink(d->socket[i]);
		unlink(d->uds[i]);
	}
	log_path(d, path);
	unlink(path);
	rmdir(d->dir);
}

void daemon_expect_exit(struct daemon *d)
{
	struct pollfd p = { .fd = d->watch.fd, .events = POLLIN };
	int status;

	if (poll(&p, 1, HANG_MS) != 1)
		die("the daemon does not stop");
	forget(d);
	waitpid(d->pid, &status, 0);
	d->pid = 0;
	if (d->ours && status) {
		show_log(d);
		die("the daemon ended with status %#x", status);
	}
	expect_clean(d);
}

void daemon_stop(struct daemon *d)
{
	if (!d->pid)
		return;
	kill(d->pid, SIGTERM);
	daemon_expect_exit(d);
}

void daemon_kill(struct daemon *d)
{
	forget(d);
	kill(d->pid, SIGKILL);
	waitpid(d->pid, NULL, 0);
	d->pid = 0;
}

void daemon_freeze(const struct daemon *d)
{
	siginfo_t info;

	need(!kill(d->pid, SIGSTOP), "kill");
	need(!waitid(P_PID, (id_t)d->pid, &info, WSTOPPED), "waitid");
}

void daemon_thaw(const struct daemon *d)
{
	need(!kill(d->pid, SIGCONT), "kill");
}

/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * guest-agent TTY: obeys a serial line, which works without the device under
 * test. Any number of commands run at the same time.
 *
 *   in    ID COMMAND       runs "sh -c COMMAND"
 *         kill ID          ends that command and all that it started
 *   out   ready RELEASE    once, at the start
 *         ID> TEXT         a line that the command wrote
 *         ID exit STATUS   after its last line; 128 + N for signal N
 *
 * A command is over when it and all that holds its output are.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { JOBS_MAX = 64, LINE_MAX_BYTES = 4096 };

struct line {
	char text[LINE_MAX_BYTES];
	size_t used;
};

struct job {
	char id[16];
	pid_t pid;
	int fd; /* its output; -1: the slot is free */
	struct line line;
};

struct agent {
	int tty;
	struct line line;
	struct job jobs[JOBS_MAX];
};

static void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static int open_tty(const char *path)
{
	struct termios mode;
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || tcgetattr(fd, &mode) < 0)
		die(path);
	cfmakeraw(&mode);
	cfsetspeed(&mode, B115200);
	if (tcsetattr(fd, TCSANOW, &mode) < 0)
		die(path);
	return fd;
}

static struct job *find_job(struct agent *agent, const char *id)
{
	unsigned int i;

	for (i = 0; i < JOBS_MAX; i++)
		if (agent->jobs[i].fd >= 0 &&
		    strcmp(agent->jobs[i].id, id) == 0)
			return &agent->jobs[i];
	return NULL;
}

static struct job *free_job(struct agent *agent)
{
	unsigned int i;

	for (i = 0; i < JOBS_MAX; i++)
		if (agent->jobs[i].fd < 0)
			return &agent->jobs[i];
	return NULL;
}

static void run_shell(const char *command, int output)
{
	int nothing = open("/dev/null", O_RDONLY);

	setsid();
	dup2(nothing, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	close(nothing);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static void start_job(struct agent *agent, const char *id, const char *command)
{
	struct job *job = free_job(agent);
	int ends[2];

	if (!job || pipe2(ends, O_CLOEXEC) < 0) {
		dprintf(agent->tty, "%s exit 126\n", id);
		return;
	}
	snprintf(job->id, sizeof(job->id), "%s", id);
	job->fd = ends[0];
	job->line.used = 0;
	job->pid = fork();
	if (job->pid == 0)
		run_shell(command, ends[1]);
	close(ends[1]);
}

static void obey(struct agent *agent, char *line)
{
	char *rest = strchr(line, ' ');
	struct job *job;

	if (!rest)
		return;
	*rest++ = '\0';
	if (strcmp(line, "kill") != 0) {
		start_job(agent, line, rest);
		return;
	}
	job = find_job(agent, rest);
	if (job)
		kill(-job->pid, SIGKILL);
}

/* Reads on; true if the line is complete, or as long as a line may be. */
static bool read_line(int fd, struct line *line, bool *eof)
{
	char *byte = line->text + line->used;
	ssize_t n = read(fd, byte, 1);

	if (n < 0 && errno == EINTR)
		return false;
	*eof = n <= 0;
	if (*eof || *byte == '\n') {
		*byte = '\0';
		return true;
	}
	return ++line->used == sizeof(line->text) - 1;
}

static void end_job(struct agent *agent, struct job *job)
{
	int status = 0, code;

	close(job->fd);
	job->fd = -1;
	waitpid(job->pid, &status, 0);
	code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	dprintf(agent->tty, "%s exit %d\n", job->id, code);
}

static void hear_job(struct agent *agent, struct job *job)
{
	struct line *line = &job->line;
	bool eof = false;

	if (!read_line(job->fd, line, &eof))
		return;
	line->text[line->used] = '\0';
	if (!eof || line->used > 0)
		dprintf(agent->tty, "%s> %s\n", job->id, line->text);
	line->used = 0;
	if (eof)
		end_job(agent, job);
}

static bool hear_tty(struct agent *agent)
{
	bool eof = false;

	if (!read_line(agent->tty, &agent->line, &eof))
		return true;
	agent->line.text[agent->line.used] = '\0';
	agent->line.used = 0;
	obey(agent, agent->line.text);
	return !eof;
}

static bool turn(struct agent *agent)
{
	struct pollfd pollfds[JOBS_MAX + 1];
	bool go_on = true;
	unsigned int i;

	for (i = 0; i < JOBS_MAX; i++)
		pollfds[i] = (struct pollfd){ .fd = agent->jobs[i].fd,
					      .events = POLLIN };
	pollfds[JOBS_MAX] =
		(struct pollfd){ .fd = agent->tty, .events = POLLIN };
	poll(pollfds, JOBS_MAX + 1, -1);
	for (i = 0; i < JOBS_MAX; i++)
		if (pollfds[i].fd >= 0 && pollfds[i].revents)
			hear_job(agent, &agent->jobs[i]);
	if (pollfds[JOBS_MAX].revents)
		go_on = hear_tty(agent);
	return go_on;
}

int main(int argc, char **argv)
{
	static struct agent agent;
	struct utsname name;
	unsigned int i;

	if (argc != 2) {
		fputs("usage: guest-agent TTY\n", stderr);
		return 2;
	}
	agent.tty = open_tty(argv[1]);
	for (i = 0; i < JOBS_MAX; i++)
		agent.jobs[i].fd = -1;
	uname(&name);
	dprintf(agent.tty, "ready %s\n", name.release);
	while (turn(&agent))
		;
	return EXIT_FAILURE;
}

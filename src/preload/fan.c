/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Members are descriptors of the program's process that it must not see: they
 * have high numbers, out of the way of what programs choose or expect, and the
 * table says that they are not open. They never block. The epoll may show a
 * caller whom another thread or process has accepted meanwhile; then the wait
 * goes on at the epoll, with the flags and the receive time-out that the
 * program has set.
 *
 * The other VMs' files are bound by listen(), not by bind(). If one of them is
 * taken listen() fails, and all is as before.
 */
#include "preload/fan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "preload/claim.h"
#include "preload/hold.h"
#include "preload/real.h"
#include "preload/state.h"
#include "preload/swap.h"
#include "preload/table.h"

static struct fan *fan_new(void)
{
	void *fan = mmap(NULL, sizeof(struct fan), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return fan == MAP_FAILED ? NULL : fan;
}

/* FD's file is a member; FD itself stays the caller's. */
static int add_member(struct fan *fan, int fd)
{
	int member = hold_copy(fd);
	struct state_guard saved;
	int err;

	if (member < 0)
		return -errno;
	state_lock(&saved);
	err = table_hide(member);
	state_unlock(&saved);
	if (err)
		real()->close(member);
	else
		fan->fd[fan->count++] = member;
	return err;
}

static int add_vm(struct fan *fan, const struct endpoint *like,
		  const struct vm *vm)
{
	int fd = real()->socket(AF_UNIX, like->type | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = claim_take(fd, vm, like->local.port);
	if (!err) {
		err = add_member(fan, fd);
		if (err)
			claim_release(vm, like->local.port);
	}
	real()->close(fd);
	return err;
}

static int watch(const struct fan *fan, int epoll)
{
	for (unsigned int i = 0; i < fan->count; i++) {
		struct epoll_event event = { .events = EPOLLIN,
					     .data.fd = fan->fd[i] };

		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fan->fd[i], &event) < 0)
			return -errno;
	}
	return 0;
}

static int listen_all(const struct fan *fan, int backlog)
{
	for (unsigned int i = 0; i < fan->count; i++) {
		if (real()->listen(fan->fd[i], backlog) < 0)
			return -errno;
	}
	return 0;
}

/*
 * Puts EPOLL in FD's place. The caller looked at the endpoint without the lock,
 * so another thread may have closed it meanwhile, or made it listen.
 */
static int install(struct fan *fan, int epoll, int fd)
{
	struct endpoint *endpoint;
	struct state_guard saved;
	int err = 0;

	state_lock(&saved);
	endpoint = table_find(fd);
	if (!endpoint || endpoint->state != ENDPOINT_IDLE) {
		err = -EINVAL;
	} else {
		/* The epoll has FD's flags; the members never block. */
		real()->fcntl(epoll, F_SETFL,
			      real()->fcntl(fd, F_GETFL) & O_NONBLOCK);
		for (unsigned int i = 0; i < fan->count; i++)
			real()->fcntl(fan->fd[i], F_SETFL, O_NONBLOCK);
		swap_in(endpoint, epoll);
		endpoint->fan = fan;
		endpoint->state = ENDPOINT_LISTENING;
	}
	state_unlock(&saved);
	if (!err)
		fan_follow_all(fd);
	return err;
}

static int fill(struct fan *fan, int epoll, int fd, const struct endpoint *like,
		int backlog)
{
	int err = add_member(fan, fd);

	for (unsigned int i = 1; !err && i < vms_count(); i++)
		err = add_vm(fan, like, vms_at(i));
	if (!err)
		err = listen_all(fan, backlog);
	if (!err)
		err = watch(fan, epoll);
	return err ? err : install(fan, epoll, fd);
}

/* If it fails the first VM's file stays, which is that of the program's
 * bind(). */
int fan_open(int fd, const struct endpoint *like, int backlog)
{
	struct fan *fan = fan_new();
	int epoll;
	int err;

	if (!fan)
		return -ENOMEM;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	err = epoll < 0 ? -errno : fill(fan, epoll, fd, like, backlog);
	if (err) {
		fan_close(fan);
		for (unsigned int i = 1; i < vms_count(); i++)
			claim_release(vms_at(i), like->local.port);
	}
	if (epoll >= 0)
		real()->close(epoll);
	return err;
}

void fan_close(struct fan *fan)
{
	struct state_guard saved;

	for (unsigned int i = 0; i < fan->count; i++) {
		state_lock(&saved);
		table_unhide(fan->fd[i]);
		state_unlock(&saved);
		real()->close(fan->fd[i]);
	}
	munmap(fan, sizeof(*fan));
}

struct fan *fan_inherit(const int *fds, unsigned int count)
{
	struct fan *fan = fan_new();
	struct state_guard saved;

	if (!fan)
		return NULL;
	state_lock(&saved);
	for (unsigned int i = 0; i < count; i++) {
		if (table_hide(fds[i]) == 0)
			fan->fd[fan->count++] = fds[i];
	}
	state_unlock(&saved);
	return fan;
}

/* Calls DO_IT for the fan of FD, with the lock. */
static int with_fan(int fd, int (*do_it)(const struct fan *fan, void *argument),
		    void *argument)
{
	struct endpoint *endpoint;
	struct state_guard saved;
	int err = -EBADF;

	state_lock(&saved);
	endpoint = table_find(fd);
	if (endpoint && endpoint->fan)
		err = do_it(endpoint->fan, argument);
	state_unlock(&saved);
	return err;
}

static int listen_again(const struct fan *fan, void *backlog)
{
	return listen_all(fan, *(int *)backlog);
}

int fan_listen(int fd, int backlog)
{
	return with_fan(fd, listen_again, &backlog);
}

struct option {
	int level, name;
	const void *new_value;
	void *value;
	socklen_t *length;
};

static int set_all(const struct fan *fan, void *argument)
{
	const struct option *option = argument;

	for (unsigned int i = 0; i < fan->count; i++) {
		if (real()->setsockopt(fan->fd[i], option->level, option->name,
				       option->new_value, *option->length) < 0)
			return -errno;
	}
	return 0;
}

int fan_setsockopt(int fd, int level, int option, const void *value,
		   socklen_t length)
{
	struct option set = { .level = level,
			      .name = option,
			      .new_value = value,
			      .length = &length };

	return with_fan(fd, set_all, &set);
}

static int get_one(const struct fan *fan, void *argument)
{
	const struct option *option = argument;

	return real()->getsockopt(fan->fd[0], option->level, option->name,
				  option->value, option->length) < 0
		       ? -errno
		       : 0;
}

int fan_getsockopt(int fd, int level, int option, void *value,
		   socklen_t *length)
{
	struct option get = {
		.level = level, .name = option, .value = value, .length = length
	};

	return with_fan(fd, get_one, &get);
}

static int set_flags(const struct fan *fan, void *flags)
{
	for (unsigned int i = 0; i < fan->count; i++)
		real()->fcntl(fan->fd[i], F_SETFD, *(int *)flags);
	return 0;
}

void fan_follow(int fd, int like)
{
	int flags = real()->fcntl(like, F_GETFD);

	if (flags >= 0)
		with_fan(fd, set_flags, &flags);
}

/* FD_CLOEXEC if all descriptors of the program for ENDPOINT have it. */
static int common_flags(const struct endpoint *endpoint)
{
	int flags = FD_CLOEXEC;

	for (int fd = table_next(0); fd >= 0; fd = table_next(fd + 1)) {
		int own;

		if (table_find(fd) != endpoint || table_is_hidden(fd))
			continue;
		own = real()->fcntl(fd, F_GETFD);
		if (own >= 0)
			flags &= own;
	}
	return flags;
}

void fan_follow_all(int fd)
{
	struct endpoint *endpoint;
	struct state_guard saved;
	int flags;

	state_lock(&saved);
	endpoint = table_find(fd);
	if (endpoint && endpoint->fan) {
		flags = common_flags(endpoint);
		set_flags(endpoint->fan, &flags);
	}
	state_unlock(&saved);
}

/* Milliseconds that accept() waits, or -1. */
static int patience(int fd)
{
	struct timeval limit = { 0 };
	socklen_t length = sizeof(limit);

	fan_getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, &length);
	if (!limit.tv_sec && !limit.tv_usec)
		return -1;
	if (limit.tv_sec >= INT_MAX / 1000)
		return INT_MAX;
	return (int)(limit.tv_sec * 1000 + (limit.tv_usec + 999) / 1000);
}

/* 0 when there may be a caller; -EAGAIN when none has come in time. */
static int wait_for_one(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int n;

	if (real()->fcntl(fd, F_GETFL) & O_NONBLOCK)
		return -EAGAIN;
	n = poll(&poll_fd, 1, patience(fd));
	if (n < 0)
		return -errno;
	return n ? 0 : -EAGAIN;
}

/* Level-triggered and one at a time: the epoll goes round the members. */
int fan_accept(int fd, struct sockaddr_un *peer, socklen_t *length, int flags)
{
	struct epoll_event event;

	for (;;) {
		int n = epoll_wait(fd, &event, 1, 0);
		int client;

		if (n < 0)
			return -errno;
		if (!n) {
			n = wait_for_one(fd);
			if (n)
				return n;
			continue;
		}
		client = real()->accept4(event.data.fd, (void *)peer, length,
					 flags);
		if (client >= 0 || errno != EAGAIN)
			return client < 0 ? -errno : client;
	}
}

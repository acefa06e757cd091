/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The interposed functions that copy and close descriptors.  A vfork() child
 * must leave the table to its parent, whose descriptors it does not change;
 * what is hidden from the one is hidden from the other.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/answer.h"
#include "preload/fan.h"
#include "preload/listen.h"
#include "preload/real.h"
#include "preload/state.h"
#include "preload/table.h"

/* A copy that is to live through exec() takes a fan's members with it. */
static void keep_members(int from, int to)
{
	struct endpoint now;

	if (table_view(from, &now) && now.fan &&
	    !(real()->fcntl(to, F_GETFD) & FD_CLOEXEC))
		fan_follow(from, to);
}

/* TO is a copy of FROM now, if it is a descriptor at all. */
static int copied(int from, int to)
{
	const int saved = errno;
	struct endpoint last;

	if (to < 0 || from == to || (!table_has(from) && !table_has(to)))
		return to;
	keep_members(from, to);
	if (state_is_ours() && table_alias(from, to, &last))
		listen_end(&last);
	errno = saved;
	return to;
}

EXPORT int dup(int fd)
{
	return copied(fd, real()->dup(fd));
}

/* What dup2(2) says when it meets a descriptor that is just being opened is
 * the answer for one that the program cannot see. */
EXPORT int dup2(int from, int to)
{
	if (table_is_hidden(to))
		return answer(-EBUSY, 0);
	return copied(from, real()->dup2(from, to));
}

EXPORT int dup3(int from, int to, int flags)
{
	if (table_is_hidden(to))
		return answer(-EBUSY, 0);
	return copied(from, real()->dup3(from, to, flags));
}

static int after_fcntl(int fd, int command, int result)
{
	const int saved = errno;

	if (result < 0 || !table_has(fd))
		return result;
	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
		return copied(fd, result);
	if (command == F_SETFD)
		fan_follow(fd, fd);
	errno = saved;
	return result;
}

EXPORT int fcntl(int fd, int command, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, command);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	return after_fcntl(fd, command, real()->fcntl(fd, command, argument));
}

EXPORT int fcntl64(int fd, int command, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, command);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	return after_fcntl(fd, command, real()->fcntl64(fd, command, argument));
}

/* The entry goes first: once it is closed, another thread may open FD. */
EXPORT int close(int fd)
{
	struct endpoint last;
	int saved;
	int result;

	if (table_is_hidden(fd))
		return answer(-EBADF, 0);
	if (!table_has(fd) || !state_is_ours() || !table_drop(fd, &last))
		return real()->close(fd);
	result = real()->close(fd);
	saved = errno;
	listen_end(&last);
	errno = saved;
	return result;
}

static int real_close_range(unsigned int first, unsigned int last, int flags)
{
	if (real()->close_range)
		return real()->close_range(first, last, flags);
	return (int)syscall(SYS_close_range, first, last, flags);
}

/* One descriptor that the table has and the range holds, which begins at
 * *FIRST. */
static int close_known(int fd, unsigned int *first, int flags)
{
	int result = 0;

	if (table_is_hidden(fd)) {
		if ((unsigned int)fd > *first)
			result = real_close_range(*first, (unsigned int)fd - 1,
						  flags);
		*first = (unsigned int)fd + 1;
	} else {
		close(fd);
	}
	return result;
}

EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
	const int saved = errno;
	int fd;

	if (first > last || flags)
		return real_close_range(first, last, flags);
	if (first > INT_MAX)
		return real_close_range(first, last, flags);
	for (fd = table_next((int)first); fd >= 0 && (unsigned int)fd <= last;
	     fd = table_next(fd + 1)) {
		if (close_known(fd, &first, flags) < 0)
			return -1;
	}
	errno = saved;
	return first > last ? 0 : real_close_range(first, last, flags);
}

EXPORT void closefrom(int lowest)
{
	if (table_next(lowest < 0 ? 0 : lowest) >= 0)
		close_range(lowest < 0 ? 0 : (unsigned int)lowest, UINT_MAX, 0);
	else
		real()->closefrom(lowest);
}

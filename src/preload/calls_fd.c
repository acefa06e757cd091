/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The interposed functions that copy and close descriptors.  A vfork() child
 * must leave the table to its parent, whose descriptors it does not change;
 * what is hidden from the one is hidden from the other.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/answer.h"
#include "preload/fan.h"
#include "preload/listen.h"
#include "preload/real.h"
#include "preload/state.h"
#include "preload/table.h"

/* Notes that TO is a copy of FROM now, if it is a descriptor at all. Returns
 * TO. */
static int note_copy(int from, int to)
{
	const int saved = errno;
	struct endpoint now, last;

	if (to < 0 || from == to || (!table_has(from) && !table_has(to)))
		return to;
	/* A copy that is to live through exec() takes a fan's members along. */
	if (table_view(from, &now) && now.fan &&
	    !(real()->fcntl(to, F_GETFD) & FD_CLOEXEC))
		fan_follow(from, to);
	if (state_is_ours() && table_alias(from, to, &last))
		listen_end(&last);
	errno = saved;
	return to;
}

EXPORT int dup(int fd)
{
	return note_copy(fd, real()->dup(fd));
}

/* A descriptor that the program cannot see is refused with EBUSY, as dup2(2)
 * refuses one that is just being opened. */
EXPORT int dup2(int from, int to)
{
	if (table_is_hidden(to))
		return answer(-EBUSY, 0);
	return note_copy(from, real()->dup2(from, to));
}

EXPORT int dup3(int from, int to, int flags)
{
	if (table_is_hidden(to))
		return answer(-EBUSY, 0);
	return note_copy(from, real()->dup3(from, to, flags));
}

static int after_fcntl(int fd, int command, int result)
{
	const int saved = errno;

	if (result < 0 || !table_has(fd))
		return result;
	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
		return note_copy(fd, result);
	if (command == F_SETFD)
		fan_follow_all(fd);
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

/*
 * Deals with FD, which the table has, in a range that begins at *FIRST. A
 * hidden FD is left out: what lies before it is closed, and the range begins
 * behind it. Any other FD is closed by close() if it is ours, or else with the
 * rest.
 */
static int close_known(int fd, unsigned int *first, bool ours)
{
	int result = 0;

	if (table_is_hidden(fd)) {
		if ((unsigned int)fd > *first)
			result = real_close_range(*first, (unsigned int)fd - 1,
						  0);
		*first = (unsigned int)fd + 1;
	} else if (ours) {
		close(fd);
	}
	return result;
}

static int close_all(unsigned int first, unsigned int last, bool ours)
{
	int fd;

	for (fd = table_next((int)first); fd >= 0 && (unsigned int)fd <= last;
	     fd = table_next(fd + 1)) {
		if (close_known(fd, &first, ours) < 0)
			return -1;
	}
	return first > last ? 0 : real_close_range(first, last, 0);
}

/*
 * Whether this process has one thread only. The links of /proc/self/task count
 * a directory for each thread (proc(5)). Where /proc is not mounted there may
 * be other threads, which would lose what they share, so the answer is no.
 */
static bool is_alone(void)
{
	struct stat st;

	return stat("/proc/self/task", &st) == 0 && st.st_nlink <= 3;
}

/* The range may hold members without their listener, and the other way
 * round. */
static int close_on_exec(unsigned int first, unsigned int last, int flags)
{
	int result = real_close_range(first, last, flags);

	for (int fd = table_next(0); fd >= 0; fd = table_next(fd + 1)) {
		if (!table_is_hidden(fd))
			fan_follow_all(fd);
	}
	return result;
}

/* Ranges and flags that are wrong are left to the kernel to refuse. */
EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
	const unsigned int how = (unsigned int)flags;
	const int saved = errno;
	int result;

	if (first > last || first > INT_MAX ||
	    how & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC))
		return real_close_range(first, last, flags);
	if (how & CLOSE_RANGE_CLOEXEC)
		result = close_on_exec(first, last, flags);
	else if (how & CLOSE_RANGE_UNSHARE)
		/*
		 * The descriptors become this thread's own first. Other threads
		 * keep theirs, and the table, which lies in the memory that they
		 * share. Where there are none the table is this thread's too.
		 */
		result = unshare(CLONE_FILES) < 0
				 ? -1
				 : close_all(first, last, is_alone());
	else
		result = close_all(first, last, true);
	if (!result)
		errno = saved;
	return result;
}

EXPORT void closefrom(int lowest)
{
	if (table_next(lowest < 0 ? 0 : lowest) >= 0)
		close_range(lowest < 0 ? 0 : (unsigned int)lowest, UINT_MAX, 0);
	else
		real()->closefrom(lowest);
}

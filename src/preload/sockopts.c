/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What a program sets it must get back as it would from the kernel: a buffer's
 * size is brought between its bounds whenever one of the three changes, and a
 * time-out of 0 is the default one. The time-out comes in two layouts, with the
 * machine's long and with 64 bits, each of which has an option number of its
 * own.
 */
#include "preload/sockopts.h"

#include <errno.h>
#include <sys/time.h>
#include <linux/vm_sockets.h>
#include <string.h>

#include "preload/state.h"
#include "preload/table.h"

#define SECOND 1000000
#define SECONDS_MAX (INT64_MAX / SECOND / 2)

/* struct timeval as 64-bit programs and, since _NEW, all of them have it */
struct time64 {
	int64_t sec, usec;
};

/* and as the machine's own word has it */
struct time_old {
	long sec, usec;
};

static int take_time(const void *value, socklen_t length, bool old,
		     struct time64 *out)
{
	struct time_old narrow;

	if (length < (old ? sizeof(narrow) : sizeof(*out)))
		return -EINVAL;
	if (old) {
		memcpy(&narrow, value, sizeof(narrow));
		*out = (struct time64){ narrow.sec, narrow.usec };
	} else {
		memcpy(out, value, sizeof(*out));
	}
	return 0;
}

static int set_timeout(struct endpoint *endpoint, const void *value,
		       socklen_t length, bool old)
{
	struct time64 time;
	int err = take_time(value, length, old, &time);

	if (err)
		return err;
	if (time.sec < 0 || time.sec > SECONDS_MAX || time.usec < 0 ||
	    time.usec >= SECOND)
		return -ERANGE;
	endpoint->connect_timeout = time.sec * SECOND + time.usec;
	if (!endpoint->connect_timeout)
		endpoint->connect_timeout = ENDPOINT_CONNECT_TIMEOUT;
	return 0;
}

static int set_buffer(struct endpoint *endpoint, int option, const void *value,
		      socklen_t length)
{
	uint64_t bytes;

	if (length < sizeof(bytes))
		return -EINVAL;
	memcpy(&bytes, value, sizeof(bytes));
	if (option == SO_VM_SOCKETS_BUFFER_MAX_SIZE)
		endpoint->buffer_max = bytes;
	else if (option == SO_VM_SOCKETS_BUFFER_MIN_SIZE)
		endpoint->buffer_min = bytes;
	else
		endpoint->buffer_size = bytes;
	/* The lower bound wins if it is above the upper one. */
	if (endpoint->buffer_size > endpoint->buffer_max)
		endpoint->buffer_size = endpoint->buffer_max;
	if (endpoint->buffer_size < endpoint->buffer_min)
		endpoint->buffer_size = endpoint->buffer_min;
	return 0;
}

static int set(struct endpoint *endpoint, int option, const void *value,
	       socklen_t length)
{
	switch (option) {
	case SO_VM_SOCKETS_BUFFER_SIZE:
	case SO_VM_SOCKETS_BUFFER_MAX_SIZE:
	case SO_VM_SOCKETS_BUFFER_MIN_SIZE:
		return set_buffer(endpoint, option, value, length);
	case SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD:
	case SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW:
		return set_timeout(endpoint, value, length,
				   option == SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD);
	default:
		return -ENOPROTOOPT;
	}
}

int sockopts_set(int fd, int option, const void *value, socklen_t length)
{
	struct endpoint *endpoint;
	struct state_guard saved;
	int err = -EBADF;

	if (!value && length)
		return -EFAULT;
	state_lock(&saved);
	endpoint = table_find(fd);
	if (endpoint)
		err = set(endpoint, option, value, length);
	state_unlock(&saved);
	return err;
}

/* LENGTH bytes are the answer; less room than that is a mistake. */
static int give(const void *answer, socklen_t size, void *value,
		socklen_t *length)
{
	if (*length > INT32_MAX || *length < size)
		return -EINVAL;
	memcpy(value, answer, size);
	*length = size;
	return 0;
}

static int give_timeout(int64_t timeout, bool old, void *value,
			socklen_t *length)
{
	struct time64 wide = { timeout / SECOND, timeout % SECOND };
	struct time_old narrow = { (long)wide.sec, (long)wide.usec };

	return old ? give(&narrow, sizeof(narrow), value, length)
		   : give(&wide, sizeof(wide), value, length);
}

int sockopts_get(const struct endpoint *endpoint, int option, void *value,
		 socklen_t *length)
{
	if (!value || !length)
		return -EFAULT;
	switch (option) {
	case SO_VM_SOCKETS_BUFFER_SIZE:
		return give(&endpoint->buffer_size, sizeof(uint64_t), value,
			    length);
	case SO_VM_SOCKETS_BUFFER_MAX_SIZE:
		return give(&endpoint->buffer_max, sizeof(uint64_t), value,
			    length);
	case SO_VM_SOCKETS_BUFFER_MIN_SIZE:
		return give(&endpoint->buffer_min, sizeof(uint64_t), value,
			    length);
	case SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD:
	case SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW:
		return give_timeout(endpoint->connect_timeout,
				    option == SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD,
				    value, length);
	default:
		return -ENOPROTOOPT;
	}
}

int sockopts_get_domain(void *value, socklen_t *length)
{
	const int domain = AF_VSOCK;

	if (!value || !length)
		return -EFAULT;
	if (*length > INT32_MAX)
		return -EINVAL;
	if (*length > sizeof(domain))
		*length = sizeof(domain);
	memcpy(value, &domain, *length);
	return 0;
}

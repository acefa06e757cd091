/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A read of a stream ends behind the message that brings descriptors, so that
 * one read brings the descriptors of one message at the most. The kernel hands
 * out each descriptor for which a number is free, unless a security module
 * objects to it; it closes the others on the reader's thread. descriptors_lend()
 * sees to the numbers. A security module that denies the daemon single files is
 * the host's administrator's choice.
 *
 * Descriptors that the closer has not closed yet count as the VM's
 * (guest->fds.closing) until count_closed() looks again.
 */
#include "link/rights.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "base/bytes.h"
#include "base/closer.h"
#include "base/fd.h"
#include "guest/guest.h"
#include "ring/ring.h"
#include "turn/descriptors.h"
#include "turn/loop.h"
#include "turn/turn.h"

/* No message brings more descriptors: unix(7), SCM_MAX_FD. */
#define RIGHTS_MAX 253

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(RIGHTS_MAX * sizeof(int))];
};

struct rights {
	union control controls[TURN_RECVS];
};

static bool kernel_refuses(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool refuses = fd >= 0 && !fd_refuse_rights(fd);

	fd_close(&fd);
	return refuses;
}

int rights_new(struct rights **rights)
{
	*rights = NULL;
	if (kernel_refuses())
		return 0;
	*rights = malloc(sizeof(**rights));
	return *rights ? 0 : -ENOMEM;
}

void rights_free(struct rights *rights)
{
	free(rights);
}

void rights_set_up(const struct rights *rights, int fd)
{
	const int on = 1;

	if (rights)
		setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
}

static ssize_t look(int fd, void *to, size_t len, int flags)
{
	struct iovec iov = { to, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = recvmsg(fd, &msg, MSG_PEEK | MSG_DONTWAIT | flags);

	if (n < 0 || !rights_seen(&msg))
		return n;
	errno = EPERM;
	return -1;
}

ssize_t rights_peek(const struct rights *rights, int fd, void *to, size_t len,
		    int flags)
{
	return rights ? look(fd, to, len, flags)
		      : recv(fd, to, len, MSG_PEEK | MSG_DONTWAIT | flags);
}

ssize_t rights_recv(const struct rights *rights, int fd, void *to, size_t len,
		    int flags)
{
	ssize_t n;

	if (rights) {
		n = look(fd, to, len, flags);
		if (n < 0)
			return n;
		len = min_u64(len, (uint64_t)n);
	}
	return recv(fd, to, len, MSG_DONTWAIT | flags);
}

/* The closer may have closed some since the last look. */
static void count_closed(struct guest *guest)
{
	struct loop *loop = guest->loop;
	unsigned pending = closer_pending(guest->host_closer);

	while (guest->fds.closing > pending) {
		guest->fds.closing--;
		descriptors_give(loop->descriptors, &guest->fds.held);
		loop_descriptor_freed(loop);
	}
}

bool rights_take_descriptor(struct guest *guest)
{
	count_closed(guest);
	return descriptors_take(guest->loop->descriptors, &guest->fds.held);
}

bool rights_make_room(struct rights *rights, struct guest *guest, unsigned slot,
		      struct msghdr *msg)
{
	union control *control = &rights->controls[slot];

	count_closed(guest);
	if (!descriptors_lend(guest->loop->descriptors, &guest->fds.held,
			      RIGHTS_MAX))
		return false;
	msg->msg_control = control;
	msg->msg_controllen = sizeof(*control);
	return true;
}

bool rights_take(struct guest *guest, struct msghdr *msg, int result)
{
	int fds[RIGHTS_MAX];
	/* A read that fails leaves the room as it was. */
	unsigned n = result < 0 ? 0 : fd_take_rights(msg, fds);

	descriptors_return(guest->loop->descriptors, &guest->fds.held,
			   RIGHTS_MAX - n);
	guest->fds.closing += n;
	closer_close(guest->host_closer, fds, n);
	return n;
}

/* What lies unread in FD may bring descriptors: any message of SEQPACKET, as
 * one without a byte may, but of a stream only bytes. */
static bool may_hold_rights(int fd)
{
	socklen_t len = sizeof(int);
	int type, bytes;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	    type != SOCK_STREAM || ioctl(fd, SIOCINQ, &bytes) < 0)
		return true;
	return bytes > 0;
}

void rights_close(const struct rights *rights, struct guest *guest, int *fd)
{
	struct loop *loop = guest->loop;

	if (rights && may_hold_rights(*fd)) {
		count_closed(guest);
		ring_let_go(loop->ring);
		guest->fds.closing++;
		closer_close_one(guest->host_closer, fd);
		return;
	}
	fd_close(fd);
	descriptors_give(loop->descriptors, &guest->fds.held);
	loop_descriptor_freed(loop);
}

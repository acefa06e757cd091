/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Descriptors that host programs send along (SCM_RIGHTS, unix(7)). Nobody here
 * wants them, and the thread that closes the last descriptor of something may
 * sleep for as long as its owner likes. The kernel closes them in a recvmsg(2)
 * that leaves no room for them, and in the close(2) of the socket where they
 * lie unread.
 *
 * From Linux 6.16 on, the sockets refuse descriptors (fd_refuse_rights()), and
 * nothing of this is needed: loop->rights is NULL, and so is RIGHTS below. On
 * an older kernel no worker closes any either, and a connection that brings one
 * is cut off. A look (MSG_PEEK) tells whether the next bytes bring any, and
 * takes none. As a look copies the bytes once more, a turn's reads do without:
 * they receive what comes, up to the VM's share of descriptors, and the VM's
 * closer closes it. The closer also closes sockets in which some may be left.
 */
#ifndef URING_VSOCK_LINK_RIGHTS_H
#define URING_VSOCK_LINK_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

struct guest;
struct rights;

/* Sets *RIGHTS, for the reads of one worker; to NULL where the kernel refuses
 * host programs' descriptors. 0 or -ENOMEM. */
int rights_new(struct rights **rights);

/* Accepts NULL. */
void rights_free(struct rights *rights);

/* Sets a host program's socket up so that urgent data (MSG_OOB) is read like
 * the rest. Otherwise a read would throw it away with all that it brings. */
void rights_set_up(const struct rights *rights, int fd);

/*
 * recv(2) with FLAGS and without waiting: rights_peek() with MSG_PEEK,
 * rights_recv() without it, of what a look has shown to be bytes and nothing
 * else. -1 and errno: EPERM where descriptors are among the bytes; they stay
 * where they are.
 */
ssize_t rights_peek(const struct rights *rights, int fd, void *to, size_t len,
		    int flags);
ssize_t rights_recv(const struct rights *rights, int fd, void *to, size_t len,
		    int flags);

/* recvmsg(2) with MSG_PEEK, which filled MSG in, has seen descriptors. */
static inline bool rights_seen(const struct msghdr *msg)
{
	return msg->msg_flags & MSG_CTRUNC;
}

/*
 * Gives MSG, which is of the turn's read number SLOT, room for all descriptors
 * that one message can bring. False: the VM has its share of descriptors; then
 * look before you read.
 */
bool rights_make_room(struct rights *rights, struct guest *guest, unsigned slot,
		      struct msghdr *msg);

/* Hands MSG's descriptors to the closer, after a read for which room was made
 * and whose result is RESULT. True: there were some. */
bool rights_take(struct guest *guest, struct msghdr *msg, int result);

/* descriptors_take() for a socket of GUEST's, when those are given back that
 * the closer has closed meanwhile. */
bool rights_take_descriptor(struct guest *guest);

/*
 * Closes *FD, a host program's socket for which a descriptor was taken
 * (rights_take_descriptor()), and gives that back. Call when nothing more can be
 * sent to it, as after shutdown(2), and when it is not watched any more.
 */
void rights_close(const struct rights *rights, struct guest *guest, int *fd);

#endif

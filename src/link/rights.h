/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Descriptors that host programs send along (SCM_RIGHTS, unix(7)). Nobody here
 * wants them, and whoever closes the last descriptor of something may sleep for
 * as long as its owner likes: the kernel does that in the recvmsg(2) that leaves
 * no room for them, and in the close(2) of the socket where they lie unread.
 *
 * From Linux 6.16 on the sockets refuse them (fd_refuse_rights()), and nothing
 * of this is needed: loop->rights is NULL, and so are the RIGHTS below. On an
 * older kernel none is closed by a worker either, and a connection that brings
 * one is cut off. A look (MSG_PEEK) tells whether the next bytes bring any, and
 * takes none. As it copies the bytes once more, a turn's reads do without, and
 * receive what comes, up to the VM's share of descriptors; the VM's closer
 * closes that. So it does the sockets in which some may be left.
 */
#ifndef URING_VSOCK_LINK_RIGHTS_H
#define URING_VSOCK_LINK_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

struct guest;
struct rights;

/* *RIGHTS is for the reads of one worker; NULL where the kernel has host
 * programs' descriptors refused. 0 or -ENOMEM. */
int rights_new(struct rights **rights);

/* Accepts NULL. */
void rights_free(struct rights *rights);

/* Sets a host program's socket up, so that urgent data (MSG_OOB), which a read
 * would throw away with all it brings, is read like the rest. */
void rights_set_up(const struct rights *rights, int fd);

/*
 * recv(2) with MSG_PEEK, FLAGS and without waiting, or without MSG_PEEK of what
 * a look has shown to be bytes and nothing else. -1 and errno: EPERM where
 * descriptors are among them, which stay where they are.
 */
ssize_t rights_peek(const struct rights *rights, int fd, void *to, size_t len,
		    int flags);
ssize_t rights_recv(const struct rights *rights, int fd, void *to, size_t len,
		    int flags);

/* What recvmsg(2) has said with MSG_PEEK: descriptors are there. */
static inline bool rights_seen(const struct msghdr *msg)
{
	return msg->msg_flags & MSG_CTRUNC;
}

/*
 * MSG, of the turn's read number SLOT, gets room for all that one message can
 * bring. False: the VM has its share of descriptors; look before you read.
 */
bool rights_make_room(struct rights *rights, struct guest *guest, unsigned slot,
		      struct msghdr *msg);

/* After the read, if room was made for it: MSG's descriptors go to the closer.
 * RESULT is the read's. True: there were some. */
bool rights_take(struct guest *guest, struct msghdr *msg, int result);

/*
 * Closes *FD, a host program's socket that was the VM's (descriptors_take()),
 * and gives it back. After shutdown(2), so that no more is sent to it, and when
 * it is watched no more.
 */
void rights_close(const struct rights *rights, struct guest *guest, int *fd);

#endif

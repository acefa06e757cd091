/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A host program's messages (SEQPACKET), one at a time, on the way to the
 * guest. The socket gives a message whole or cut, never in parts, so its size
 * is asked for first: what the guest can take now is read straight into its
 * buffers, another one is held on our side and goes in pieces.
 */
#ifndef URING_VSOCK_HOST_INCOMING_H
#define URING_VSOCK_HOST_INCOMING_H

#include <stdint.h>
#include <sys/uio.h>

struct host_end;

/*
 * Bytes of the next message, which may be 0; -EAGAIN when none is there, and
 * host->readable is reset; another negative errno when no more will come:
 * -ENODATA at the end, -EPERM where descriptors came. Where the program left
 * without reading all that it was sent, what it had sent itself comes first. No
 * message may be held.
 */
int incoming_size(struct host_end *host);

/* Reads the next message, of LEN bytes, into IOV. 0 or -errno; -EFAULT: the
 * memory behind IOV is gone. */
int incoming_read(struct host_end *host, struct iovec *iov, unsigned count,
		  uint32_t len);

/* Reads the next message, of LEN bytes, into host->held. 0 or -errno. */
int incoming_hold(struct host_end *host, uint32_t len);

#endif

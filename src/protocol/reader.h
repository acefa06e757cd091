/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Assembles messages from a stream, however it was cut. Descriptors belong to
 * the message during whose bytes they arrive: to know that exactly, read no
 * more than reader_wants() bytes at a time.
 *
 *	n = recvmsg(..., reader_wants(r));
 *	reader_add_fds(r, fds, nfds);
 *	reader_push(r, bytes, n);
 *	while ((ret = reader_next(r, &message, &why)) > 0)
 *		...
 */
#ifndef URING_VSOCK_PROTOCOL_READER_H
#define URING_VSOCK_PROTOCOL_READER_H

#include <stddef.h>

#include "protocol/message.h"

struct reader {
	struct message message; /* being assembled */
	size_t have;		/* bytes of it */
	uint8_t header[MESSAGE_HEADER];
	const char *broken; /* NULL, or what is wrong with the stream */
};

void reader_init(struct reader *r);

/* The descriptors of an unfinished message become the caller's, in FDS, as by
 * message_take_fds(). The message is forgotten. */
unsigned reader_end(struct reader *r, int *fds);

/* Bytes that complete the current header, or else its payload; never 0. */
size_t reader_wants(const struct reader *r);

/*
 * The descriptors of the message that the next byte belongs to, if it has room
 * for them: returns how many it has taken. The rest stay the caller's.
 */
unsigned reader_add_fds(struct reader *r, const int *fds, unsigned nfds);

/*
 * Takes bytes up to the end of the current message, and returns how many; push
 * the rest after reader_next() gave that message.
 */
size_t reader_push(struct reader *r, const void *bytes, size_t n);

/* Some of the descriptors that came with the bytes pushed last were not taken:
 * the message has too many. Before the next call of reader_next(). */
void reader_lost_fds(struct reader *r);

/*
 * 1: OUT is the next message, whose descriptors are the caller's now. 0: more
 * bytes are needed. -EPROTO: wrong version, not a request, or too long; there
 * is no way to find the next message, and *WHY says so.
 */
int reader_next(struct reader *r, struct message *out, const char **why);

#endif

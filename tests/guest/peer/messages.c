/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "messages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MESSAGE_MAX (512u * 1024u)

/* Sends a message back as it came. Returns 0 or -errno. */
static int answer(struct transfer *transfer, const uint8_t *bytes, size_t n)
{
	ssize_t sent = send(transfer->fd, bytes, n, MSG_NOSIGNAL);

	if (sent < 0)
		return -errno;
	if ((size_t)sent < n)
		return -EMSGSIZE;
	checksum_add(&transfer->received_sum, bytes, n);
	checksum_add(&transfer->sent_sum, bytes, n);
	atomic_fetch_add(&transfer->received, n);
	atomic_fetch_add(&transfer->sent, n);
	return 0;
}

void messages_echo(struct transfer *transfer)
{
	uint8_t *bytes = malloc(MESSAGE_MAX);
	ssize_t n = 0;
	int error = 0;

	if (!bytes)
		error = -ENOMEM;
	while (!error) {
		n = recv(transfer->fd, bytes, MESSAGE_MAX, 0);
		if (n <= 0)
			break;
		error = answer(transfer, bytes, (size_t)n);
	}
	if (n < 0)
		error = -errno;
	if (error)
		snprintf(transfer->error, sizeof(transfer->error),
			 "message after %llu bytes: %s",
			 (unsigned long long)transfer->received,
			 strerror(-error));
	free(bytes);
}

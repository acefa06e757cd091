/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The three kinds of addresses at which a test program can meet another one:
 *
 *   vsock:CID:PORT      AF_VSOCK; "any" as the CID to listen
 *   unix:PATH           a plain Unix socket
 *   hybrid:PATH:PORT    a Unix socket that takes "CONNECT PORT"; to connect only
 */
#ifndef URING_VSOCK_GUEST_ADDRESS_H
#define URING_VSOCK_GUEST_ADDRESS_H

#include <linux/vm_sockets.h>
#include <sys/un.h>

enum address_kind { ADDRESS_VSOCK, ADDRESS_UNIX, ADDRESS_HYBRID };

struct address {
	enum address_kind kind;
	struct sockaddr_vm vm;
	struct sockaddr_un un;
	unsigned int port;
	int type; /* SOCK_STREAM, or SOCK_SEQPACKET but for ADDRESS_HYBRID */
};

/* 0, or -EINVAL. */
int address_parse(const char *text, struct address *out);

/* A connected descriptor that the caller owns, or a negative errno. */
int address_connect(const struct address *address);

/* A listening descriptor that the caller owns, or a negative errno. */
int address_listen(const struct address *address);

/* Removes what listening has left in the file system. */
void address_forget(const struct address *address);

#endif

/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A program that has libvsock-over-uds linked in, in an empty directory, with
 * the VMs 3 (v3) and, if wanted, 4 (v4).  Behind v3 and v3_seqpacket stands
 * somebody who answers CONNECT as the port says.
 */
#ifndef URING_VSOCK_TESTS_PRELOAD_FIXTURE_H
#define URING_VSOCK_TESTS_PRELOAD_FIXTURE_H

#include <linux/vm_sockets.h>
#include <sys/socket.h>

#define ANSWERED_PORT 50001u /* in the OK line */
#define PORT_REFUSED 1u
#define PORT_IN_PIECES 2u /* the answer comes byte by byte */
#define PORT_NONSENSE 3u
#define PORT_SILENT 4u /* no answer */
#define PORT_CUT 5u    /* the end comes within the line */
#define PORT_ENDLESS 6u
#define PORT_LATE 7u /* as any other, when preload_answer() says so */
/* any other: OK, and the word "hello" right behind it */

void preload_one_vm(void);
void preload_two_vms(void);
void preload_end(void);

/* Returns when somebody has asked for PORT_LATE. */
void preload_await_late(void);
void preload_answer_late(void);

struct sockaddr_vm vm_address(unsigned int cid, unsigned int port);
/* connect(), bind() and what is returned; 0 or an errno. */
int vm_connect(int fd, unsigned int cid, unsigned int port);
int vm_bind(int fd, unsigned int cid, unsigned int port);
struct sockaddr_vm vm_name(int fd);
struct sockaddr_vm vm_peer(int fd);
/* A socket that listens on a port of the host. */
int vm_listen(int type, unsigned int port);

/* A guest of VM calls the host's port: a connected Unix socket, or -1. */
int guest_calls(unsigned int vm, int type, unsigned int port);
/* How many files there are beside the stand-in's own. */
unsigned int files(void);

#endif

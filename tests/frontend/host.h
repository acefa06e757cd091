/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Programs on the host: clients of the hybrid socket (CONNECT and OK lines) and
 * servers on <uds-path>_<port>.
 */
#ifndef URING_VSOCK_FRONTEND_HOST_H
#define URING_VSOCK_FRONTEND_HOST_H

#include "frontend/flow.h"
#include "frontend/lengths.h"
#include "frontend/world.h"

struct host_conn {
	struct world *world;
	struct watch watch;
	struct source out;
	struct sink in;
	size_t write_size; /* of each send(2) */
	size_t read_size;  /* of each recv(2) */
	bool paused;	   /* the program does not read */
	bool shut_after;   /* shutdown(SHUT_WR) once all is sent */
	bool shut;	   /* that has been done */
	bool eof;	   /* recv(2) has returned 0 */
	int error;	   /* errno of a failed send or recv */
	bool gone;	   /* over, and no longer watched */
	bool wants_line;   /* the OK line has not come yet */
	char line[32];	   /* with its newline */
	size_t line_length;
	bool seqpacket;		 /* each send and recv is a message */
	struct lengths messages; /* received */
};

/* A blocking connect(2) to PATH; -1 with errno. */
int host_dial(const char *path);
int host_dial_seqpacket(const char *path);
/* A server's listening socket at <uds>_<port>, non-blocking. */
int host_listen(const char *uds, uint32_t port, int backlog);
int host_listen_seqpacket(const char *uds, uint32_t port, int backlog);
void host_unlisten(const char *uds, uint32_t port, int fd);
/* Connects to it until its backlog is full. CLIENTS, which has room for MAX,
 * gets the descriptors; returns how many. */
unsigned host_fill_backlog(const char *uds, uint32_t port, int clients[],
			   unsigned max);
/* Accepts the next client as C; false if there is none. */
bool host_accept(struct host_conn *c, struct world *w, int listener);

bool host_accept_seqpacket(struct host_conn *c, struct world *w, int listener);

/* Takes FD over into the world. */
void host_adopt(struct host_conn *c, struct world *w, int fd);
/* Connects to UDS and sends "CONNECT PORT\n"; the OK line is awaited. */
void host_connect(struct host_conn *c, struct world *w, const char *uds,
		  uint32_t port);
/* The same over <UDS>_seqpacket. */
void host_connect_seqpacket(struct host_conn *c, struct world *w,
			    const char *uds, uint32_t port);
/* Whether an OK line has come; fails if something else has. Returns the host
 * port. */
bool host_ready(const struct host_conn *c);
uint32_t host_port(const struct host_conn *c);

void host_send(struct host_conn *c, uint32_t seed, uint64_t length);
void host_write(struct host_conn *c, const char *text);
void host_shutdown(struct host_conn *c);
void host_pause(struct host_conn *c, bool paused);
void host_close(struct host_conn *c);
bool host_sent(const struct host_conn *c);
/* The connection is over: end of file or an error. */
bool host_over(const struct host_conn *c);

/* As many descriptors as one message may bring: SCM_MAX_FD. */
#define HOST_PASSED_MAX 253

/* Sends LEN bytes with copies of the N descriptors PASSED. 0 or an errno; a send
 * of a part ends the test. */
int host_pass_descriptors(int fd, const void *bytes, size_t len, int flags,
			  const int *passed, unsigned n);

/* Sends TEXT, which may be empty with SEQPACKET, and a copy of the descriptor
 * PASSED. False: the kernel has refused that, and nothing was sent. */
bool host_pass_descriptor(int fd, const char *text, int passed);

#endif

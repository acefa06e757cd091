/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A vhost-user socket of one VM without a daemon around it, and front ends
 * that talk to it. The ends of the guest's connections are counted.
 */
#ifndef URING_VSOCK_TESTS_SESSION_FIXTURE_H
#define URING_VSOCK_TESTS_SESSION_FIXTURE_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/guest.h"
#include "protocol/wire.h"

#define SIZE 128 /* entries of each queue */
#define RAM_SIZE 0x100000
#define RAM_USER 0x7f0000000000ull

struct session_facts {
	struct guest *guest;
	struct frontends *frontends;
	unsigned ended; /* how often the guest's connections ended */
};

extern struct session_facts facts;

/* Engines to run each test on, by the index of loop tests. */
#define ENGINES_TESTED 2

/* Around each test. session_close() finds leaked descriptors. */
void session_open(int engine);
void session_close(void);

/* Connects a front end. Returns its end of the connection. */
int session_connect(void);

/* Lets the daemon's side do all that it can do now. */
void session_pump(void);

/* Sends one message. The descriptors stay the caller's. */
void say(int fd, uint32_t request, uint32_t flags, const void *payload,
	 uint32_t size, const int *fds, unsigned nfds);
void say_nothing(int fd, uint32_t request);
void say_number(int fd, uint32_t request, uint64_t number);
void say_state(int fd, uint32_t request, uint32_t index, uint32_t num);

/* The next reply's payload size (PAYLOAD has room for 4096 bytes), -1 if there
 * is none, -2 if the connection was closed. Pumps first. */
int hear(int fd, uint32_t request, void *payload);

/* The next reply, which is one number. */
uint64_t hear_number(int fd, uint32_t request);

/* FD was neither closed nor answered. */
void expect_silence(int fd);
void expect_closed(int fd);

/* Asks for an acknowledgement, and returns it. */
uint64_t ask(int fd, uint32_t request, const void *payload, uint32_t size,
	     const int *fds, unsigned nfds);

/* Negotiates everything that is offered; PROTOCOL_FEATURES only if asked to. */
void negotiate(int fd, bool protocol_features);

/* The steps of a queue's set-up. */
void give_memory(int fd);
void give_addresses(int fd, uint32_t index);
void give_kick(int fd, uint32_t index, int kick);
void give_call(int fd, uint32_t index, int call);

/* All of them; kick and call are new eventfds which stay in kicks, calls. */
void set_up_queue(int fd, uint32_t index, uint16_t base);
extern int kicks[GUEST_QUEUES];
extern int calls[GUEST_QUEUES];
extern int ram_fd; /* RAM_SIZE bytes */
extern uint8_t *ram;

/* Sets up and enables the data queues, as QEMU does, from index BASE on. */
void start_queues(int fd, uint16_t base);

/* GET_VRING_BASE. Returns the index of the reply. */
uint16_t stop_queue(int fd, uint32_t index);

/* The driver's view of the rings. */
struct vring_desc *desc_of(uint32_t index);
uint16_t *avail_of(uint32_t index);
uint16_t *used_of(uint32_t index);

/* The driver shows N more entries of its available ring. */
void show_more(uint32_t index, uint16_t n);

/* The driver makes an entry available; the device takes it and gives it back,
 * and has not shown that to the driver yet. */
void take_one(uint32_t index);

#endif

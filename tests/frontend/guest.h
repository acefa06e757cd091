/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A whole virtual machine as its daemon sees it: a hypervisor (vhost-user),
 * memory, Linux's driver and its sockets. The hypervisor sends what QEMU sends,
 * in QEMU's order; tests that want another order use the vhost functions
 * themselves.
 */
#ifndef URING_VSOCK_FRONTEND_GUEST_H
#define URING_VSOCK_FRONTEND_GUEST_H

#include "frontend/sockets.h"
#include "frontend/vhost.h"

struct guest_config {
	uint64_t cid;
	struct driver_config driver;
	unsigned regions;	    /* of memory */
	size_t file_offset;	    /* of a region in its file */
	uint64_t protocol_features; /* wanted if the device offers it */
	bool no_protocol_features; /* as an old front end: rings are enabled from the start */
	bool no_kick_fd; /* the device polls */
	uint16_t base;	 /* where both indexes start */
	size_t chunk; /* size of the pieces of vhost-user messages; 0: whole */
	size_t fd_chunk; /* which piece carries the descriptors */
};

struct guest {
	struct guest_config config;
	struct world *world;
	struct ram ram;
	struct sockets sockets;
	struct vhost vhost;
	uint64_t offered; /* feature bits of the device */
	uint64_t protocol_offered;
	uint64_t protocol; /* agreed */
	uint16_t bases[DRIVER_RINGS];
};

/* Linux 6.12 under QEMU: 128 entries, INDIRECT, EVENT_IDX, buffers of 3,776
 * bytes, fragments of 32 KiB. */
struct guest_config guest_defaults(uint64_t cid);
/* Linux 6.1: linear payloads, receive buffers of a header and 4,096 bytes. */
struct guest_config guest_linux_6_1(uint64_t cid);

void guest_init(struct guest *g, const struct guest_config *config,
		struct world *w);
void guest_free(struct guest *g);

/* Connects to PATH and negotiates, as QEMU does when it starts. */
void guest_attach(struct guest *g, const char *path);
/* The guest's driver says DRIVER_OK: everything is set up, and the rings run.
 * */
void guest_start(struct guest *g);
/* The parts of guest_start(). */
void guest_set_features(struct guest *g);
void guest_set_mem_table(struct guest *g);
void guest_set_ring(struct guest *g, unsigned i);
void guest_enable_ring(struct guest *g, unsigned i, bool enable);

/* Attaches and starts a guest like this. */
void guest_boot(struct guest *g, const struct guest_config *config,
		struct world *w, const char *path);

/* QEMU's "stop": the rings are stopped until guest_start(). */
void guest_pause(struct guest *g);
/* The guest reboots: its sockets are gone, and its rings start from 0. */
void guest_reboot(struct guest *g);
/* The hypervisor dies. Memory and driver stay for guest_attach(). */
void guest_kill(struct guest *g);
/* After guest_kill(): a new machine in the same shape. */
void guest_revive(struct guest *g, const char *path);

#endif

/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The daemon's VMs and its workers' loops in this process and thread, with the
 * epoll engine: all of it except main, the threads, and what workers decide.
 * Loops, listening sockets and the guests' RAM are made once. The VMs are made
 * for each input and end with it; anything that they leave behind is a find.
 */
#ifndef URING_VSOCK_TESTS_FUZZ_STAGE_H
#define URING_VSOCK_TESTS_FUZZ_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "daemon/vm.h"
#include "fuzz/fuzz.h"

#define STAGE_VMS_MAX 3
#define STAGE_LOOPS_MAX 2

/* Host ports with a program that listens: first for streams, then as many for
 * messages. */
#define STAGE_PORT 5000u
#define STAGE_STREAMS 4
#define STAGE_PORTS 8

#define STAGE_CID 3u /* of the first VM; the others follow */

/*
 * A guest's RAM: a page for each queue, what the driver needs for the 32 chains
 * of a queue, its receive buffers, and the bytes that all payload is taken
 * from. Their sequence does not repeat before STAGE_PERIOD.
 */
#define STAGE_RAM 0x80000u
#define STAGE_HEADERS 0x4000u  /* TX: 0x200 for each chain */
#define STAGE_TABLES 0x8000u   /* RX: 0x100 for each chain */
#define STAGE_BUFFERS 0x10000u /* RX: STAGE_BUFFER for each chain */
#define STAGE_BUFFER 0x2000u
#define STAGE_BYTES 0x50000u
#define STAGE_PERIOD 65521u
#define STAGE_USER 0x7f0000000000ull /* its address in the front end */

struct stage_vm {
	struct vm vm;
	struct vm_config *config;
	uint8_t *ram;
	int ram_fd;
	int programs[STAGE_PORTS]; /* listening sockets of host programs */
};

struct stage {
	unsigned nvms, nloops;
	struct stage_vm vms[STAGE_VMS_MAX];
	struct loop *loops[STAGE_LOOPS_MAX];
};

extern struct stage stage;

/* Makes VMs at loops: PLACES says which VM is at which. Call it once in a
 * process. */
void stage_open(unsigned nvms, unsigned nloops, const uint8_t *places,
		uint32_t tx_buffer_size);

/* Called before and after each input. */
void stage_begin(void);
void stage_end(void);

/* Each loop sees what happened, and makes a turn. True: all have come to rest.
 * */
bool stage_turn(void);

/* Makes turns until all loops rest. A loop that never does is a find. */
void stage_rest(void);

void stage_pass_ms(uint64_t ms);

/* Connect to VM's vhost-user socket, and to its socket for host programs. */
int stage_call(struct stage_vm *vm);
int stage_knock(struct stage_vm *vm, bool messages);

/* Where the payload of flow FLOW is at position POS. */
static inline uint32_t stage_at(uint32_t flow, uint64_t pos)
{
	return (uint32_t)((flow * 1021u + pos) % STAGE_PERIOD);
}

/* All payload bytes, twice in a row. */
extern uint8_t stage_bytes[2 * STAGE_PERIOD];

#endif

/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest for the tests of src/virtq: one sparse memory file mapped twice, as
 * regions by the code under test and as a whole by the test, which plays the
 * driver. Regions 0 and 1 adjoin in guest and user addresses and nowhere else.
 */
#ifndef URING_VSOCK_TESTS_VIRTQ_FIXTURE_H
#define URING_VSOCK_TESTS_VIRTQ_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <check.h>
#include "virtq/layout.h"
#include "virtq/memory.h"
#include "virtq/virtq.h"

#define KIB ((uint64_t)1024)
#define GIB (KIB * KIB * KIB)

#define REGIONS 4
#define FIRST_END (512 * KIB) /* where region 1 follows region 0 */
#define SECOND_END (576 * KIB)
#define FAR_AT (1024 * KIB)
#define HUGE_AT (4 * GIB)
#define HUGE_SIZE (2 * GIB)
#define USER_BASE 0x700000000000

struct guest {
	int fd;
	uint8_t *file; /* all of the memory file, driver's view */
	struct memory *memory;
};

void guest_open(struct guest *g);
void guest_close(struct guest *g);

/* The regions of the guest, for maps made elsewhere. */
const struct memory_region *guest_regions(void);

/* The driver's view of a guest-physical address. */
void *guest_at(struct guest *g, uint64_t gpa);

/* The address that the code under test must give for GPA. */
void *mapped_at(struct guest *g, uint64_t gpa);

/* A ring in the guest and what its driver remembers. */
struct ring {
	struct guest *guest;
	struct virtq_setup setup;
	struct vring_desc *desc;
	uint16_t *avail;
	uint16_t *used;
	uint16_t next_avail;
	uint16_t last_used;
};

/* Parts at fixed places of the far region, zeroed, both indexes at BASE. */
void ring_init(struct ring *r, struct guest *g, uint16_t size, uint16_t base,
	       bool event_idx);
/* Writes a descriptor: its index is where it stands, not its head. */
void ring_desc(struct ring *r, unsigned i, uint64_t addr, uint32_t len,
	       uint16_t flags, uint16_t next);
/* Makes HEAD available. */
void ring_add(struct ring *r, uint16_t head);
/* The guest's next used element: true and taken, or false. */
bool ring_used(struct ring *r, uint32_t *head, uint32_t *len);
uint16_t ring_used_index(struct ring *r);
uint16_t ring_used_flags(struct ring *r);
uint16_t ring_avail_event(struct ring *r);
void ring_set_used_event(struct ring *r, uint16_t event);
void ring_set_avail_flags(struct ring *r, uint16_t flags);
void ring_set_avail_index(struct ring *r, uint16_t index);

/* Mappings of this process whose file name contains NAME. */
unsigned mappings_of(const char *name);

#endif

/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The parts of src/vsock that fuzz_vsock.c plays, each against a model. A model
 * is as simple as can be: bytes that follow from where they stand, an array
 * with a place for every port. Each function makes one step and checks what is
 * promised after it; fuzz_vsock.c says which fields of a step mean what.
 */
#ifndef URING_VSOCK_TESTS_FUZZ_PARTS_H
#define URING_VSOCK_TESTS_FUZZ_PARTS_H

#include "fuzz/records.h"

/* How many times a step does its work, less one: seldom MAX times, as those
 * that do make a run slow. */
static inline uint32_t part_times(uint16_t field, uint32_t max)
{
	return field >= 0xf000 ? max : field % 64u;
}

typedef void part_step(const struct record *r);

/* parts_waiting.c: backlog, messages, parcels. */
void waiting_begin(void);
void waiting_end(void);
part_step backlog_adds, backlog_drops, backlog_refuses;
part_step messages_adds, messages_drops, messages_walks;
part_step parcels_adds, parcels_drops, parcels_refuses;

/* parts_ports.c: ports alone, as many as there are. */
void all_ports_begin(void);
void all_ports_end(void);
part_step ports_asks, ports_uses, ports_leaves, ports_takes, ports_maps;

/* parts_table.c: the table and its ports. */
void table_begin(void);
void table_end(void);
part_step table_inserts, table_gives, table_removes, table_walks;

/* parts_ended.c */
void ended_begin(void);
void ended_end(void);
part_step ended_adds, ended_forgets, ended_asks, ended_passes;

/* parts_deadlines.c */
void dues_begin(void);
part_step dues_plays, dues_passes;

#endif

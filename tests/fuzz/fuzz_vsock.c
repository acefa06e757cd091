/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The parts of src/vsock that hold and remember things, each against a model
 * (parts.h): payload and message lengths that wait, ports, connections, those
 * that ended, deadlines. Memory is lacking where the input says so. The guest
 * target has all of them as well, but comes seldom to their bounds: a map of
 * ports that is full, a table of thousands, messages that no socket takes.
 */
#include "base/check.h"
#include "fuzz/parts.h"

enum op {
	BACKLOG_ADD,
	BACKLOG_DROP,
	BACKLOG_REFUSE,
	MESSAGES_ADD,
	MESSAGES_DROP,
	MESSAGES_WALK,
	PARCELS_ADD,
	PARCELS_DROP,
	PARCELS_REFUSE,
	PORTS_ASK,
	PORTS_USE,
	PORTS_LEAVE,
	PORTS_TAKE,
	PORTS_MAP,
	TABLE_INSERT,
	TABLE_GIVE,
	TABLE_REMOVE,
	TABLE_WALK,
	ENDED_ADD,
	ENDED_FORGET,
	ENDED_ASK,
	ENDED_PASS,
	DUES_PLAY,
	DUES_PASS,
	OPS
};

const unsigned records_ops = OPS;

static part_step *const steps[] = {
	[BACKLOG_ADD] = backlog_adds,	    [BACKLOG_DROP] = backlog_drops,
	[BACKLOG_REFUSE] = backlog_refuses, [MESSAGES_ADD] = messages_adds,
	[MESSAGES_DROP] = messages_drops,   [MESSAGES_WALK] = messages_walks,
	[PARCELS_ADD] = parcels_adds,	    [PARCELS_DROP] = parcels_drops,
	[PARCELS_REFUSE] = parcels_refuses, [PORTS_ASK] = ports_asks,
	[PORTS_USE] = ports_uses,	    [PORTS_LEAVE] = ports_leaves,
	[PORTS_TAKE] = ports_takes,	    [PORTS_MAP] = ports_maps,
	[TABLE_INSERT] = table_inserts,	    [TABLE_GIVE] = table_gives,
	[TABLE_REMOVE] = table_removes,	    [TABLE_WALK] = table_walks,
	[ENDED_ADD] = ended_adds,	    [ENDED_FORGET] = ended_forgets,
	[ENDED_ASK] = ended_asks,	    [ENDED_PASS] = ended_passes,
	[DUES_PLAY] = dues_plays,	    [DUES_PASS] = dues_passes,
};
static_assert(ARRAY_SIZE(steps) == OPS, "a function for each");

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct record r;
	unsigned n = 0;

	waiting_begin();
	all_ports_begin();
	table_begin();
	ended_begin();
	dues_begin();
	while (n++ < RECORDS_MAX && record_next(&in, &r))
		steps[r.op % OPS](&r);
	table_end();
	ended_end();
	all_ports_end();
	waiting_end();
	return 0;
}

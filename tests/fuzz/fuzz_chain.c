/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * chain_walk() on descriptor tables, indirect tables and memory maps that the
 * input describes, against a slow walker that knows the specification and looks
 * at one byte of memory at a time. Both must agree on every chain.
 *
 * In some runs a second thread rewrites the tables all the time. Then there is
 * nothing to agree on, but what chain.h promises must hold all the more.
 *
 * The direct table and the array of segments are allocated with exactly their
 * size, so that ASan watches their ends.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/check.h"
#include "fuzz/fuzz.h"
#include "fuzz/regions.h"
#include "fuzz/walker.h"
#include "virtq/chain.h"
#include "virtq/layout.h"

#define DIRECT_MAX 64
#define EDITS_MAX 64
#define HEADS 8
#define ROUNDS 40 /* of a run with a second thread */

/* This race is intended, so TSan must not look for it. */
#ifdef __SANITIZE_THREAD__
#define RACES false
#else
#define RACES true
#endif

/* What the second thread writes over and over, in turn with what was there
 * before. */
struct edit {
	uint8_t *at;
	uint8_t before[DESC_BYTES], after[DESC_BYTES];
};

static struct run {
	struct regions regions;
	struct vring_desc *direct;
	unsigned size;
	struct iovec *iov;
	unsigned room;
	struct edit edits[EDITS_MAX];
	unsigned nedits;
	atomic_bool stop;
	atomic_uint edited;
} run;

/* ---- What the input describes. ---- */

static void read_direct(struct fuzz_input *in)
{
	unsigned n;

	run.size = 1 + fuzz_below(in, DIRECT_MAX);
	run.direct = calloc(run.size, sizeof(*run.direct));
	fuzz_check(run.direct);
	n = fuzz_below(in, run.size + 1);
	for (unsigned i = 0; i < n; i++)
		run.direct[i] = walker_desc(&run.regions, in);
}

/* A table in memory. Each descriptor of a run of equal ones leads to the next.
 * */
static void read_indirect(struct fuzz_input *in)
{
	uint64_t at = regions_address(&run.regions, in);
	unsigned n = fuzz_below(in, 16);

	for (unsigned i = 0; i < n; i++) {
		struct vring_desc desc = walker_desc(&run.regions, in);
		unsigned repeat = fuzz_u8(in);

		repeat = repeat & 0x80 ? 8 * (repeat & 0x7f) : 1;
		for (unsigned k = 1; k <= repeat; k++, at += DESC_BYTES) {
			if (repeat > 1)
				desc.next = htole16((uint16_t)k);
			regions_put(&run.regions, at, &desc, DESC_BYTES);
		}
	}
}

/* Descriptor I of the direct table, or the 16 bytes of memory there if they are
 * in one region. */
static void read_edit(struct fuzz_input *in)
{
	struct edit *edit = &run.edits[run.nedits];
	struct vring_desc after = walker_desc(&run.regions, in);
	unsigned choice = fuzz_u8(in);
	uint64_t addr;

	if (choice & 1) {
		edit->at = (uint8_t *)&run.direct[choice / 2 % run.size];
	} else {
		addr = regions_address(&run.regions, in);
		edit->at = regions_byte(&run.regions, addr);
		if (!edit->at ||
		    regions_byte(&run.regions, addr + 15) != edit->at + 15)
			return;
	}
	memcpy(edit->before, edit->at, DESC_BYTES);
	memcpy(edit->after, &after, DESC_BYTES);
	run.nedits++;
}

static void compare(const struct chain *c, int rc, bool good)
{
	fuzz_check(good || rc == -EPROTO || rc == -ENOBUFS);
	if (rc == -ENOBUFS)
		return;
	fuzz_check(good == (rc == 0));
	if (good)
		walker_compare(&run.regions, run.regions.memory, c);
}

static int walk(struct chain_source *source, uint16_t head, struct chain *out)
{
	int rc;

	source->fault = NULL;
	rc = chain_walk(source, head, run.iov, run.room, out);
	fuzz_check(rc == 0 || rc == -EPROTO || rc == -ENOBUFS);
	fuzz_check((rc == -EPROTO) == (source->fault != NULL));
	if (rc == -ENOBUFS)
		fuzz_check(run.room < CHAIN_SEGMENTS_MAX);
	if (rc == 0) {
		fuzz_check(out->head == head && out->iov == run.iov);
		walker_check(&run.regions, run.regions.memory, out, run.room);
	}
	return rc;
}

/* ---- The second thread. ---- */

FUZZ_MODEL static void *rewrite(void *unused)
{
	while (!atomic_load(&run.stop)) {
		for (unsigned i = 0; i < run.nedits; i++)
			memcpy(run.edits[i].at, run.edits[i].after, DESC_BYTES);
		atomic_fetch_add(&run.edited, 1);
		for (unsigned i = run.nedits; i--;)
			memcpy(run.edits[i].at, run.edits[i].before,
			       DESC_BYTES);
	}
	return unused;
}

/* Waits until the other thread has written for a while. */
static void race(struct chain_source *source, const uint16_t heads[HEADS])
{
	pthread_t thread;
	struct chain c;

	atomic_store(&run.stop, false);
	atomic_store(&run.edited, 0);
	fuzz_check(pthread_create(&thread, NULL, rewrite, NULL) == 0);
	while (atomic_load(&run.edited) < ROUNDS)
		for (unsigned i = 0; i < HEADS; i++)
			walk(source, heads[i], &c);
	atomic_store(&run.stop, true);
	fuzz_check(pthread_join(thread, NULL) == 0);
}

static void agree(struct chain_source *source, const uint16_t heads[HEADS])
{
	for (unsigned i = 0; i < HEADS; i++) {
		bool good = walker_walk(&run.regions, run.direct, run.size,
					heads[i], source->rule);
		struct chain c;
		int rc = walk(source, heads[i], &c);

		compare(&c, rc, good);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct chain_source source = { 0 };
	unsigned kind = fuzz_u8(&in);
	struct chain_rule rule;
	uint16_t heads[HEADS];

	run.room = fuzz_u8(&in);
	if (run.room & 1 || !run.room)
		run.room = CHAIN_SEGMENTS_MAX;
	run.iov = calloc(run.room, sizeof(*run.iov));
	fuzz_check(run.iov);
	rule = walker_rule(&in);
	regions_open(&run.regions, &in, 1);
	read_direct(&in);
	for (unsigned i = 0; i < HEADS; i++)
		heads[i] = i & 1 ? fuzz_u8(&in) % DIRECT_MAX : (uint16_t)i / 2;
	for (unsigned n = fuzz_below(&in, 4); n; n--)
		read_indirect(&in);
	run.nedits = 0;
	while (in.left && run.nedits < EDITS_MAX)
		read_edit(&in);
	source.table = (const uint8_t *)run.direct;
	source.size = run.size;
	source.rule = rule;
	source.memory = run.regions.memory;
	agree(&source, heads);
	if (RACES && kind >= 0xf8 && run.nedits)
		race(&source, heads);
	regions_close(&run.regions);
	free(run.direct);
	free(run.iov);
	return 0;
}

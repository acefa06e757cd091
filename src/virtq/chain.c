/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One loop walks both kinds of table. It copies a descriptor to private memory,
 * checks the copy, and appends its buffer. To notice a loop of descriptors it
 * only counts: a chain visits each descriptor of a table at most once, so a
 * walk of more steps than the table has descriptors goes in circles.
 */
#include "virtq/chain.h"

#include <errno.h>
#include "base/bytes.h"
#include "base/check.h"
#include "virtq/layout.h"

struct table {
	const uint8_t *at;   /* NULL: crosses regions, read through the map */
	uint64_t guest_addr; /* of an indirect table */
	uint32_t entries;
};

/* A walk in progress, kept in registers and one cache line of stack. */
struct walk {
	struct chain_source *source;
	struct iovec *iov;
	uint32_t room; /* of iov */
	uint32_t segments;
	uint32_t buffers;
	uint32_t bytes; /* read and write together */
	uint32_t nread;
	uint32_t read_bytes;
	bool writing;	   /* nread and read_bytes are final */
	struct desc table; /* the one that refers to an indirect table */
};

/* What a walk of a table ended with, beside errors. */
enum { WALK_END, WALK_INDIRECT };

static int fault(struct walk *w, const char *rule)
{
	w->source->fault = rule;
	return -EPROTO;
}

static int out_of_room(struct walk *w)
{
	if (w->room < CHAIN_SEGMENTS_MAX)
		return -ENOBUFS;
	return fault(w, "chain of too many segments");
}

/* The buffer is not in the region that was hit last. */
static int append_elsewhere(struct walk *w, uint64_t addr, uint32_t len)
{
	struct chain_source *s = w->source;
	int n = memory_iov(s->memory, addr, len, w->iov + w->segments,
			   w->room - w->segments);

	if (n == -ENOBUFS)
		return out_of_room(w);
	if (n < 0)
		return fault(w, CHAIN_UNMAPPED("buffer"));
	memory_find(s->memory, addr, &s->buffers);
	w->segments += (uint32_t)n;
	return 0;
}

/* From the first buffer to write on, all are (virtio 1.3, 2.7.4.2). */
static int turn_direction(struct walk *w)
{
	if (w->writing)
		return fault(w, "buffer to read behind one to write");
	w->writing = true;
	w->nread = w->segments;
	w->read_bytes = w->bytes;
	return 0;
}

static inline int append_buffer(struct walk *w, struct desc d)
{
	bool write = d.flags & VRING_DESC_F_WRITE;
	void *at;

	if (unlikely(w->buffers++ == CHAIN_DESCRIPTORS_MAX))
		return fault(w, "chain of too many descriptors");
	if (unlikely(!d.len))
		return 0;
	if (unlikely(write != w->writing) && turn_direction(w))
		return -EPROTO;
	/* A chain is not longer than 2^32 bytes (virtio 1.3, 2.7.5). */
	if (unlikely(__builtin_add_overflow(w->bytes, d.len, &w->bytes)))
		return fault(w, "chain of more than 4 GiB");
	at = memory_window_at(&w->source->buffers, d.addr, d.len);
	if (unlikely(!at))
		return append_elsewhere(w, d.addr, d.len);
	if (unlikely(w->segments == w->room))
		return out_of_room(w);
	w->iov[w->segments++] = (struct iovec){ at, d.len };
	return 0;
}

/* Loads from a table that crosses regions, all of which are known to be mapped.
 * The descriptor itself may cross them, too. */
static struct desc load_scattered(const struct walk *w, const struct table *t,
				  uint32_t index)
{
	uint64_t addr = t->guest_addr + DESC_BYTES * index;
	uint8_t copy[DESC_BYTES] = { 0 };
	struct iovec parts[DESC_BYTES];
	size_t done = 0;
	int n = memory_iov(w->source->memory, addr, DESC_BYTES, parts,
			   ARRAY_SIZE(parts));

	for (int i = 0; i < n; i++) {
		memcpy(copy + done, parts[i].iov_base, parts[i].iov_len);
		done += parts[i].iov_len;
	}
	debug_assert(done == DESC_BYTES);
	return layout_desc(copy);
}

static inline struct desc load(const struct walk *w, const struct table *t,
			       uint32_t index)
{
	w->source->fault_index = index;
	if (unlikely(!t->at))
		return load_scattered(w, t, index);
	return layout_desc(t->at + DESC_BYTES * index);
}

static int walk_table(struct walk *w, const struct table *t, uint32_t index)
{
	for (uint32_t steps = 0; steps < t->entries; steps++) {
		struct desc d;
		int rc;

		if (unlikely(index >= t->entries))
			return fault(w, "descriptor index out of range");
		d = load(w, t, index);
		if (d.flags & VRING_DESC_F_INDIRECT) {
			w->table = d;
			return WALK_INDIRECT;
		}
		rc = append_buffer(w, d);
		if (unlikely(rc))
			return rc;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return WALK_END;
		index = d.next;
	}
	return fault(w, "descriptors in a loop");
}

/* Whether all LEN bytes at ADDR are mapped, by whichever regions. */
static bool table_is_mapped(const struct memory *m, uint64_t addr, uint64_t len)
{
	struct memory_window w;

	while (memory_find(m, addr, &w)) {
		uint64_t here = w.size - (addr - w.guest_addr);

		if (len <= here)
			return true;
		if (here > UINT64_MAX - addr)
			return false;
		addr += here;
		len -= here;
	}
	return false;
}

/* Checks the descriptor that refers to a table (virtio 1.3, 2.7.5.3). */
static int open_indirect(struct walk *w, struct table *t)
{
	struct chain_source *s = w->source;
	uint64_t addr = w->table.addr;
	uint32_t len = w->table.len;

	/* It ends the chain; its WRITE flag means nothing (2.7.5.3.2). */
	if (w->table.flags & VRING_DESC_F_NEXT)
		return fault(w, "descriptor both indirect and with a next");
	if (!len || len % DESC_BYTES)
		return fault(w, "indirect table of a bad length");
	*t = (struct table){
		.at = memory_window_at(&s->tables, addr, len),
		.guest_addr = addr,
		.entries = len / DESC_BYTES,
	};
	if (likely(t->at))
		return 0;
	if (!table_is_mapped(s->memory, addr, len))
		return fault(w, CHAIN_UNMAPPED("indirect table"));
	memory_find(s->memory, addr, &s->tables);
	t->at = memory_window_at(&s->tables, addr, len);
	return 0;
}

static int walk_indirect(struct walk *w)
{
	struct table t;
	int rc = open_indirect(w, &t);

	if (rc)
		return rc;
	rc = walk_table(w, &t, 0);
	/* 2.7.5.3.1: no table within a table. */
	if (rc == WALK_INDIRECT)
		return fault(w, "indirect table within an indirect table");
	return rc;
}

/* Every walk ends here: the chain is what the rule of its queue promises. */
static int check_rule(struct walk *w)
{
	const struct chain_rule *rule = &w->source->rule;
	uint32_t bytes = w->bytes;

	if (rule->use == CHAIN_ANY)
		return 0;
	if (rule->use == CHAIN_TO_WRITE) {
		if (unlikely(w->nread))
			return fault(w, "a readable buffer in a queue of "
					"writable ones");
	} else if (unlikely(w->segments != w->nread)) {
		return fault(w, "a writable buffer in a queue of readable "
				"ones");
	}
	if (unlikely(bytes < rule->least))
		return fault(w, "a buffer that is too small for its queue");
	return 0;
}

bool chain_walk_buffer(struct chain_source *s, uint16_t head,
		       struct iovec *segment, struct chain *out)
{
	const uint16_t shape = VRING_DESC_F_WRITE | VRING_DESC_F_NEXT |
			       VRING_DESC_F_INDIRECT;
	struct desc d;
	void *at;

	debug_assert(s->rule.use == CHAIN_TO_WRITE);
	if (unlikely(head >= s->size))
		return false;
	d = layout_desc(s->table + DESC_BYTES * head);
	if ((d.flags & shape) != VRING_DESC_F_WRITE || !d.len ||
	    d.len < s->rule.least)
		return false;
	at = memory_window_at(&s->buffers, d.addr, d.len);
	if (!at)
		return false;
	*segment = (struct iovec){ at, d.len };
	*out = (struct chain){
		.head = head,
		.nwrite = 1,
		.descriptors = 1,
		.write_bytes = d.len,
		.iov = segment,
	};
	return true;
}

static int walk_any(struct chain_source *source, uint16_t head,
		    struct iovec *iov, unsigned max, struct chain *out)
{
	struct table direct = { .at = source->table, .entries = source->size };
	struct walk w = { .source = source, .iov = iov, .room = max };
	int rc = walk_table(&w, &direct, head);

	if (rc == WALK_INDIRECT)
		rc = walk_indirect(&w);
	if (unlikely(rc))
		return rc;
	if (!w.writing) {
		w.nread = w.segments;
		w.read_bytes = w.bytes;
	}
	rc = check_rule(&w);
	if (unlikely(rc))
		return rc;
	*out = (struct chain){
		.head = head,
		.nread = (uint16_t)w.nread,
		.nwrite = (uint16_t)(w.segments - w.nread),
		.descriptors = (uint16_t)w.buffers,
		.read_bytes = w.read_bytes,
		.write_bytes = w.bytes - w.read_bytes,
		.iov = iov,
	};
	return 0;
}

int chain_walk(struct chain_source *source, uint16_t head, struct iovec *iov,
	       unsigned max, struct chain *out)
{
	if (source->rule.use == CHAIN_TO_WRITE && max &&
	    chain_walk_buffer(source, head, iov, out))
		return 0;
	return walk_any(source, head, iov, max, out);
}

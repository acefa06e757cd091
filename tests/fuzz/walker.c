/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "fuzz/walker.h"

#include "virtq/layout.h"

static uint32_t read_length(struct fuzz_input *in)
{
	unsigned choice = fuzz_u8(in);

	if (choice < 16)
		return fuzz_u32(in);
	return choice < 32 ? 0 : 16 * (uint32_t)fuzz_u8(in) + choice % 4;
}

/* Flags, with the three that mean something in the lowest bits. */
struct vring_desc walker_desc(const struct regions *r, struct fuzz_input *in)
{
	uint64_t addr = regions_address(r, in);
	uint32_t len = read_length(in);
	uint16_t flags = fuzz_u8(in);

	if (flags & 0x80)
		flags = (uint16_t)(flags << 8 | (flags & 7));
	return (struct vring_desc){
		.addr = htole64(addr),
		.len = htole32(len),
		.flags = htole16(flags),
		.next = htole16(fuzz_u8(in)),
	};
}

struct chain_rule walker_rule(struct fuzz_input *in)
{
	unsigned choice = fuzz_u8(in);

	return (struct chain_rule){
		.use = choice < 128 ? CHAIN_ANY
		       : choice & 1 ? CHAIN_TO_READ
				    : CHAIN_TO_WRITE,
		.least = choice / 2 % 64,
	};
}

static struct {
	struct {
		uint64_t addr;
		uint32_t len;
		bool write;
	} buffer[CHAIN_DESCRIPTORS_MAX];
	unsigned count;
	unsigned visited;
	unsigned segments;
	const struct vring_desc *direct;
} model;

FUZZ_MODEL static bool model_buffer(const struct regions *r,
				    const struct vring_desc *d)
{
	uint32_t len = le32toh(d->len);
	bool write = le16toh(d->flags) & VRING_DESC_F_WRITE;
	int segments = regions_count(r, le64toh(d->addr), len);

	if (++model.visited > CHAIN_DESCRIPTORS_MAX)
		return false;
	if (!len)
		return true;
	if (!write && model.count && model.buffer[model.count - 1].write)
		return false;
	model.buffer[model.count].addr = le64toh(d->addr);
	model.buffer[model.count].len = len;
	model.buffer[model.count++].write = write;
	model.segments += (unsigned)segments;
	return segments > 0;
}

/* Entry I of a table in memory, or of the direct one. */
FUZZ_MODEL static struct vring_desc
model_load(const struct regions *r, bool indirect, uint64_t table, uint32_t i)
{
	struct vring_desc d;

	if (!indirect)
		return model.direct[i];
	regions_get(r, table + DESC_BYTES * (uint64_t)i, &d, DESC_BYTES);
	return d;
}

/* NOLINTNEXTLINE(misc-no-recursion): once at most, for an indirect table. */
FUZZ_MODEL static bool model_table(const struct regions *r, bool indirect,
				   uint64_t table, uint32_t entries, uint32_t i)
{
	for (uint32_t steps = 0; steps < entries && i < entries; steps++) {
		struct vring_desc d = model_load(r, indirect, table, i);
		uint16_t flags = le16toh(d.flags);
		uint32_t len = le32toh(d.len);

		if (flags & VRING_DESC_F_INDIRECT) {
			if (indirect || flags & VRING_DESC_F_NEXT || !len ||
			    len % DESC_BYTES ||
			    regions_count(r, le64toh(d.addr), len) < 0)
				return false;
			return model_table(r, true, le64toh(d.addr),
					   len / DESC_BYTES, 0);
		}
		if (!model_buffer(r, &d))
			return false;
		if (!(flags & VRING_DESC_F_NEXT))
			return true;
		i = le16toh(d.next);
	}
	return false;
}

/* Whether the chain is good; MODEL gets its buffers. */
FUZZ_MODEL bool walker_walk(const struct regions *r,
			    const struct vring_desc *table, uint32_t size,
			    uint16_t head, struct chain_rule rule)
{
	uint64_t bytes = 0;

	model.direct = table;
	model.count = 0;
	model.visited = 0;
	model.segments = 0;
	if (!model_table(r, false, 0, size, head))
		return false;
	for (unsigned i = 0; i < model.count; i++) {
		bytes += model.buffer[i].len;
		if (rule.use != CHAIN_ANY &&
		    model.buffer[i].write != (rule.use == CHAIN_TO_WRITE))
			return false;
	}
	if (rule.use != CHAIN_ANY && bytes < rule.least)
		return false;
	return bytes <= UINT32_MAX && model.segments <= CHAIN_SEGMENTS_MAX;
}

/* The segments from *S on are those of buffer B, in its order and direction. */
FUZZ_MODEL static void compare_buffer(const struct regions *r,
				      const struct memory *memory,
				      const struct chain *c, unsigned b,
				      unsigned *s)
{
	uint64_t user = regions_user(r, model.buffer[b].addr);
	uint64_t done = 0;

	for (; done < model.buffer[b].len; done += c->iov[(*s)++].iov_len) {
		fuzz_check(*s < (unsigned)c->nread + c->nwrite);
		fuzz_check((*s >= c->nread) == model.buffer[b].write);
		fuzz_check(c->iov[*s].iov_base ==
			   memory_at_user(memory, user + done,
					  c->iov[*s].iov_len));
	}
	fuzz_check(done == model.buffer[b].len);
}

FUZZ_MODEL void walker_check(const struct regions *r,
			     const struct memory *memory, const struct chain *c,
			     unsigned room)
{
	uint64_t bytes[2] = { 0, 0 };
	unsigned n = (unsigned)c->nread + c->nwrite;

	fuzz_check(n <= room);
	for (unsigned i = 0; i < n; i++) {
		volatile uint8_t *at = c->iov[i].iov_base;
		size_t len = c->iov[i].iov_len;

		fuzz_check(len &&
			   regions_have(r, memory, c->iov[i].iov_base, len));
		(void)at[0];
		(void)at[len - 1];
		bytes[i >= c->nread] += len;
	}
	fuzz_check(c->read_bytes == bytes[0] && c->write_bytes == bytes[1]);
	fuzz_check(bytes[0] + bytes[1] <= UINT32_MAX);
	fuzz_check(c->descriptors <= CHAIN_DESCRIPTORS_MAX);
}

FUZZ_MODEL void walker_compare(const struct regions *r,
			       const struct memory *memory,
			       const struct chain *c)
{
	unsigned s = 0;

	for (unsigned b = 0; b < model.count; b++)
		compare_buffer(r, memory, c, b, &s);
	fuzz_check(s == (unsigned)c->nread + c->nwrite);
	fuzz_check(c->descriptors == model.visited);
}

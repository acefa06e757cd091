/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A cache: a hash of sets with a few places each. An entry is looked for, and
 * put, in one set only, which is a cache line; within it the entry that was put
 * last comes first. Many connections may end in the same second, so that their
 * times alone do not say which ended first. The number of sets doubles when
 * a set is full of entries that are not too old, up to the bound. Nothing is
 * swept: an entry that is too old is ignored.
 *
 * A guest that chooses addresses which fall into one set makes us forget its
 * own connections alone.
 */
#include "vsock/ended.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "vsock/conn.h"
#include "vsock/packet.h"

#define PLACES 4u
#define SETS_MIN 16u
#define SETS_MAX (ENDED_MAX / PLACES)

/* Seconds of the clock, plus one: 0 is a free place. */
struct entry {
	uint32_t cid;
	uint32_t local_port;
	uint32_t peer_port;
	uint32_t since;
};

struct ended_set {
	struct entry at[PLACES];
};
static_assert(sizeof(struct ended_set) == 64, "a cache line");

static uint32_t seconds(uint64_t now_ms)
{
	return (uint32_t)(now_ms / 1000) + 1;
}

static bool counts(const struct entry *e, uint32_t now)
{
	return e->since && now - e->since <= ENDED_S;
}

static bool same(const struct entry *a, const struct entry *b)
{
	return a->peer_port == b->peer_port && a->local_port == b->local_port &&
	       a->cid == b->cid;
}

static struct ended_set *set_of(const struct ended *ended,
				const struct entry *key)
{
	uint64_t mixed = (uint64_t)key->local_port << 32 | key->peer_port;

	mixed = (mixed ^ key->cid) * 0x9e3779b97f4a7c15u;
	return &ended->sets[mixed >> 32 & (ended->nsets - 1)];
}

/* Where KEY is, or NULL. */
static struct entry *find(const struct ended *ended, const struct entry *key)
{
	struct ended_set *set;

	if (!ended->nsets)
		return NULL;
	set = set_of(ended, key);
	for (unsigned i = 0; i < PLACES; i++) {
		if (set->at[i].since && same(&set->at[i], key))
			return &set->at[i];
	}
	return NULL;
}

/* Where a place is free; PLACES: nowhere. */
static unsigned free_place(const struct ended_set *set)
{
	unsigned i = 0;

	while (i < PLACES && set->at[i].since)
		i++;
	return i;
}

/* Puts KEY first in its set, instead of the entry at PLACE. */
static void put(struct ended_set *set, unsigned place, const struct entry *key)
{
	debug_assert(place < PLACES);
	memmove(&set->at[1], &set->at[0], place * sizeof(set->at[0]));
	set->at[0] = *key;
}

/* Without memory it stays as small as it is. */
static void grow(struct ended *ended)
{
	uint32_t nsets = ended->nsets ? ended->nsets * 2 : SETS_MIN;
	struct ended bigger = {
		.sets = calloc(nsets, sizeof(*bigger.sets)),
		.nsets = nsets,
	};

	if (!bigger.sets)
		return;
	/* From the last to the first, as put() puts each in front of those
	 * before. A set becomes two, so that there are places for all. */
	for (uint32_t i = ended->nsets * PLACES; i--;) {
		const struct entry *e = &ended->sets[i / PLACES].at[i % PLACES];
		struct ended_set *set = set_of(&bigger, e);

		if (e->since)
			put(set, free_place(set), e);
	}
	free(ended->sets);
	*ended = bigger;
}

static struct entry key_of(const struct conn *conn)
{
	return (struct entry){
		.cid = conn->local_cid,
		.local_port = conn->local_port,
		.peer_port = conn->peer_port,
	};
}

void ended_init(struct ended *ended)
{
	*ended = (struct ended){ .sets = NULL };
}

void ended_free(struct ended *ended)
{
	free(ended->sets);
	ended_init(ended);
}

void ended_add(struct ended *ended, const struct conn *conn, uint64_t now_ms)
{
	struct entry key = key_of(conn);
	struct ended_set *set;
	struct entry *at;
	unsigned place;

	key.since = seconds(now_ms);
	if (!ended->nsets)
		grow(ended);
	if (!ended->nsets)
		return;
	at = find(ended, &key);
	set = set_of(ended, &key);
	place = at ? (unsigned)(at - set->at) : free_place(set);
	if (place == PLACES && counts(&set->at[PLACES - 1], key.since) &&
	    ended->nsets < SETS_MAX) {
		grow(ended);
		set = set_of(ended, &key);
		place = free_place(set);
	}
	put(set, place < PLACES ? place : PLACES - 1, &key);
}

bool ended_forget(struct ended *ended, const struct conn *conn)
{
	struct entry key = key_of(conn);
	struct entry *at = find(ended, &key);

	if (at)
		at->since = 0;
	return at;
}

bool ended_has(const struct ended *ended, const struct packet *packet,
	       uint64_t now_ms)
{
	struct entry key = {
		.cid = packet->dst_cid,
		.local_port = packet->dst_port,
		.peer_port = packet->src_port,
	};
	const struct entry *at = find(ended, &key);

	return at && counts(at, seconds(now_ms));
}

/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * No connection is visited when a period begins. Each carries the number of the
 * period that it moved something in last, and is brought up to date by its next
 * packet.
 */
#include "vsock/share.h"

/* Greedy connections moved much in the turn that ends, or had more to move than
 * it let them. */
static bool is_crowded(const struct share *s)
{
	return s->greedy >= SHARE_SHORT ||
	       (s->hasten && !s->light_only && (!s->left_out || !s->left_in));
}

static void begin_period(struct share *s)
{
	s->period++;
	s->period_ms = s->now_ms;
	s->in_period = 0;
	s->before = s->sharers;
	s->sharers = 0;
}

void share_begin(struct share *s, uint64_t now_ms)
{
	bool crowded = is_crowded(s);

	if (crowded)
		s->crowded_ms = s->now_ms;
	s->in_period += s->moved;
	s->now_ms = now_ms;
	s->moved = 0;
	s->greedy = 0;
	if (s->in_period >= SHARE_PERIOD ||
	    now_ms - s->period_ms >= SHARE_PERIOD_MS)
		begin_period(s);
	s->hasten = now_ms - s->light_ms < SHARE_LINGER_MS &&
		    now_ms - s->crowded_ms < SHARE_LINGER_MS;
	s->light_only = s->hasten && !s->light_only;
	s->left_out = s->hasten ? SHARE_SHORT : UINT32_MAX;
	if (s->light_only)
		s->left_out = 0;
	s->left_in = s->left_out;
}

void share_renew(const struct share *s, struct share_use *use)
{
	uint16_t age = (uint16_t)(s->period - use->period);
	uint32_t before = max_u32(use->units, use->before / 2u);

	before = age <= 16 ? before >> (age - 1) : 0;
	*use = (struct share_use){
		.period = s->period,
		.before = (uint16_t)before,
	};
}

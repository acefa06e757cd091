/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "turn/pace.h"

void pace_begin(struct pace *p, uint64_t now_ms)
{
	if (p->greedy >= PACE_SHORT)
		p->crowded_ms = p->now_ms;
	p->in_period += p->moved;
	p->now_ms = now_ms;
	p->moved = 0;
	p->greedy = 0;
	if (p->in_period >= PACE_PERIOD ||
	    now_ms - p->period_ms >= PACE_PERIOD_MS) {
		p->period++;
		p->period_ms = now_ms;
		p->in_period = 0;
	}
	p->hasten = now_ms - p->light_ms < PACE_LINGER_MS &&
		    now_ms - p->crowded_ms < PACE_LINGER_MS;
	p->light_only = p->hasten && !p->light_only;
	p->left_out = p->hasten ? PACE_SHORT : UINT32_MAX;
	p->left_in = p->left_out;
}

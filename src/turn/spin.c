/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "turn/spin.h"

#include "base/bytes.h"

void spin_init(struct spin *spin, unsigned limit_us)
{
	*spin = (struct spin){
		.limit_ns = limit_us * 1000,
		.phase = SPIN_BEFORE,
		.rest = SPIN_REST_LEAST,
	};
}

static void judge(struct spin *spin)
{
	bool won = spin->tried / 8 * SPIN_WIN > spin->usual;

	if (won)
		spin->sleeps = !spin->sleeps;
	spin->rest = won ? SPIN_REST_LEAST
			 : min_u32(2 * spin->rest, SPIN_REST_MOST);
	spin->rested = 0;
	spin->phase = SPIN_REST;
}

/* A period has ended in which RATE transfers were done a second. */
static void next_phase(struct spin *spin, uint64_t rate)
{
	switch (spin->phase) {
	case SPIN_REST:
		if (++spin->rested >= spin->rest)
			spin->phase = SPIN_BEFORE;
		return;
	case SPIN_BEFORE:
		spin->usual = rate;
		spin->phase = SPIN_TRIAL;
		return;
	case SPIN_TRIAL:
		spin->tried = rate;
		spin->phase = SPIN_AFTER;
		return;
	case SPIN_AFTER:
		if (rate > spin->usual)
			spin->usual = rate;
		judge(spin);
		return;
	}
}

/* Periods are compared only if they follow each other and events were near in
 * all of them. */
static void end_period(struct spin *spin, uint64_t now_ns)
{
	uint64_t took = now_ns - spin->begun_ns;

	if (took < 2 * SPIN_PERIOD_NS && spin->chances >= SPIN_CHANCES)
		next_phase(spin, spin->moved * 1000000000ull / took);
	else if (spin->phase != SPIN_REST)
		spin->phase = SPIN_BEFORE;
	spin->begun_ns = now_ns;
	spin->moved = 0;
	spin->chances = 0;
}

void spin_event(struct spin *spin, uint64_t now_ns)
{
	uint64_t gap = now_ns - spin->last_ns;

	/* One long gap counts, but must not dominate for long. */
	if (gap > 8ull * spin->limit_ns)
		gap = 8ull * spin->limit_ns;
	spin->gap_ns += (uint32_t)gap / 8 - spin->gap_ns / 8;
	spin->last_ns = now_ns;
	if (now_ns - spin->begun_ns >= SPIN_PERIOD_NS)
		end_period(spin, now_ns);
}

bool spin_chance(struct spin *spin, uint64_t now_ns)
{
	bool trial = spin->phase == SPIN_TRIAL;

	if (!spin_likely(spin) || now_ns - spin->last_ns >= spin->limit_ns)
		return false;
	spin->chances++;
	return spin->sleeps == trial;
}

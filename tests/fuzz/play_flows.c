/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "fuzz/play.h"

#define PROGRAM_SINK 0x100u

uint16_t flow_sink(const struct end *end, bool program)
{
	return (uint16_t)(1 + end->vm * PLAY_ENDS + end->index +
			  (program ? PROGRAM_SINK : 0));
}

uint16_t flow_new(uint16_t sink)
{
	if (play.nflows + 1 == PLAY_FLOWS)
		return 0;
	play.nflows++;
	play.flows[play.nflows].sink = sink;
	play.flows[play.nflows].sent = 0;
	play.flows[play.nflows].nmarks = 0;
	return play.nflows;
}

void flow_sent(uint16_t flow, uint32_t len, bool ends)
{
	struct flow *f = &play.flows[flow];

	f->sent += len;
	if (ends && f->nmarks < PLAY_MARKS)
		f->marks[f->nmarks++] = f->sent;
}

/* No message ends within the bytes; one ends behind them if ENDS, and otherwise
 * none. */
static bool marks_fit(const struct flow *f, uint32_t pos, uint32_t len,
		      bool ends)
{
	bool marked = false;

	/* Ends beyond that were not noted. */
	if (f->nmarks == PLAY_MARKS && pos + len > f->marks[PLAY_MARKS - 1])
		return true;
	for (unsigned i = 0; i < f->nmarks; i++) {
		if (f->marks[i] > pos && f->marks[i] < pos + len)
			return false;
		marked |= f->marks[i] == pos + len;
	}
	return marked == ends;
}

static bool fits(const struct flow *f, uint32_t pos, const uint8_t *bytes,
		 uint32_t len, bool messages, bool ends)
{
	uint32_t flow = (uint32_t)(f - play.flows);
	uint32_t n;

	if (pos + len > f->sent || (messages && !marks_fit(f, pos, len, ends)))
		return false;
	for (; len; len -= n, bytes += n, pos += n) {
		n = len < STAGE_PERIOD ? len : STAGE_PERIOD;
		if (memcmp(bytes, stage_bytes + stage_at(flow, pos), n) != 0)
			return false;
	}
	return true;
}

static bool begin_alike(uint16_t a, uint16_t b, uint32_t len)
{
	return !len || !memcmp(stage_bytes + stage_at(a, 0),
			       stage_bytes + stage_at(b, 0),
			       len < STAGE_PERIOD ? len : STAGE_PERIOD);
}

/* A few bytes may fit an earlier flow by chance. Then a later flow is tried,
 * which all bytes that came before must fit as well. */
void flow_expect(uint16_t sink, struct sink *in, const uint8_t *bytes,
		 uint32_t len, bool messages, bool ends)
{
	for (uint16_t i = in->flow; i <= play.nflows; i++) {
		if (play.flows[i].sink != sink ||
		    !begin_alike(in->flow, i, in->got) ||
		    !fits(&play.flows[i], in->got, bytes, len, messages, ends))
			continue;
		in->flow = i;
		in->got += len;
		return;
	}
	fprintf(stderr, "sink %u: %u bytes behind %u are of no flow\n", sink,
		len, in->got);
	abort();
}

/* A flow of which something came does not go on in another connection. */
void flow_restart(struct sink *in)
{
	if (in->got)
		in->flow++;
	in->got = 0;
}

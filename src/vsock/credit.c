/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * To the peer. Bytes are counted exactly: the unacknowledged ones are tx_cnt
 * less the peer's fwd_cnt. The number of packets has to be estimated, since a
 * fwd_cnt counts bytes only. A mark stands for a run of packets and the byte at
 * which the last of them ends; only when the peer has passed that byte are they
 * known to be consumed. So the estimate may wait too long, by one mark, but
 * never allows too much.
 *
 * From the peer. LIMIT is the highest fwd_cnt + buf_alloc that the peer was
 * ever told. It never moves back: credit that was granted stays granted, and a
 * buffer shrinks only as bytes leave it. Received bytes are checked against
 * LIMIT, not against the buffer that was announced last.
 */
#include "vsock/credit.h"

#include "base/bytes.h"
#include "base/check.h"

void credit_init(struct credit *credit, uint32_t buf_alloc)
{
	*credit = (struct credit){
		.buf_alloc = buf_alloc,
		.offer = buf_alloc,
		.limit = buf_alloc,
	};
}

/* Forgets the marks that end at or before peer_fwd_cnt. Distances are measured
 * backwards from tx_cnt, as the two counters may be further apart than half of
 * their range. */
static void retire_packets(struct credit *c)
{
	uint32_t unacked = c->tx_cnt - c->peer_fwd_cnt;
	unsigned done = 0, i;

	while (done < c->nmarks && c->tx_cnt - c->marks[done].end >= unacked) {
		c->packets -= c->marks[done].packets;
		done++;
	}
	if (!done)
		return;
	c->nmarks = (uint8_t)(c->nmarks - done);
	for (i = 0; i < c->nmarks; i++)
		c->marks[i] = c->marks[i + done];
}

/*
 * A progress of more bytes than are under way is either a step back, in a
 * packet that others have overtaken, or a lie. It counts as a step back in the
 * upper half of the range.
 */
bool credit_from_peer(struct credit *c, uint32_t buf_alloc, uint32_t fwd_cnt)
{
	uint32_t unacked = c->tx_cnt - c->peer_fwd_cnt;
	uint32_t progress = fwd_cnt - c->peer_fwd_cnt;

	c->peer_buf_alloc = buf_alloc;
	if (progress > unacked)
		return progress > UINT32_MAX / 2;
	c->peer_fwd_cnt = fwd_cnt;
	/* Also without progress: packets without a byte make none. */
	retire_packets(c);
	return true;
}

uint32_t credit_unacked(const struct credit *c)
{
	return c->tx_cnt - c->peer_fwd_cnt;
}

uint32_t credit_room(const struct credit *c)
{
	uint32_t unacked = c->tx_cnt - c->peer_fwd_cnt;

	/* The peer may have shrunk its buffer below what is under way. */
	if (unacked >= c->peer_buf_alloc || !credit_packets(c))
		return 0;
	return c->peer_buf_alloc - unacked;
}

uint32_t credit_packets(const struct credit *c)
{
	uint32_t limit = c->peer_buf_alloc / CREDIT_BYTES_PER_PACKET;

	if (!limit)
		limit = 1;
	return limit > c->packets ? limit - c->packets : 0;
}

/*
 * A mark covers at least a CREDIT_MARKS'th of the limit before the next one
 * begins, so that the marks never run out; then the last one is extended,
 * which only delays what it retires.
 */
static bool last_mark_is_full(const struct credit *c)
{
	uint32_t limit = c->peer_buf_alloc / CREDIT_BYTES_PER_PACKET;

	return c->marks[c->nmarks - 1].packets >= limit / CREDIT_MARKS;
}

void credit_sent(struct credit *c, uint32_t len)
{
	struct credit_mark *mark;

	c->tx_cnt += len;
	c->packets++;
	if (!c->nmarks || (c->nmarks < CREDIT_MARKS && last_mark_is_full(c)))
		c->marks[c->nmarks++] = (struct credit_mark){ .packets = 0 };
	mark = &c->marks[c->nmarks - 1];
	mark->end = c->tx_cnt;
	mark->packets++;
}

/* The further packet is counted in the newest mark, whichever packet was split.
 * It may be retired too late because of that, but never too soon. */
void credit_split(struct credit *c)
{
	if (!c->nmarks)
		return;
	c->packets++;
	c->marks[c->nmarks - 1].packets++;
}

bool credit_received(struct credit *c, uint32_t len)
{
	if (len > c->limit - c->rx_cnt)
		return false;
	c->rx_cnt += len;
	return true;
}

void credit_forwarded(struct credit *c, uint32_t len)
{
	debug_assert(len <= credit_held(c));
	c->fwd_cnt += len;
}

void credit_pass_on(struct credit *c, uint32_t buf_alloc, uint32_t fwd_cnt)
{
	if (fwd_cnt - c->fwd_cnt <= credit_held(c))
		c->fwd_cnt = fwd_cnt;
	c->offer = buf_alloc;
	c->passed_on = true;
}

uint32_t credit_held(const struct credit *c)
{
	return c->rx_cnt - c->fwd_cnt;
}

static uint32_t window_of(const struct credit *c)
{
	return min_u32(c->buf_alloc, c->peer_buf_alloc);
}

bool credit_update_wanted(const struct credit *c)
{
	uint32_t news = c->fwd_cnt - c->announced;
	uint32_t used = c->rx_cnt - c->announced; /* as the peer sees it */

	/* A peer that has used up a buffer which still shrinks gets no room. */
	if (c->rx_cnt == c->limit && c->offer <= c->limit - c->fwd_cnt)
		return false;
	return news && used >= window_of(c) / 2;
}

bool credit_update_due(const struct credit *c)
{
	return credit_update_wanted(c) &&
	       c->fwd_cnt - c->announced >= window_of(c) / 4;
}

/* The limit never moves back, and is never below rx_cnt. */
void credit_announce(struct credit *c)
{
	uint32_t open = c->limit - c->fwd_cnt;

	c->buf_alloc = c->passed_on ? c->offer : max_u32(c->offer, open);
	c->limit = c->fwd_cnt + max_u32(c->buf_alloc, open);
	c->announced = c->fwd_cnt;
}

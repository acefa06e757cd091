/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What guests send and receive. Each packet that comes is checked by itself,
 * and against what its end has said and heard.
 */
#include "fuzz/play.h"

#define STRANGE_PORT 9000u

static struct driver *driver_of(const struct end *end)
{
	return &play.guests[end->vm].driver;
}

/* The bytes that END sends go to its program, or to another guest's end. */
static uint16_t destination(const struct end *end)
{
	const struct end *partner = play_partner(end);

	return partner ? flow_sink(partner, false) : flow_sink(end, true);
}

/* With FUZZ_TELL in the environment, for people who analyse a find. */
static void play_tell(const char *way, const struct end *end,
		      const struct virtio_vsock_hdr *hdr)
{
	static int tells = -1;

	if (tells < 0)
		tells = getenv("FUZZ_TELL") != NULL;
	if (tells)
		fprintf(stderr,
			"guest %d end %2d %s op %u type %u %u:%u to %u:%u, %u "
			"bytes, flags %u, alloc %u, fwd %u\n",
			end ? (int)end->vm : -1, end ? (int)end->index : -1,
			way, hdr->op, hdr->type, (unsigned)hdr->src_cid,
			hdr->src_port, (unsigned)hdr->dst_cid, hdr->dst_port,
			hdr->len, hdr->flags, hdr->buf_alloc, hdr->fwd_cnt);
}

static void note_credit(struct end *end, const struct virtio_vsock_hdr *hdr)
{
	if (hdr->op == VIRTIO_VSOCK_OP_RST)
		return;
	if (hdr->op == VIRTIO_VSOCK_OP_REQUEST ||
	    hdr->op == VIRTIO_VSOCK_OP_RESPONSE)
		end->said_fwd = 0;
	end->said_alloc = hdr->buf_alloc;
	if ((int32_t)(hdr->fwd_cnt - end->said_fwd) > 0)
		end->said_fwd = hdr->fwd_cnt;
	end->last_limit = (uint64_t)end->said_fwd + hdr->buf_alloc;
	if (end->limit < end->last_limit)
		end->limit = end->last_limit;
}

/* A guest knows what it was granted when nothing is on its way to it. Then the
 * daemon goes by the same, unless it leaves packets for later turns (share.h).
 * */
static bool is_overdrawn(const struct end *end,
			 const struct virtio_vsock_hdr *hdr)
{
	const struct guest_play *guest = &play.guests[end->vm];

	return end->open && end->flow && guest->taken &&
	       guest->driver.queue[DRIVER_RX].busy && !truth_hastens(end) &&
	       play.flows[end->flow].sent + (uint64_t)hdr->len >
		       end->told_limit;
}

/* A packet that ends no connection: data and credit, as they should be. */
static bool is_harmless(const struct end *end, const struct play_packet *p)
{
	bool data = p->op == VIRTIO_VSOCK_OP_RW && end->flow &&
		    play.flows[end->flow].sent + (uint64_t)p->len <=
			    end->told_limit;

	return !p->strange && !p->fwd_off &&
	       (data || p->op == VIRTIO_VSOCK_OP_CREDIT_UPDATE ||
		p->op == VIRTIO_VSOCK_OP_CREDIT_REQUEST);
}

/* The guest was asked for a connection and does not answer yet; the daemon
 * takes what it sends for part of the last connection on the same ports. */
static bool is_late(const struct end *end, const struct play_packet *p)
{
	return end->asked && !p->strange && truth_follows(end) &&
	       (p->op == VIRTIO_VSOCK_OP_RW ||
		p->op == VIRTIO_VSOCK_OP_SHUTDOWN ||
		p->op == VIRTIO_VSOCK_OP_CREDIT_UPDATE ||
		p->op == VIRTIO_VSOCK_OP_CREDIT_REQUEST);
}

/* The asked one of two guests' ends; NULL if END has a program as its partner.
 * */
static struct end *asked_of(struct end *end)
{
	return end->index >= PLAY_ASKED ? end : play_partner(end);
}

/* P may end END's connection. Once open, only streams are followed further. */
static void note_doubt(struct end *end, const struct play_packet *p)
{
	struct end *asked = asked_of(end);

	if (!asked || (p->strange && p->strange != PLAY_LONG))
		return;
	if (end->asked ? (p->strange || p->op != VIRTIO_VSOCK_OP_RESPONSE ||
			  end->type != VIRTIO_VSOCK_TYPE_STREAM) &&
				 !is_late(end, p)
		       : !is_harmless(end, p))
		asked->sure = false;
	end->decisive |= p->strange || p->op == VIRTIO_VSOCK_OP_REQUEST ||
			 p->op == VIRTIO_VSOCK_OP_RESPONSE ||
			 p->op == VIRTIO_VSOCK_OP_RST;
}

/* Until it is answered, almost anything ends a connection. */
static void note_harm(struct end *end, const struct play_packet *p)
{
	bool begins = p->op == VIRTIO_VSOCK_OP_REQUEST && !end->posted &&
		      play.guests[end->vm].taken && !truth_conn(end);

	if (p->strange && p->strange != PLAY_LONG)
		return;
	if (p->strange ||
	    (p->op != VIRTIO_VSOCK_OP_RESPONSE && !is_late(end, p)))
		end->asked = false;
	if (end->asked || (begins && !p->strange))
		end->harmless = true;
	else if (!is_harmless(end, p))
		end->harmless = false;
	if (!end->harmless)
		end->clean = false;
	end->posted++;
}

static void note_opened(struct end *end)
{
	end->open = true;
	end->clean = end->harmless && !end->spoilt &&
		     end->type == VIRTIO_VSOCK_TYPE_STREAM &&
		     end->index < PLAY_ASKER;
}

/* Call this before the packet is sent. */
static void note_sent(struct end *end, const struct virtio_vsock_hdr *hdr)
{
	bool begins = hdr->op == VIRTIO_VSOCK_OP_REQUEST ||
		      hdr->op == VIRTIO_VSOCK_OP_RESPONSE;

	note_credit(end, hdr);
	if (hdr->op == VIRTIO_VSOCK_OP_RST)
		end->open = end->asked = false;
	else
		end->sent_other++;
	/* By the time that it is answered, the end may have other ports. */
	if (is_called(end) && hdr->op != VIRTIO_VSOCK_OP_RST)
		play.guests[end->vm].strange++;
	if (hdr->op == VIRTIO_VSOCK_OP_REQUEST) {
		end->program.old = ++end->calls;
		end->told_limit = 0;
		end->spoilt = false;
	}
	if (begins || !end->flow)
		end->flow = flow_new(destination(end));
	if (hdr->op == VIRTIO_VSOCK_OP_RESPONSE && end->asked) {
		end->asked = false;
		note_opened(end);
	}
	if (hdr->op == VIRTIO_VSOCK_OP_RW && is_overdrawn(end, hdr))
		end->overdrawn = true;
	if (hdr->op == VIRTIO_VSOCK_OP_RW && end->flow)
		flow_sent(end->flow, hdr->len,
			  hdr->flags & VIRTIO_VSOCK_SEQ_EOM);
}

static void make_header(const struct end *end, const struct play_packet *p,
			struct virtio_vsock_hdr *hdr)
{
	*hdr = (struct virtio_vsock_hdr){
		.src_cid = STAGE_CID + end->vm,
		.dst_cid = end->peer_cid,
		.src_port = end->port,
		.dst_port = end->peer_port,
		.len = p->op == VIRTIO_VSOCK_OP_RW ? p->len : 0,
		.type = end->type,
		.op = p->op,
		.flags = p->flags,
		.buf_alloc = p->buf_alloc,
		.fwd_cnt = end->in.got + (uint32_t)p->fwd_off,
	};
}

/* The end does not hear of such a packet, and what it may cause is counted
 * apart. */
static void make_strange(struct virtio_vsock_hdr *hdr, uint8_t how)
{
	switch (how) {
	case PLAY_OTHER_TYPE:
		hdr->type = hdr->type == VIRTIO_VSOCK_TYPE_STREAM
				    ? VIRTIO_VSOCK_TYPE_SEQPACKET
				    : VIRTIO_VSOCK_TYPE_STREAM;
		/* A REQUEST of that type would make a connection that belongs
		 * to another end. */
		if (hdr->op == VIRTIO_VSOCK_OP_REQUEST)
			hdr->op = VIRTIO_VSOCK_OP_CREDIT_UPDATE;
		break;
	case PLAY_NO_TYPE:
		hdr->type = 3;
		break;
	case PLAY_OTHER_SOURCE:
		hdr->src_cid += 7;
		hdr->src_port = STRANGE_PORT;
		break;
	case PLAY_NOBODY:
		hdr->dst_cid = 77;
		break;
	case PLAY_NO_PORT:
		hdr->src_port = hdr->dst_port = STRANGE_PORT;
		/* Another guest would be offered a connection of no end. */
		if (hdr->op == VIRTIO_VSOCK_OP_REQUEST && hdr->dst_cid != 2)
			hdr->op = VIRTIO_VSOCK_OP_CREDIT_UPDATE;
		break;
	default:
		break;
	}
}

void packet_post(struct end *end, const struct play_packet *p)
{
	struct guest_play *guest = &play.guests[end->vm];
	struct virtio_vsock_hdr hdr;
	uint32_t len, at;

	if (guest->driver.queue[DRIVER_TX].busy == UINT32_MAX)
		return;
	make_header(end, p, &hdr);
	len = hdr.len;
	note_doubt(end, p);
	note_harm(end, p);
	make_strange(&hdr, p->strange);
	at = stage_at(end->flow, play.flows[end->flow].sent);
	if (p->strange == PLAY_LONG) {
		hdr.len += 1;
		hdr.op = VIRTIO_VSOCK_OP_RW;
		end->sent_other++;
	} else if (p->strange) {
		guest->strange += hdr.op != VIRTIO_VSOCK_OP_RST;
	} else {
		note_sent(end, &hdr);
	}
	play_tell(">", end, &hdr);
	driver_send(&guest->driver, p->shape, &hdr, at, len);
	driver_publish(&guest->driver, DRIVER_TX);
	front_kick(&guest->front, DRIVER_TX);
}

void packets_offer(struct guest_play *guest, enum driver_shape shape,
		   uint32_t len, unsigned count)
{
	while (count-- && driver_offer(&guest->driver, shape, len))
		continue;
	driver_publish(&guest->driver, DRIVER_RX);
	front_kick(&guest->front, DRIVER_RX);
}

static bool is_for(const struct end *end, const struct virtio_vsock_hdr *hdr)
{
	return hdr->dst_port == end->port && hdr->src_cid == end->peer_cid &&
	       hdr->type == end->type &&
	       (hdr->src_port == end->peer_port ||
		(hdr->op == VIRTIO_VSOCK_OP_REQUEST && is_called(end)));
}

static struct end *find_end(struct guest_play *guest,
			    const struct virtio_vsock_hdr *hdr)
{
	for (unsigned i = 0; i < PLAY_ENDS; i++)
		if (is_for(&guest->ends[i], hdr))
			return &guest->ends[i];
	return NULL;
}

/* The partner may announce a smaller buffer, but never that it has consumed
 * less. */
static void hear_credit(struct end *end, const struct virtio_vsock_hdr *hdr)
{
	uint64_t limit = (uint64_t)hdr->fwd_cnt + hdr->buf_alloc;

	fuzz_check((int32_t)(hdr->fwd_cnt - end->told_fwd) >= 0);
	end->told_fwd = hdr->fwd_cnt;
	if (end->told_limit < limit)
		end->told_limit = limit;
}

static void begin_connection(struct end *end)
{
	end->told_fwd = 0;
	end->told_limit = 0;
	end->overdrawn = false;
	flow_restart(&end->in);
}

static void hear_data(struct end *end, const struct virtio_vsock_hdr *hdr,
		      int chain)
{
	static uint8_t bytes[STAGE_BUFFER];

	fuzz_check(hdr->len);
	driver_read(driver_of(end), chain, DRIVER_HEADER, bytes, hdr->len);
	flow_expect(flow_sink(end, false), &end->in, bytes, hdr->len,
		    end->type == VIRTIO_VSOCK_TYPE_SEQPACKET,
		    hdr->flags & VIRTIO_VSOCK_SEQ_EOM);
	fuzz_check(end->in.got <= end->limit);
}

static bool is_sure(struct end *end)
{
	const struct end *asked = asked_of(end);

	return asked && asked->sure;
}

static void hear(struct end *end, const struct virtio_vsock_hdr *hdr, int chain)
{
	switch (hdr->op) {
	case VIRTIO_VSOCK_OP_REQUEST:
		fuzz_check(end->index >= PLAY_CALLED);
		begin_connection(end);
		end->peer_port = hdr->src_port;
		end->asked = end->fresh = true;
		end->sure = false;
		end->flow = 0;
		end->sent_other++;
		break;
	case VIRTIO_VSOCK_OP_RESPONSE:
		fuzz_check(end->index < PLAY_CALLED ||
			   end->index >= PLAY_ASKER);
		begin_connection(end);
		note_opened(end);
		break;
	case VIRTIO_VSOCK_OP_RST:
		fuzz_check(!end->clean && !is_sure(end));
		end->open = end->asked = end->overdrawn = false;
		fuzz_check(++end->resets <= end->sent_other);
		return;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		fuzz_check(!is_sure(end));
		break;
	case VIRTIO_VSOCK_OP_RW:
		hear_data(end, hdr, chain);
		break;
	default:
		fuzz_check(hdr->op <= VIRTIO_VSOCK_OP_CREDIT_REQUEST &&
			   hdr->op);
	}
	hear_credit(end, hdr);
}

/* The packet is for this guest, and as long as it says. */
static void receive(struct guest_play *guest, int chain, uint32_t len)
{
	struct virtio_vsock_hdr hdr;
	struct end *end;

	fuzz_check(len >= DRIVER_HEADER);
	driver_read(&guest->driver, chain, 0, &hdr, DRIVER_HEADER);
	fuzz_check(len == DRIVER_HEADER + hdr.len);
	fuzz_check(!hdr.len || hdr.op == VIRTIO_VSOCK_OP_RW);
	fuzz_check(hdr.dst_cid == guest->vm->config->guest_cid);
	end = find_end(guest, &hdr);
	play_tell("<", end, &hdr);
	if (end) {
		hear(end, &hdr, chain);
		return;
	}
	/* It belongs to an earlier connection, or answers a strange packet. */
	fuzz_check(hdr.op == VIRTIO_VSOCK_OP_RST);
	fuzz_check(++guest->strange_resets <= guest->strange);
}

/* A packet that a turn leaves in the ring is taken after more may have been
 * granted. So it may be within what the daemon allows. */
static void note_taken(struct guest_play *guest)
{
	guest->taken = !guest->driver.queue[DRIVER_TX].busy;
	for (unsigned e = 0; e < PLAY_ENDS; e++) {
		struct end *end = &guest->ends[e];

		if (!guest->taken && end->posted)
			end->overdrawn = false;
		if (!guest->taken)
			continue;
		end->posted = 0;
		end->decisive = false;
	}
}

/* Packets that are still in the ring were sent before the guest saw the
 * REQUEST. The daemon reads them after it has asked, and they do no harm if it
 * takes them for part of the last connection. */
static void note_sure(struct end *end)
{
	const struct end *asker = play_partner(end);

	if (!end->fresh || !asker)
		return;
	end->fresh = false;
	end->sure = end->asked && truth_asks(end) && asker->harmless &&
		    !asker->spoilt &&
		    (!end->posted || (truth_follows(end) && !end->decisive));
}

unsigned packets_collect(void)
{
	unsigned received = 0;
	uint32_t len;
	int chain;

	for (unsigned i = 0; i < PLAY_VMS; i++) {
		struct guest_play *guest = &play.guests[i];

		if (guest->front.fd < 0)
			continue;
		while (driver_take(&guest->driver, DRIVER_TX, &len) >= 0)
			fuzz_check(!len);
		note_taken(guest);
		while ((chain = driver_take(&guest->driver, DRIVER_RX, &len)) >=
		       0) {
			receive(guest, chain, len);
			received++;
		}
	}
	for (unsigned i = 0; i < PLAY_VMS; i++)
		for (unsigned e = PLAY_ASKED; e < PLAY_ENDS; e++)
			note_sure(&play.guests[i].ends[e]);
	return received;
}

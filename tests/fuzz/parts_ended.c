/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "base/check.h"
#include "fuzz/lack.h"
#include "fuzz/parts.h"
#include "vsock/conn.h"
#include "vsock/ended.h"
#include "vsock/packet.h"

#define CIDS 2u
#define PEERS 4u
#define PORTS 4096u
#define KEYS (CIDS * PEERS * PORTS)
#define NEWEST 4u /* that are remembered whatever addresses they have */

static struct ended ended;
static uint64_t now_ms;
static uint32_t since[KEYS]; /* seconds, plus one; 0: did not end */
static uint32_t touched[KEYS], ntouched;
static bool is_touched[KEYS];
static uint32_t newest[NEWEST], nnewest;

/* A key is a place in SINCE. The highest bits of a step make the port: those
 * below follow each other too evenly. */
static struct conn conn_of(uint32_t key)
{
	return (struct conn){
		.local_cid = key % CIDS ? 7 : PACKET_HOST_CID,
		.peer_port = 1024 + key / CIDS % PEERS,
		.local_port = key / CIDS / PEERS,
	};
}

static uint32_t key_of(const struct record *r)
{
	return ((r->d / 16u) * PEERS + r->b % PEERS) * CIDS + r->a % CIDS;
}

static uint32_t seconds(void)
{
	return (uint32_t)(now_ms / 1000) + 1;
}

static bool is_known(uint32_t key)
{
	struct conn conn = conn_of(key);
	struct packet packet = {
		.dst_cid = conn.local_cid,
		.dst_port = conn.local_port,
		.src_port = conn.peer_port,
	};

	return ended_has(&ended, &packet, now_ms);
}

static bool counts(uint32_t key)
{
	return since[key] && seconds() - since[key] <= ENDED_S;
}

static void check_newest(void)
{
	for (unsigned i = 0; i < nnewest; i++)
		fuzz_check(is_known(newest[i]) == counts(newest[i]));
	fuzz_check(ended.nsets <= ENDED_MAX / 4);
}

static void no_longer_newest(uint32_t key)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < nnewest; i++)
		if (newest[i] != key)
			newest[kept++] = newest[i];
	nnewest = kept;
}

static void add(uint32_t key, uint8_t lack)
{
	struct conn conn = conn_of(key);

	lack_begins(lack);
	ended_add(&ended, &conn, now_ms);
	lack_ends();
	if (!ended.nsets)
		return;
	if (!is_touched[key])
		touched[ntouched++] = key;
	is_touched[key] = true;
	since[key] = seconds();
	no_longer_newest(key);
	if (nnewest == NEWEST)
		no_longer_newest(newest[0]);
	newest[nnewest++] = key;
	fuzz_check(is_known(key));
}

void ended_begin(void)
{
	ended_init(&ended);
	now_ms = 0;
	nnewest = 0;
}

static void forget_all(void)
{
	ended_free(&ended);
	while (ntouched) {
		uint32_t key = touched[--ntouched];

		since[key] = 0;
		is_touched[key] = false;
	}
	nnewest = 0;
}

void ended_end(void)
{
	for (uint32_t i = 0; i < ntouched; i++)
		if (is_known(touched[i]))
			fuzz_check(counts(touched[i]));
	forget_all();
}

/* E connections and one more, or 1,024: CID A, the guest's port B,
 * the host's ports all over the place. */
void ended_adds(const struct record *r)
{
	struct record each = *r;

	for (unsigned n = 0; n <= part_times(r->e, 1023); n++) {
		add(key_of(&each), r->c);
		check_newest();
		/* A sequence that has every number once. */
		each.d = (uint16_t)(each.d * 5 + 1);
	}
}

/* A connection with these addresses begins. */
void ended_forgets(const struct record *r)
{
	uint32_t key = key_of(r);
	struct conn conn = conn_of(key);
	bool had = ended_forget(&ended, &conn);

	if (had)
		fuzz_check(since[key]);
	for (unsigned i = 0; i < nnewest; i++)
		fuzz_check(newest[i] != key || had);
	fuzz_check(!is_known(key));
	since[key] = 0;
	no_longer_newest(key);
	check_newest();
}

void ended_asks(const struct record *r)
{
	uint32_t key = key_of(r);

	if (is_known(key))
		fuzz_check(counts(key));
}

/* D milliseconds, or as many quarters of a second, or another driver. */
void ended_passes(const struct record *r)
{
	now_ms += r->a % 2 ? r->d : r->d * 250u;
	if (r->b >= 0xf0)
		forget_all();
	check_newest();
}

/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A queue whose descriptor I is always one buffer of 64 bytes at BUF + I: heads
 * can be told apart by their addresses, and a test need only say in which order
 * they come.
 */
#include "unit/virtq/queue_fixture.h"

#include "base/check.h"

struct guest guest;
struct ring driver;
struct virtq q;
struct chain chain;
struct iovec iov[VIRTQ_CHAIN_MAX];
const char *why;

void set_up(void)
{
	guest_open(&guest);
	why = NULL;
}

void tear_down(void)
{
	virtq_stop(&q);
	guest_close(&guest);
}

void start(uint16_t size, uint16_t base, bool event_idx)
{
	ring_init(&driver, &guest, size, base, event_idx);
	for (unsigned i = 0; i < size; i++)
		ring_desc(&driver, i, BUF + i, 64, 0, 0);
	ck_assert_int_eq(virtq_start(&q, &driver.setup, guest.memory, &why), 0);
}

int take(void)
{
	return virtq_take(&q, iov, ARRAY_SIZE(iov), &chain);
}

bool one(void)
{
	ring_add(&driver, 0);
	ck_assert_int_eq(take(), 1);
	virtq_give(&q, &chain, 0);
	return virtq_publish(&q);
}

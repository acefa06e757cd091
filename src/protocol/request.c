/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A request's row holds what can be known of it without knowing the device: how
 * long it is, how many descriptors come with it, whether it names a queue and
 * where. Two things depend on the payload and are not in the row: SET_MEM_TABLE
 * says how many regions, and so descriptors, there are; the three requests that
 * bring an eventfd may say that there is none (bit 8, NO_FD).
 *
 * Requests of the specification that this back end does not serve have a row
 * with a name only, for the log. Their features are not offered, so that no
 * front end should send them.
 */
#include "protocol/request.h"

#include <errno.h>

#include "base/check.h"

#define NUMBER sizeof(uint64_t)
#define STATE sizeof(struct vhost_vring_state)
#define ADDR sizeof(struct vhost_vring_addr)
#define TABLE_HEAD offsetof(struct vhost_user_mem_table, regions)
#define TABLE_MIN (TABLE_HEAD + sizeof(struct vhost_user_region))
#define TABLE_MAX sizeof(struct vhost_user_mem_table)
#define REGION sizeof(struct vhost_user_mem_region)
#define CONFIG_HEAD sizeof(struct vhost_user_config)

/* name, payload from and to, descriptors from and to, queue, reply */
#define ROW(name_, min, max, fmin, fmax, index_, reply_) \
	[VHOST_USER_##name_] = {                         \
		.name = #name_,                          \
		.known = true,                           \
		.min_size = (min),                       \
		.max_size = (max),                       \
		.min_fds = (fmin),                       \
		.max_fds = (fmax),                       \
		.index = REQUEST_INDEX_##index_,         \
		.reply = REQUEST_REPLY_##reply_,         \
	}
#define UNKNOWN(name_) [VHOST_USER_##name_] = { .name = #name_ }

static const struct request requests[] = {
	ROW(GET_FEATURES, 0, 0, 0, 0, NONE, OWN),
	ROW(SET_FEATURES, NUMBER, NUMBER, 0, 0, NONE, ACK),
	ROW(SET_OWNER, 0, 0, 0, 0, NONE, ACK),
	ROW(RESET_OWNER, 0, 0, 0, 0, NONE, ACK),
	ROW(SET_MEM_TABLE, TABLE_MIN, TABLE_MAX, 1, VHOST_USER_TABLE_REGIONS,
	    NONE, ACK),
	ROW(SET_VRING_NUM, STATE, STATE, 0, 0, FIRST, ACK),
	ROW(SET_VRING_ADDR, ADDR, ADDR, 0, 0, FIRST, ACK),
	ROW(SET_VRING_BASE, STATE, STATE, 0, 0, FIRST, ACK),
	ROW(GET_VRING_BASE, STATE, STATE, 0, 0, FIRST, OWN),
	ROW(SET_VRING_KICK, NUMBER, NUMBER, 0, 1, LOW, ACK),
	ROW(SET_VRING_CALL, NUMBER, NUMBER, 0, 1, LOW, ACK),
	ROW(SET_VRING_ERR, NUMBER, NUMBER, 0, 1, LOW, ACK),
	ROW(GET_PROTOCOL_FEATURES, 0, 0, 0, 0, NONE, OWN),
	ROW(SET_PROTOCOL_FEATURES, NUMBER, NUMBER, 0, 0, NONE, ACK),
	ROW(GET_QUEUE_NUM, 0, 0, 0, 0, NONE, OWN),
	ROW(SET_VRING_ENABLE, STATE, STATE, 0, 0, FIRST, ACK),
	ROW(GET_CONFIG, CONFIG_HEAD, MESSAGE_PAYLOAD_MAX, 0, 0, NONE, OWN),
	ROW(SET_CONFIG, CONFIG_HEAD, MESSAGE_PAYLOAD_MAX, 0, 0, NONE, ACK),
	ROW(RESET_DEVICE, 0, 0, 0, 0, NONE, ACK),
	ROW(GET_MAX_MEM_SLOTS, 0, 0, 0, 0, NONE, OWN),
	ROW(ADD_MEM_REG, REGION, REGION, 1, 1, NONE, ACK),
	/* Some front ends send the region's descriptor here, too; it is
	 * closed. */
	ROW(REM_MEM_REG, REGION, REGION, 0, 1, NONE, ACK),
	ROW(SET_STATUS, NUMBER, NUMBER, 0, 0, NONE, ACK),
	ROW(GET_STATUS, 0, 0, 0, 0, NONE, OWN),

	UNKNOWN(SET_LOG_BASE),
	UNKNOWN(SET_LOG_FD),
	UNKNOWN(SEND_RARP),
	UNKNOWN(NET_SET_MTU),
	UNKNOWN(IOTLB_MSG),
	UNKNOWN(SET_BACKEND_REQ_FD),
	UNKNOWN(SET_VRING_ENDIAN),
	UNKNOWN(CREATE_CRYPTO_SESSION),
	UNKNOWN(CLOSE_CRYPTO_SESSION),
	UNKNOWN(POSTCOPY_ADVISE),
	UNKNOWN(POSTCOPY_LISTEN),
	UNKNOWN(POSTCOPY_END),
	UNKNOWN(GET_INFLIGHT_FD),
	UNKNOWN(SET_INFLIGHT_FD),
	UNKNOWN(GPU_SET_SOCKET),
	UNKNOWN(VRING_KICK),
	UNKNOWN(GET_SHARED_OBJECT),
	UNKNOWN(SET_DEVICE_STATE_FD),
	UNKNOWN(CHECK_DEVICE_STATE),
	UNKNOWN(GET_SHMEM_CONFIG),
};

/* A row that somebody forgot would be all zeros. */
static_assert(ARRAY_SIZE(requests) == VHOST_USER_GET_SHMEM_CONFIG + 1,
	      "one row a request");

const struct request *request_find(uint32_t code)
{
	if (code >= ARRAY_SIZE(requests) || !requests[code].known)
		return NULL;
	return &requests[code];
}

const char *request_name(uint32_t code)
{
	if (code >= ARRAY_SIZE(requests) || !requests[code].name)
		return "unknown request";
	return requests[code].name;
}

/* The table says how many regions it has; each of them has a descriptor. */
static const char *check_table(const struct message *m)
{
	uint32_t n = m->payload.table.nregions;

	if (!n || n > VHOST_USER_TABLE_REGIONS)
		return "number of regions is not 1 to 8";
	if (m->size < TABLE_HEAD + n * sizeof(struct vhost_user_region))
		return "payload shorter than its regions";
	if (m->nfds != n)
		return "not one descriptor for each region";
	return NULL;
}

static const char *check_queue(const struct message *m, uint8_t index)
{
	bool no_fd = m->payload.u64 & VHOST_USER_VRING_NO_FD;
	bool other_bits = m->payload.u64 >> 9;

	if (index == REQUEST_INDEX_NONE)
		return NULL;
	if (request_queue(m) >= REQUEST_QUEUES ||
	    (index == REQUEST_INDEX_LOW && other_bits))
		return "no queue with that index";
	if (index == REQUEST_INDEX_LOW && m->nfds != (no_fd ? 0 : 1))
		return no_fd ? "descriptor where none was announced"
			     : "no descriptor where one was announced";
	return NULL;
}

static const char *check_row(const struct request *row, const struct message *m)
{
	const char *why;

	if (m->size < row->min_size)
		return "payload too short";
	if (m->size > row->max_size)
		return "payload too long";
	if (m->nfds > row->max_fds || m->excess_fds)
		return "too many descriptors";
	if (m->nfds < row->min_fds)
		return "too few descriptors";
	why = check_queue(m, row->index);
	if (!why && m->request == VHOST_USER_SET_MEM_TABLE)
		why = check_table(m);
	return why;
}

int request_check(const struct message *m, const char **why)
{
	const struct request *row = request_find(m->request);

	if (!row) {
		*why = "not supported";
		return -EOPNOTSUPP;
	}
	*why = check_row(row, m);
	return *why ? -EINVAL : 0;
}

unsigned request_queue(const struct message *m)
{
	const struct request *row = request_find(m->request);

	if (row && row->index == REQUEST_INDEX_FIRST)
		return m->payload.state.index;
	if (row && row->index == REQUEST_INDEX_LOW)
		return (unsigned)m->payload.u64 & VHOST_USER_VRING_INDEX_MASK;
	return 0;
}

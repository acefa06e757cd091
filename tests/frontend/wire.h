/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * vhost-user as a front end speaks it (QEMU's docs/interop/vhost-user.rst). It
 * is written a second time on purpose: a wrong number in the daemon must not
 * meet the same wrong number here.
 */
#ifndef URING_VSOCK_FRONTEND_WIRE_H
#define URING_VSOCK_FRONTEND_WIRE_H

#include <stdint.h>

enum vhost_code {
	VU_GET_FEATURES = 1,
	VU_SET_FEATURES = 2,
	VU_SET_OWNER = 3,
	VU_RESET_OWNER = 4,
	VU_SET_MEM_TABLE = 5,
	VU_SET_LOG_BASE = 6,
	VU_SET_LOG_FD = 7,
	VU_SET_VRING_NUM = 8,
	VU_SET_VRING_ADDR = 9,
	VU_SET_VRING_BASE = 10,
	VU_GET_VRING_BASE = 11,
	VU_SET_VRING_KICK = 12,
	VU_SET_VRING_CALL = 13,
	VU_SET_VRING_ERR = 14,
	VU_GET_PROTOCOL_FEATURES = 15,
	VU_SET_PROTOCOL_FEATURES = 16,
	VU_GET_QUEUE_NUM = 17,
	VU_SET_VRING_ENABLE = 18,
	VU_SEND_RARP = 19,
	VU_NET_SET_MTU = 20,
	VU_SET_BACKEND_REQ_FD = 21,
	VU_IOTLB_MSG = 22,
	VU_SET_VRING_ENDIAN = 23,
	VU_GET_CONFIG = 24,
	VU_SET_CONFIG = 25,
	VU_CREATE_CRYPTO_SESSION = 26,
	VU_CLOSE_CRYPTO_SESSION = 27,
	VU_POSTCOPY_ADVISE = 28,
	VU_POSTCOPY_LISTEN = 29,
	VU_POSTCOPY_END = 30,
	VU_GET_INFLIGHT_FD = 31,
	VU_SET_INFLIGHT_FD = 32,
	VU_GPU_SET_SOCKET = 33,
	VU_RESET_DEVICE = 34,
	VU_VRING_KICK = 35,
	VU_GET_MAX_MEM_SLOTS = 36,
	VU_ADD_MEM_REG = 37,
	VU_REM_MEM_REG = 38,
	VU_SET_STATUS = 39,
	VU_GET_STATUS = 40,
	VU_GET_SHARED_OBJECT = 41,
	VU_SET_DEVICE_STATE_FD = 42,
	VU_CHECK_DEVICE_STATE = 43,
};

#define VU_VERSION 1u
#define VU_REPLY (1u << 2)
#define VU_NEED_REPLY (1u << 3)

#define VU_NO_FD (1u << 8) /* in the u64 of KICK, CALL and ERR */

#define VU_F_SEQPACKET (1ull << 1)
#define VU_F_NOTIFY_ON_EMPTY (1ull << 24)
#define VU_F_INDIRECT (1ull << 28)
#define VU_F_EVENT_IDX (1ull << 29)
#define VU_F_PROTOCOL_FEATURES (1ull << 30)
#define VU_F_VERSION_1 (1ull << 32)
#define VU_F_IN_ORDER (1ull << 35)

#define VU_P_MQ (1ull << 0)
#define VU_P_REPLY_ACK (1ull << 3)
#define VU_P_BACKEND_REQ (1ull << 5)
#define VU_P_CONFIG (1ull << 9)
#define VU_P_RESET_DEVICE (1ull << 13)
#define VU_P_CONFIGURE_MEM_SLOTS (1ull << 15)
#define VU_P_STATUS (1ull << 16)

struct vu_header {
	uint32_t code;
	uint32_t flags;
	uint32_t size;
};

struct vu_state {
	uint32_t index;
	uint32_t num;
};

struct vu_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc;
	uint64_t used;
	uint64_t avail;
	uint64_t log;
};

struct vu_region {
	uint64_t guest_addr;
	uint64_t size;
	uint64_t user_addr;
	uint64_t mmap_offset;
};

struct vu_table {
	uint32_t count;
	uint32_t padding;
	struct vu_region regions[8];
};

struct vu_single_region {
	uint64_t padding;
	struct vu_region region;
};

struct vu_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	uint8_t bytes[256];
};

#endif

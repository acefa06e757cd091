/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A message has been checked by the table of protocol/request.h before its
 * handler sees it, so that no handler checks sizes, the number of descriptors or
 * the queue's index again.
 *
 * A refused request is acknowledged by a number that is not 0, if the front end
 * asked for an acknowledgement, and the session goes on. If it did not, it cannot
 * be told, and would go on in the belief that all is well: so the session ends.
 * SET_CONFIG is the exception, as the guest may cause it at will. Descriptors of
 * a kind that the request has no use for end the session in any case.
 */
#include "session/handlers.h"

#include <errno.h>
#include <linux/virtio_vsock.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/fd.h"
#include "base/fd_kind.h"
#include "config/config.h"
#include "guest/guest.h"
#include "protocol/request.h"
#include "session/device.h"
#include "session/frontend.h"
#include "session/ram_file.h"
#include "turn/loop.h"
#include "virtq/memory.h"

/*
 * Serves a checked message: 0, or a negative errno with *WHY. For a request with
 * a reply of its own it leaves the reply's payload and size in M.
 */
typedef int handler(struct frontend *fe, struct message *m, const char **why);

/* Every request that is answered with a single number. */
static int get_number(struct frontend *fe, struct message *m, const char **why)
{
	uint64_t value = 0;

	(void)why;
	if (m->request == VHOST_USER_GET_FEATURES)
		value = device_features(fe->guest);
	else if (m->request == VHOST_USER_GET_PROTOCOL_FEATURES)
		value = device_protocol_features;
	else if (m->request == VHOST_USER_GET_QUEUE_NUM)
		value = GUEST_QUEUES;
	else if (m->request == VHOST_USER_GET_MAX_MEM_SLOTS)
		value = MEMORY_SLOTS_MAX;
	else if (m->request == VHOST_USER_GET_STATUS)
		value = fe->guest->session.status;
	m->payload.u64 = value;
	m->size = sizeof(value);
	return 0;
}

static struct guest_queue *queue_of(struct frontend *fe,
				    const struct message *m)
{
	return &fe->guest->queue[request_queue(m)];
}

static int set_features(struct frontend *fe, struct message *m,
			const char **why)
{
	return device_set_features(fe->guest, m->payload.u64, why);
}

static int set_protocol_features(struct frontend *fe, struct message *m,
				 const char **why)
{
	return device_set_protocol_features(fe->guest, m->payload.u64, why);
}

/* The front end became the owner with its first valid request, whichever it
 * was. */
static int set_owner(struct frontend *fe, struct message *m, const char **why)
{
	(void)fe;
	(void)m;
	(void)why;
	return 0;
}

static int reset_device(struct frontend *fe, struct message *m,
			const char **why)
{
	(void)m;
	(void)why;
	device_reset(fe->guest);
	return 0;
}

static struct memory_region region_of(const struct vhost_user_region *r)
{
	return (struct memory_region){
		.guest_addr = r->guest_addr,
		.size = r->size,
		.user_addr = r->user_addr,
		.mmap_offset = r->mmap_offset,
	};
}

/* Closes M's files here, without the closer: their mappings live on, and their
 * kinds were checked, so that no close(2) waits. */
static void close_mapped(struct frontend *fe, struct message *m)
{
	for (unsigned i = 0; i < m->nfds && !fe->guest->config->any_memory; i++)
		fd_close(&m->fds[i]);
}

/* MEMORY is the map that M asks for, or NULL and errno; then the old one
 * stays. */
static int take_memory(struct frontend *fe, struct message *m,
		       struct memory *memory)
{
	if (!memory)
		return -errno;
	close_mapped(fe, m);
	device_set_memory(fe->guest, memory);
	return 0;
}

static int set_mem_table(struct frontend *fe, struct message *m,
			 const char **why)
{
	struct memory_region regions[VHOST_USER_TABLE_REGIONS];
	uint32_t n = m->payload.table.nregions;

	for (uint32_t i = 0; i < n; i++)
		regions[i] = region_of(&m->payload.table.regions[i]);
	return take_memory(fe, m, memory_new(regions, m->fds, n, why));
}

static int add_mem_reg(struct frontend *fe, struct message *m, const char **why)
{
	struct memory_region region = region_of(&m->payload.region.region);

	return take_memory(fe, m,
			   memory_add(fe->guest->session.memory, &region,
				      m->fds[0], why));
}

static int rem_mem_reg(struct frontend *fe, struct message *m, const char **why)
{
	struct memory_region region = region_of(&m->payload.region.region);
	struct memory *memory =
		memory_remove(fe->guest->session.memory, &region, why);

	if (!memory)
		return -errno;
	device_set_memory(fe->guest, memory);
	return 0;
}

static int set_vring_num(struct frontend *fe, struct message *m,
			 const char **why)
{
	struct guest *guest = fe->guest;
	int ret;

	device_pause_queue(guest, request_queue(m));
	ret = queue_set_size(queue_of(fe, m), m->payload.state.num,
			     guest->config->queue_size, why);
	device_start_queues(guest);
	return ret;
}

static int set_vring_addr(struct frontend *fe, struct message *m,
			  const char **why)
{
	const struct vhost_vring_addr *addr = &m->payload.addr;
	int ret;

	if (addr->flags & (1u << VHOST_VRING_F_LOG)) {
		*why = "logging was not offered";
		return -EINVAL;
	}
	device_pause_queue(fe->guest, request_queue(m));
	ret = queue_set_addresses(queue_of(fe, m), addr->desc_user_addr,
				  addr->avail_user_addr, addr->used_user_addr,
				  why);
	device_start_queues(fe->guest);
	return ret;
}

static int set_vring_base(struct frontend *fe, struct message *m,
			  const char **why)
{
	int ret;

	device_pause_queue(fe->guest, request_queue(m));
	ret = queue_set_base(queue_of(fe, m), m->payload.state.num, why);
	device_start_queues(fe->guest);
	return ret;
}

static int get_vring_base(struct frontend *fe, struct message *m,
			  const char **why)
{
	(void)why;
	m->payload.state.num = device_stop_queue(fe->guest, request_queue(m));
	return 0;
}

static int set_vring_kick(struct frontend *fe, struct message *m,
			  const char **why)
{
	return device_set_kick(fe->guest, request_queue(m),
			       message_take_fd(m, 0), why);
}

static int set_vring_call(struct frontend *fe, struct message *m,
			  const char **why)
{
	(void)why;
	queue_set_call(queue_of(fe, m), message_take_fd(m, 0));
	return 0;
}

static int set_vring_err(struct frontend *fe, struct message *m,
			 const char **why)
{
	(void)why;
	queue_set_err(queue_of(fe, m), message_take_fd(m, 0));
	return 0;
}

static int set_vring_enable(struct frontend *fe, struct message *m,
			    const char **why)
{
	(void)why;
	device_enable_queue(fe->guest, request_queue(m), m->payload.state.num);
	return 0;
}

static int get_config(struct frontend *fe, struct message *m, const char **why)
{
	uint8_t config[sizeof(struct virtio_vsock_config)];

	(void)why;
	put_le64(config, guest_cid(fe->guest));
	m->size = (uint32_t)message_fill_config(m, config, sizeof(config));
	return 0;
}

static int set_config(struct frontend *fe, struct message *m, const char **why)
{
	(void)fe;
	(void)m;
	*why = "nothing in the configuration can be written";
	return -EPERM;
}

static int set_status(struct frontend *fe, struct message *m, const char **why)
{
	if (m->payload.u64 > UINT8_MAX) {
		*why = "a status of more than 8 bits";
		return -EINVAL;
	}
	device_set_status(fe->guest, (uint8_t)m->payload.u64);
	return 0;
}

static handler *const handlers[] = {
	[VHOST_USER_GET_FEATURES] = get_number,
	[VHOST_USER_SET_FEATURES] = set_features,
	[VHOST_USER_SET_OWNER] = set_owner,
	[VHOST_USER_RESET_OWNER] = reset_device,
	[VHOST_USER_SET_MEM_TABLE] = set_mem_table,
	[VHOST_USER_SET_VRING_NUM] = set_vring_num,
	[VHOST_USER_SET_VRING_ADDR] = set_vring_addr,
	[VHOST_USER_SET_VRING_BASE] = set_vring_base,
	[VHOST_USER_GET_VRING_BASE] = get_vring_base,
	[VHOST_USER_SET_VRING_KICK] = set_vring_kick,
	[VHOST_USER_SET_VRING_CALL] = set_vring_call,
	[VHOST_USER_SET_VRING_ERR] = set_vring_err,
	[VHOST_USER_GET_PROTOCOL_FEATURES] = get_number,
	[VHOST_USER_SET_PROTOCOL_FEATURES] = set_protocol_features,
	[VHOST_USER_GET_QUEUE_NUM] = get_number,
	[VHOST_USER_SET_VRING_ENABLE] = set_vring_enable,
	[VHOST_USER_GET_CONFIG] = get_config,
	[VHOST_USER_SET_CONFIG] = set_config,
	[VHOST_USER_RESET_DEVICE] = reset_device,
	[VHOST_USER_GET_MAX_MEM_SLOTS] = get_number,
	[VHOST_USER_ADD_MEM_REG] = add_mem_reg,
	[VHOST_USER_REM_MEM_REG] = rem_mem_reg,
	[VHOST_USER_SET_STATUS] = set_status,
	[VHOST_USER_GET_STATUS] = get_number,
};

static int check_eventfds(const struct message *m, const char **why)
{
	for (unsigned i = 0; i < m->nfds; i++) {
		int is = fd_is_eventfd(m->fds[i]);

		if (is > 0)
			continue;
		*why = is ? "whether a descriptor is an eventfd cannot be "
			    "told: mount /proc"
			  : "a descriptor is no eventfd";
		return -EACCES;
	}
	return 0;
}

static_assert(RAM_FILES_MAX == VHOST_USER_FDS_MAX, "room for a message's");

/* Reading one mount table takes all the time that a turn has for chores. */
static int check_ram_files(struct frontend *fe, const struct message *m,
			   const char **why)
{
	struct guest *guest = fe->guest;
	unsigned tables = 0;
	int ret;

	if (guest->config->any_memory)
		return 0;
	*why = guest->session.reason;
	ret = ram_file_check(m->fds, m->nfds, frontend_pid(fe), &tables,
			     guest->session.reason,
			     sizeof(guest->session.reason));
	loop_count_chores(guest->loop, tables * LOOP_CHORES);
	return ret;
}

/* Before anything is done with the descriptors of a checked message: are they of
 * the kind that the request is about? 0 or -errno with *WHY. */
static int check_kinds(struct frontend *fe, const struct message *m,
		       const char **why)
{
	return request_find(m->request)->index == REQUEST_INDEX_LOW
		       ? check_eventfds(m, why)
		       : check_ram_files(fe, m, why);
}

/* The descriptors that M brought can be closed without harm, so that it may be
 * refused and the session goes on. */
static bool is_harmless(const struct message *m)
{
	bool good = !m->excess_fds;

	for (unsigned i = 0; i < m->nfds && good; i++)
		good = fd_is_eventfd(m->fds[i]) > 0 || fd_is_shmem(m->fds[i]);
	return good;
}

/*
 * Serves M, or refuses it. *DISMISS: the session has to end, answered or not,
 * since nobody knows what the descriptors are. They may be the other end of the
 * front end's own connection, which would then stay open until they are closed.
 */
static int run(struct frontend *fe, struct message *m, bool *dismiss,
	       const char **why)
{
	int ret = request_check(m, why);

	*dismiss = ret && !is_harmless(m);
	if (!ret) {
		ret = check_kinds(fe, m, why);
		*dismiss = ret;
	}
	if (!ret)
		ret = handlers[m->request](fe, m, why);
	frontend_drop_fds(fe, m);
	return ret;
}

static bool has_reply_ack(const struct frontend *fe)
{
	return fe->guest->session.protocol_features >>
		       VHOST_USER_PROTOCOL_F_REPLY_ACK &
	       1;
}

int handlers_serve(struct frontend *fe, struct message *m, const char **why)
{
	uint8_t out[MESSAGE_MAX];
	const struct request *row = request_find(m->request);
	/* REPLY_ACK counts if it was negotiated before this message or by it. */
	bool acks = has_reply_ack(fe);
	bool dismiss;
	int ret = run(fe, m, &dismiss, why);
	size_t n;

	if (dismiss)
		return ret;
	if (!ret && row->reply == REQUEST_REPLY_OWN)
		n = message_reply(m, m->payload.bytes, m->size, out,
				  sizeof(out));
	else if (message_need_reply(m) && (acks || has_reply_ack(fe)))
		n = message_reply_u64(m, ret ? 1 : 0, out, sizeof(out));
	else if (m->request == VHOST_USER_SET_CONFIG)
		return 0; /* the guest can cause it: the session goes on */
	else
		return ret;
	if (ret)
		guest_log_limited(fe->guest, guest, LOG_LEVEL_WARN,
				  "%s (%u) refused: %s",
				  request_name(m->request), m->request, *why);
	return frontend_send(fe, out, n, why);
}

/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The requests come in QEMU's order, and each answer is compared with what it
 * must be: the configuration space has the CID, and a queue stops exactly at
 * the index up to which it has used everything. Each pause in each test checks
 * the latter, so that a chain that was taken and not given back is found.
 */
#include "frontend/guest.h"

#include <string.h>

#define FEATURES_WANTED \
	(VU_F_VERSION_1 | VU_F_PROTOCOL_FEATURES | VU_F_NOTIFY_ON_EMPTY)
#define STATUS_RUNNING 0xf /* ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK */

struct guest_config guest_defaults(uint64_t cid)
{
	return (struct guest_config){
		.cid = cid,
		.regions = 1,
		.protocol_features = VU_P_MQ | VU_P_REPLY_ACK | VU_P_CONFIG |
				     VU_P_CONFIGURE_MEM_SLOTS |
				     VU_P_RESET_DEVICE | VU_P_STATUS,
		.driver = {
			.rx_size = 128,
			.tx_size = 128,
			.features = VU_F_EVENT_IDX | VU_F_INDIRECT |
				    VU_F_SEQPACKET,
			.rx_shape = { "3776", 1, { 3776 }, 0, RING_DIRECT,
				      false },
			.tx_shape = { "fragments", 1, { PACKET_HEADER }, 32768,
				      RING_INDIRECT, false },
		},
	};
}

struct guest_config guest_linux_6_1(uint64_t cid)
{
	struct guest_config c = guest_defaults(cid);

	c.driver.rx_shape = (struct shape){ .name = "header+4096",
					    .ncuts = 2,
					    .cuts = { PACKET_HEADER, 4096 },
					    .mode = RING_INDIRECT };
	c.driver.tx_shape.name = "linear";
	c.driver.tx_shape.rest = 0;
	return c;
}

void guest_init(struct guest *g, const struct guest_config *config,
		struct world *w)
{
	size_t size = driver_ram_size(&config->driver);

	*g = (struct guest){ .config = *config, .world = w };
	g->vhost.fd = -1;
	if (config->regions > 1)
		size += 256 * 1024 * config->regions;
	ram_init(&g->ram, size, config->regions, config->file_offset);
	sockets_init(&g->sockets, config->cid, &config->driver, w, &g->ram);
	driver_reset(&g->sockets.driver, config->base, config->base);
	g->bases[DRIVER_RX] = g->bases[DRIVER_TX] = config->base;
}

void guest_free(struct guest *g)
{
	vhost_hang_up(&g->vhost);
	sockets_free(&g->sockets);
	ram_free(&g->ram);
}

static void expect_ok(uint64_t answer, const char *what)
{
	if (answer)
		die("%s is refused: %llu", what, (unsigned long long)answer);
}

/* A header of 12 bytes, and the 8 bytes that were asked for. */
static void check_config_space(struct guest *g)
{
	struct vu_config config;
	uint32_t size = vhost_ask_config(&g->vhost, 0, 8, &config);

	if (size != 20 || get_le64(config.bytes) != g->config.cid)
		die("GET_CONFIG: %u bytes, guest CID %llu", size,
		    (unsigned long long)get_le64(config.bytes));
}

void guest_attach(struct guest *g, const char *path)
{
	struct vhost *v = &g->vhost;

	vhost_dial(v, path);
	v->chunk = g->config.chunk;
	v->fd_chunk = g->config.fd_chunk;
	g->offered = vhost_ask_u64(v, VU_GET_FEATURES);
	if (!g->config.no_protocol_features) {
		g->protocol_offered =
			vhost_ask_u64(v, VU_GET_PROTOCOL_FEATURES);
		g->protocol = g->protocol_offered & g->config.protocol_features;
		vhost_tell_u64(v, VU_SET_PROTOCOL_FEATURES, g->protocol);
		v->reply_ack = g->protocol & VU_P_REPLY_ACK;
	}
	expect_ok(vhost_tell(v, VU_SET_OWNER, NULL, 0, NULL, 0), "SET_OWNER");
	if (g->protocol & VU_P_CONFIG)
		check_config_space(g);
}

void guest_set_features(struct guest *g)
{
	uint64_t wanted = FEATURES_WANTED | g->config.driver.features;

	if (g->config.no_protocol_features)
		wanted &= ~VU_F_PROTOCOL_FEATURES;
	expect_ok(vhost_tell_u64(&g->vhost, VU_SET_FEATURES,
				 wanted & g->offered),
		  "SET_FEATURES");
}

static void add_regions(struct guest *g)
{
	for (unsigned i = 0; i < g->ram.count; i++) {
		struct vu_single_region one = { 0, ram_region(&g->ram, i) };

		expect_ok(vhost_tell(&g->vhost, VU_ADD_MEM_REG, &one,
				     sizeof(one), &g->ram.fds[i], 1),
			  "ADD_MEM_REG");
	}
}

void guest_set_mem_table(struct guest *g)
{
	struct vu_table table = { .count = g->ram.count };
	uint32_t size = (uint32_t)(8 + sizeof(struct vu_region) * table.count);

	if (table.count > ARRAY_SIZE(table.regions)) {
		add_regions(g);
		return;
	}
	for (unsigned i = 0; i < table.count; i++)
		table.regions[i] = ram_region(&g->ram, i);
	expect_ok(vhost_tell(&g->vhost, VU_SET_MEM_TABLE, &table, size,
			     g->ram.fds, table.count),
		  "SET_MEM_TABLE");
}

void guest_set_ring(struct guest *g, unsigned i)
{
	struct ring *r = &g->sockets.driver.rings[i];
	struct vhost *v = &g->vhost;
	struct vu_addr addr = {
		.index = i,
		.desc = ram_user_addr(&g->ram, r->desc),
		.avail = ram_user_addr(&g->ram, r->avail),
		.used = ram_user_addr(&g->ram, r->used),
	};

	expect_ok(vhost_tell_state(v, VU_SET_VRING_NUM, i, r->size), "NUM");
	expect_ok(vhost_tell_state(v, VU_SET_VRING_BASE, i, g->bases[i]),
		  "BASE");
	expect_ok(vhost_tell(v, VU_SET_VRING_ADDR, &addr, sizeof(addr), NULL,
			     0),
		  "ADDR");
	expect_ok(vhost_tell_fd(v, VU_SET_VRING_ERR, i, r->err_fd), "ERR");
	expect_ok(vhost_tell_fd(v, VU_SET_VRING_CALL, i,
				g->config.driver.polling ? -1 : r->call_fd),
		  "CALL");
	expect_ok(vhost_tell_fd(v, VU_SET_VRING_KICK, i,
				g->config.no_kick_fd ? -1 : r->kick_fd),
		  "KICK");
}

void guest_enable_ring(struct guest *g, unsigned i, bool enable)
{
	if (!g->config.no_protocol_features)
		expect_ok(vhost_tell_state(&g->vhost, VU_SET_VRING_ENABLE, i,
					   enable),
			  "ENABLE");
}

static void set_status(struct guest *g, uint64_t status)
{
	if (g->protocol & VU_P_STATUS)
		expect_ok(vhost_tell_u64(&g->vhost, VU_SET_STATUS, status),
			  "SET_STATUS");
}

void guest_start(struct guest *g)
{
	unsigned rings = driver_rings(&g->sockets.driver);

	guest_set_features(g);
	guest_set_mem_table(g);
	for (unsigned i = 0; i < rings; i++)
		guest_set_ring(g, i);
	for (unsigned i = 0; i < rings; i++)
		guest_enable_ring(g, i, true);
	set_status(g, STATUS_RUNNING);
	driver_run(&g->sockets.driver);
}

void guest_boot(struct guest *g, const struct guest_config *config,
		struct world *w, const char *path)
{
	guest_init(g, config, w);
	guest_attach(g, path);
	guest_start(g);
}

static void stop_rings(struct guest *g)
{
	for (unsigned i = 0; i < driver_rings(&g->sockets.driver); i++) {
		uint32_t base = vhost_ask_base(&g->vhost, i);
		const struct ring *r = &g->sockets.driver.rings[i];
		uint16_t used = le16toh(r->used->idx);

		if (base != used)
			die("GET_VRING_BASE of ring %u is %u, %u were used", i,
			    base, used);
		g->bases[i] = (uint16_t)base;
	}
}

void guest_pause(struct guest *g)
{
	driver_halt(&g->sockets.driver);
	stop_rings(g);
	set_status(g, 0);
}

/* Call it only when the device no longer knows the rings. */
static void forget(struct guest *g)
{
	sockets_forget(&g->sockets);
	driver_reset(&g->sockets.driver, 0, 0);
	memset(g->bases, 0, sizeof(g->bases));
}

void guest_reboot(struct guest *g)
{
	guest_pause(g);
	forget(g);
	guest_start(g);
}

void guest_kill(struct guest *g)
{
	driver_halt(&g->sockets.driver);
	vhost_hang_up(&g->vhost);
	sockets_forget(&g->sockets);
}

void guest_revive(struct guest *g, const char *path)
{
	guest_attach(g, path);
	forget(g);
	guest_start(g);
}

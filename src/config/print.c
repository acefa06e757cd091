/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What was left to its default is printed, too, so that the output goes on
 * meaning the same if a default changes. Nothing needs to be quoted: a name or
 * path that INI could not hold was refused when it was read (values.c).
 */
#include "config/print.h"

#include <string.h>

#include "base/bytes.h"
#include "config/config.h"
#include "config/remarks.h"

/* Bytes of a list, and ranges such as "4294967294-4294967294,", that stand in
 * one line: inih reads no more than 198 bytes of one. */
#define LIST_MAX 180
#define RANGES_A_LINE 8

static void print_front(const struct vm_config *vm, FILE *out)
{
	if (vm->socket)
		fprintf(out, "socket = %s\n", vm->socket);
	else
		fprintf(out, "fd = %d\n", vm->fd);
}

static void print_remark(void *user, enum log_level level, const char *text)
{
	FILE *out = user;

	(void)level;
	fprintf(out, "; %s\n", text);
}

static void print_owner(const struct vm_config *vm, FILE *out)
{
	if (vm->socket_mode_set)
		fprintf(out, "socket-mode = %04o\n", vm->socket_mode);
	if (!vm->socket_owner_set)
		return;
	fprintf(out, "socket-owner = ");
	if (vm->owner_uid != CONFIG_OWNER_STAYS)
		fprintf(out, "%u", vm->owner_uid);
	fprintf(out, ":%u\n", vm->owner_gid);
}

/* A list goes on in another line of the same key, which adds to it. */
static void print_groups(const struct vm_config *vm, FILE *out)
{
	size_t used = 0;
	unsigned i;

	for (i = 0; i < vm->ngroups; i++) {
		size_t len = strlen(vm->groups[i]) + 1;

		if (used + len > LIST_MAX)
			used = 0;
		if (!used)
			fprintf(out, "%sgroups = ", i ? "\n" : "");
		fprintf(out, "%s%s", used ? "+" : "", vm->groups[i]);
		used += len;
	}
	fputc('\n', out);
}

static void print_ranges(const char *key, const struct ranges *r, FILE *out)
{
	unsigned i;

	for (i = 0; i < r->count; i += RANGES_A_LINE) {
		const struct ranges part = {
			.list = r->list + i,
			.count = min_u32(r->count - i, RANGES_A_LINE),
		};

		fprintf(out, "%s = ", key);
		ranges_print(&part, out);
		fputc('\n', out);
	}
}

static void print_allowed(const char *key, bool limited, const struct ranges *r,
			  FILE *out)
{
	if (!limited || ranges_size(r) > CONFIG_PORT_MAX)
		fprintf(out, "%s = all\n", key);
	else if (!r->count)
		fprintf(out, "%s = none\n", key);
	else
		print_ranges(key, r, out);
}

static void print_peers(const struct vm_config *vm, FILE *out)
{
	unsigned i;

	print_groups(vm, out);
	fprintf(out, "seqpacket = %s\n", vm->seqpacket ? "yes" : "no");
	fprintf(out, "memory = %s\n", vm->any_memory ? "any" : "local");
	if (vm->forward_cid)
		fprintf(out, "forward-cid = %u\n", vm->forward_cid);
	if (vm->forward_listen.count)
		print_ranges("forward-listen", &vm->forward_listen, out);
	print_allowed("allow-guest", vm->guest_limited, &vm->allow_guest, out);
	print_allowed("allow-host", vm->host_limited, &vm->allow_host, out);
	for (i = 0; i < vm->nmaps; i++)
		fprintf(out, "map = %u:%s\n", vm->maps[i].port,
			vm->maps[i].path);
}

static void print_vm(const struct vm_config *vm, FILE *out)
{
	fprintf(out, "\n[vm %s]\n", vm->name);
	config_remarks(vm, print_remark, out);
	fprintf(out, "guest-cid = %u\n", vm->guest_cid);
	print_front(vm, out);
	if (vm->uds_path)
		fprintf(out, "uds-path = %s\n", vm->uds_path);
	fprintf(out, "tx-buffer-size = %u\n", vm->tx_buffer_size);
	fprintf(out, "queue-size = %u\n", vm->queue_size);
	print_owner(vm, out);
	print_peers(vm, out);
}

static void print_daemon(const struct config *config, FILE *out)
{
	fprintf(out, "[daemon]\nengine = %s\nlog-level = %s\n",
		engine_name(config->engine), log_level_name(config->log_level));
	if (config->workers)
		fprintf(out, "workers = %u\n", config->workers);
	else
		fprintf(out, "workers = auto\n");
	if (config->cpus.count)
		print_ranges("cpus", &config->cpus, out);
	fprintf(out, "poll-us = %u\n", config->poll_us);
}

void config_print(const struct config *config, FILE *out)
{
	unsigned i;

	print_daemon(config, out);
	for (i = 0; i < config->nvms; i++)
		print_vm(&config->vms[i], out);
}

/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "fuzz/settings.h"

#include <limits.h>

#include "base/bytes.h"
#include "base/socket_path.h"
#include "config/build.h"
#include "config/config.h"
#include "config/draft.h"
#include "config/ini.h"
#include "config/print.h"

static bool is_text(const char *text, size_t max)
{
	return text && text[0] && strlen(text) <= max && !strchr(text, '\n');
}

static void check_lists(const struct vm_config *vm)
{
	fuzz_check(vm->ngroups > 0);
	for (unsigned i = 0; i < vm->ngroups; i++) {
		fuzz_check(is_text(vm->groups[i], CONFIG_GROUP_MAX));
		fuzz_check(!i || strcmp(vm->groups[i - 1], vm->groups[i]) < 0);
	}
	for (unsigned i = 0; i < vm->nmaps; i++) {
		fuzz_check(vm->maps[i].port <= CONFIG_PORT_MAX);
		fuzz_check(is_text(vm->maps[i].path, SOCKET_PATH_MAX));
		fuzz_check(!i || vm->maps[i - 1].port < vm->maps[i].port);
		fuzz_check(config_mapped(vm, vm->maps[i].port) ==
			   vm->maps[i].path);
	}
	fuzz_check(ranges_size(&vm->forward_listen) <= CONFIG_FORWARDS_MAX);
}

static void check_vm(const struct vm_config *vm)
{
	fuzz_check(is_text(vm->name, CONFIG_NAME_MAX));
	fuzz_check(vm->guest_cid >= CONFIG_CID_MIN &&
		   vm->guest_cid <= CONFIG_CID_MAX);
	fuzz_check((vm->socket != NULL) == (vm->fd < 0));
	fuzz_check(!vm->socket || is_text(vm->socket, SOCKET_PATH_MAX));
	fuzz_check(vm->uds_path || vm->forward_cid);
	fuzz_check(!vm->uds_path || is_text(vm->uds_path, SOCKET_PATH_MAX));
	fuzz_check(vm->tx_buffer_size >= CONFIG_TX_BUFFER_MIN &&
		   vm->tx_buffer_size <= CONFIG_TX_BUFFER_MAX);
	fuzz_check(is_power_of_two(vm->queue_size) &&
		   vm->queue_size <= CONFIG_QUEUE_MAX);
	fuzz_check(!vm->socket_mode_set || vm->socket_mode <= 0777);
	check_lists(vm);
}

void settings_check(const struct config *config)
{
	fuzz_check(config->nvms && config->engine < ENGINES);
	fuzz_check(config->workers <= CONFIG_WORKERS_MAX);
	fuzz_check(config->poll_us <= CONFIG_POLL_US_MAX);
	for (unsigned i = 0; i < config->nvms; i++) {
		check_vm(&config->vms[i]);
		for (unsigned k = 0; k < i; k++) {
			fuzz_check(config->vms[k].guest_cid !=
				   config->vms[i].guest_cid);
			fuzz_check(strcmp(config->vms[k].name,
					  config->vms[i].name) != 0);
		}
	}
}

/* The outcome: what config_print() writes, or the mistakes; *GOOD tells which.
 * */
static char *outcome(settings_reader *reader, const void *data, size_t size,
		     bool *good)
{
	struct draft draft = { .daemon = { .scope = SCOPE_DAEMON },
			       .file = "f" };
	struct mistakes mistakes = { .count = 0 };
	struct config config;
	char *text = NULL;
	size_t room;
	FILE *out = open_memstream(&text, &room);
	FILE *in;

	fuzz_check(out);
	in = size ? fmemopen((void *)(uintptr_t)data, size, "r")
		  : fopen("/dev/null", "r");
	fuzz_check(in);
	config_init(&config);
	reader(in, "f", &draft, &mistakes);
	config_build(&draft, &config, &mistakes);
	draft_free(&draft);
	fuzz_check(!mistakes.no_memory);
	*good = !mistakes.count;
	if (*good) {
		settings_check(&config);
		config_print(&config, out);
	} else {
		mistakes_print(&mistakes, out);
	}
	mistakes_free(&mistakes);
	config_free(&config);
	fclose(in);
	fclose(out);
	fuzz_check(text && text[0]);
	return text;
}

/* Remarks for people, which may be about how a value was written. */
static void drop_comments(char *text)
{
	char *to = text;
	char *line;

	while ((line = strsep(&text, "\n")) != NULL) {
		size_t len = strlen(line);

		if (line[0] == ';')
			continue;
		memmove(to, line, len);
		to += len;
		*to++ = text ? '\n' : '\0';
	}
	to[-1] = '\0';
}

void settings_read(settings_reader *reader, const uint8_t *data, size_t size)
{
	bool good;
	bool again;
	char *text = outcome(reader, data, size, &good);
	char *second;

	if (good) {
		second = outcome(config_ini_read, text, strlen(text), &again);
		drop_comments(text);
		drop_comments(second);
		if (!again || strcmp(text, second) != 0)
			fprintf(stderr, "%s\n--- comes to ---\n%s\n", text,
				second);
		fuzz_check(again && strcmp(text, second) == 0);
		free(second);
	}
	free(text);
}

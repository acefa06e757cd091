/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Each text is added to what is there, and what stands before a mistake stays
 * added: with a mistake anywhere the daemon does not start.
 */
#include "config/lists.h"

#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "base/text.h"
#include "config/config.h"
#include "config/values.h"

#define NO_MEMORY "there is no memory left for it"

/* ASCII letters and digits, these signs, and whatever is beyond ASCII. */
static bool is_group(const char *name, size_t len)
{
	size_t n;

	if (len > CONFIG_GROUP_MAX)
		return false;
	for (; len; name += n, len -= n) {
		n = text_letter(name, len);
		if (!n || (n == 1 && !isalnum((unsigned char)*name) &&
			   !strchr("._-", *name)))
			return false;
	}
	return true;
}

const char *value_groups(const char *text, struct vm_config *vm)
{
	const char *right = "expected names of letters, digits, '.', '_' "
			    "or '-', several with '+' between";
	const char *rest = text;
	const char *name;
	size_t len;

	while (text_item(&rest, &name, &len)) {
		if (!is_group(name, len))
			return right;
		if (config_add_group(vm, name, len) < 0)
			return NO_MEMORY;
	}
	return vm->ngroups ? NULL : right;
}

const char *value_forward_listen(const char *text, struct vm_config *vm)
{
	int err = ranges_parse(&vm->forward_listen, text, CONFIG_PORT_MAX);

	if (err == -ENOMEM)
		return NO_MEMORY;
	if (err)
		return "expected ports from 0 to 4294967294, such as 9001+9002";
	if (ranges_size(&vm->forward_listen) > CONFIG_FORWARDS_MAX)
		return "expected at most 256 ports";
	return NULL;
}

/* Whatever is said is a limit: "none" is the empty set, "all" the whole one,
 * and several texts add up. */
static const char *parse_allowed(const char *text, struct ranges *ports,
				 bool *limited)
{
	int err;

	*limited = true;
	if (strcmp(text, "none") == 0)
		return NULL;
	err = strcmp(text, "all") == 0
		      ? ranges_add(ports, 0, CONFIG_PORT_MAX)
		      : ranges_parse(ports, text, CONFIG_PORT_MAX);
	if (err == -ENOMEM)
		return NO_MEMORY;
	return err ? "expected all, none, or ports and ranges of them, such as "
		     "22+1024-2047"
		   : NULL;
}

const char *value_allow_guest(const char *text, struct vm_config *vm)
{
	return parse_allowed(text, &vm->allow_guest, &vm->guest_limited);
}

const char *value_allow_host(const char *text, struct vm_config *vm)
{
	return parse_allowed(text, &vm->allow_host, &vm->host_limited);
}

const char *value_map(const char *text, struct vm_config *vm)
{
	const char *colon = strchr(text, ':');
	const char *right;
	uint64_t port;
	int err;

	if (!colon || !text_number(text, (size_t)(colon - text), &port) ||
	    port > CONFIG_PORT_MAX || strcmp(colon, ":@") == 0)
		return "expected PORT:PATH, or PORT:@NAME for an abstract socket";
	right = value_path_form(colon + 1);
	if (right)
		return right;
	err = config_add_map(vm, (uint32_t)port, colon + 1);
	if (err == -EEXIST)
		return "this port is mapped already; remove one of its maps";
	return err ? NO_MEMORY : NULL;
}

/* Where the kernel does not say so, each CPU may be right. */
static bool may_run_on(const struct ranges *cpus)
{
	uint64_t n = ranges_size(cpus);
	cpu_set_t allowed;
	uint64_t i;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return true;
	for (i = 0; i < n; i++) {
		if (!CPU_ISSET(ranges_nth(cpus, i), &allowed))
			return false;
	}
	return true;
}

const char *value_cpus(const char *text, struct config *config)
{
	int err = ranges_parse(&config->cpus, text, CPU_SETSIZE - 1);

	if (err == -ENOMEM)
		return NO_MEMORY;
	if (err == -ERANGE)
		return "expected CPUs from 0 to 1023";
	if (err)
		return "expected CPUs and ranges of them, such as 0-3,8";
	if (!may_run_on(&config->cpus))
		return "expected CPUs that exist and that this process may run on";
	return NULL;
}

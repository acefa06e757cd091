/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Paths may contain colons. What stands behind the last one is taken for a port
 * unless it contains a slash, so that a mistyped port is a mistake and not
 * another path.
 */
#include "perf/perf_address.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/vm_sockets.h>

#include "base/check.h"

#define SYNTAX "an address is CID:PORT, unix:PATH:PORT or unix:PATH"

static const struct {
	const char *name;
	uint32_t cid;
} cids[] = {
	{ "any", VMADDR_CID_ANY },
	{ "local", VMADDR_CID_LOCAL },
	{ "host", VMADDR_CID_HOST },
};

static int parse_cid(const char *text, size_t length, uint32_t *out)
{
	char word[16];
	uint64_t value;
	unsigned i;

	if (length >= sizeof(word))
		return -1;
	snprintf(word, sizeof(word), "%.*s", (int)length, text);
	for (i = 0; i < ARRAY_SIZE(cids); i++) {
		if (strcmp(word, cids[i].name) == 0) {
			*out = cids[i].cid;
			return 0;
		}
	}
	if (perf_plain_number(word, UINT32_MAX, &value))
		return -1;
	*out = (uint32_t)value;
	return 0;
}

static int parse_port(const char *text, uint32_t *out)
{
	uint64_t value;

	if (perf_plain_number(text, VMADDR_PORT_ANY - 1, &value))
		return -1;
	*out = (uint32_t)value;
	return 0;
}

static int parse_unix(const char *path, struct perf_address *out,
		      struct perf_why *why)
{
	const char *colon = strrchr(path, ':');
	size_t length = strlen(path);

	out->family = PERF_FAMILY_UNIX;
	if (colon && colon[1] && !strpbrk(colon, "/")) {
		if (parse_port(colon + 1, &out->port))
			return perf_because(why,
					    "'%s': '%s' is no port, 0 to %u",
					    out->text, colon + 1,
					    VMADDR_PORT_ANY - 1);
		out->family = PERF_FAMILY_HYBRID;
		length = (size_t)(colon - path);
	}
	if (length == 0)
		return perf_because(why, "'%s': there is no path; " SYNTAX,
				    out->text);
	if (length >= sizeof(out->path))
		return perf_because(why,
				    "'%s': a socket's path has at most %zu "
				    "bytes",
				    out->text, sizeof(out->path) - 1);
	memcpy(out->path, path, length);
	out->path[length] = '\0';
	return 0;
}

int perf_address_parse(const char *text, struct perf_address *out,
		       struct perf_why *why)
{
	const char *colon = strchr(text, ':');

	*out = (struct perf_address){ .text = text };
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text + 5, out, why);
	if (!colon)
		return perf_because(why, "'%s': " SYNTAX, text);
	if (parse_cid(text, (size_t)(colon - text), &out->cid))
		return perf_because(
			why,
			"'%s': '%.*s' is no CID (a number, any, local or "
			"host); " SYNTAX,
			text, (int)(colon - text), text);
	if (parse_port(colon + 1, &out->port))
		return perf_because(why, "'%s': '%s' is no port, 0 to %u", text,
				    colon + 1, VMADDR_PORT_ANY - 1);
	return 0;
}

int perf_address_listen_path(const struct perf_address *address,
			     char out[PERF_PATH], struct perf_why *why)
{
	int length;

	if (address->family == PERF_FAMILY_UNIX)
		length = snprintf(out, PERF_PATH, "%s", address->path);
	else
		length = snprintf(out, PERF_PATH, "%s_%u", address->path,
				  address->port);
	if (length >= PERF_PATH)
		return perf_because(why,
				    "'%s': with the port behind it the path "
				    "has more than %d bytes",
				    address->text, PERF_PATH - 1);
	return 0;
}

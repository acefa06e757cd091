/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "peer_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { COUNT_MAX = 100000 };

static const char usage[] =
	"usage: vsock-peer [OPTION...] connect|listen ADDRESS\n"
	"  ADDRESS          vsock:CID:PORT, unix:PATH or hybrid:PATH:PORT\n"
	"  --send N         bytes to send\n"
	"  --receive N      bytes to receive and compare\n"
	"  --write-size N   bytes a send call\n"
	"  --count N        connections at the same time\n"
	"  --wait-at N      stop reading after N bytes until stdin is readable\n"
	"  --reply          send only after everything was received\n"
	"  --half-close     shut the sending half down after the last byte\n"
	"  --expect-eof     fail unless the peer ends after --receive bytes\n"
	"  --zerocopy       send with MSG_ZEROCOPY\n"
	"  --tagged         make every connection's stream another one\n"
	"  --messages       SOCK_SEQPACKET: send each message back\n"
	"  --progress       print how far both directions are\n";

static const struct option names[] = {
	{ "send", required_argument, NULL, 's' },
	{ "receive", required_argument, NULL, 'r' },
	{ "write-size", required_argument, NULL, 'w' },
	{ "count", required_argument, NULL, 'c' },
	{ "wait-at", required_argument, NULL, 'a' },
	{ "reply", no_argument, NULL, 'y' },
	{ "half-close", no_argument, NULL, 'h' },
	{ "expect-eof", no_argument, NULL, 'e' },
	{ "zerocopy", no_argument, NULL, 'z' },
	{ "tagged", no_argument, NULL, 't' },
	{ "messages", no_argument, NULL, 'm' },
	{ "progress", no_argument, NULL, 'p' },
	{ NULL, 0, NULL, 0 },
};

static bool set_flag(struct options *out, int name)
{
	switch (name) {
	case 'y':
		return out->plan.reply = true;
	case 'h':
		return out->plan.half_close = true;
	case 'e':
		return out->plan.expect_eof = true;
	case 'z':
		return out->plan.zerocopy = true;
	case 't':
		return out->plan.tagged = true;
	case 'm':
		return out->plan.messages = true;
	case 'p':
		return out->progress = true;
	default:
		return false;
	}
}

static bool set_number(struct options *out, int name, const char *text)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end)
		return false;
	switch (name) {
	case 's':
		out->plan.send = value;
		return true;
	case 'r':
		out->plan.receive = value;
		return true;
	case 'w':
		out->plan.write_size = (size_t)value;
		return value > 0 && value <= PATTERN_CHUNK;
	case 'c':
		out->count = (unsigned int)value;
		return value > 0 && value <= COUNT_MAX;
	case 'a':
		out->plan.wait_at = value;
		out->plan.wait_fd = STDIN_FILENO;
		return true;
	default:
		return false;
	}
}

static bool set_address(struct options *out, char **words, int n)
{
	if (n != 2)
		return false;
	out->plan.connecting = strcmp(words[0], "connect") == 0;
	if (!out->plan.connecting && strcmp(words[0], "listen") != 0)
		return false;
	if (address_parse(words[1], &out->address) < 0)
		return false;
	if (out->plan.messages)
		out->address.type = SOCK_SEQPACKET;
	return true;
}

int options_parse(int argc, char **argv, struct options *out)
{
	bool good = true;
	int name;

	*out = (struct options){ .count = 1 };
	out->plan.write_size = 65536;
	out->plan.wait_fd = -1;
	while ((name = getopt_long(argc, argv, "", names, NULL)) != -1)
		good &= optarg ? set_number(out, name, optarg)
			       : set_flag(out, name);
	if (good && set_address(out, argv + optind, argc - optind))
		return 0;
	fputs(usage, stderr);
	return -EINVAL;
}

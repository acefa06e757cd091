/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A test is described at the client alone, which tells the server. So the two
 * cannot disagree, and one server runs any number of different tests. A
 * client's option beside --listen is reported as a mistake, not ignored.
 */
#include "perf/perf_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "perf/perf_help.h"

enum {
	OPTION_LISTEN = 0x100,
	OPTION_CONNECT,
	OPTION_MODE,
	OPTION_BYTES,
	OPTION_TIME,
	OPTION_SIZE,
	OPTION_PARALLEL,
	OPTION_REVERSE,
	OPTION_ZEROCOPY,
	OPTION_VERIFY,
	OPTION_JSON,
	OPTION_ONCE,
	OPTION_VERSION = 'V',
	OPTION_HELP = 'h'
};

static const struct option table[] = {
	{ "listen", required_argument, NULL, OPTION_LISTEN },
	{ "connect", required_argument, NULL, OPTION_CONNECT },
	{ "mode", required_argument, NULL, OPTION_MODE },
	{ "bytes", required_argument, NULL, OPTION_BYTES },
	{ "time", required_argument, NULL, OPTION_TIME },
	{ "size", required_argument, NULL, OPTION_SIZE },
	{ "parallel", required_argument, NULL, OPTION_PARALLEL },
	{ "reverse", no_argument, NULL, OPTION_REVERSE },
	{ "zerocopy", no_argument, NULL, OPTION_ZEROCOPY },
	{ "verify", no_argument, NULL, OPTION_VERIFY },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "once", no_argument, NULL, OPTION_ONCE },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

/* What has been read so far. */
struct line {
	struct perf_options *out;
	const char *address;
	const char *of_client; /* an option for clients only, if there was one */
	int request;	       /* OPTION_HELP, OPTION_VERSION or 0 */
	struct perf_why why;
};

static const char *name_of(int option)
{
	unsigned i;

	for (i = 0; table[i].name && table[i].val != option; i++)
		;
	return table[i].name;
}

static int wrong_value(struct line *line, int option, const char *wanted)
{
	return perf_because(&line->why, "--%s: '%s' is not %s", name_of(option),
			    optarg, wanted);
}

static int read_address(struct line *line, int option)
{
	if (line->address)
		return perf_because(&line->why,
				    "--listen or --connect, and once");
	line->address = optarg;
	line->out->listen = option == OPTION_LISTEN;
	return 0;
}

static int read_u32(struct line *line, int option, uint32_t max, uint32_t *out,
		    const char *wanted)
{
	uint64_t value;

	if (perf_number(optarg, max, &value) || value == 0)
		return wrong_value(line, option, wanted);
	*out = (uint32_t)value;
	return 0;
}

/* Options for clients that have a value. */
static int read_value(struct line *line, int option)
{
	struct perf_plan *plan = &line->out->plan;

	switch (option) {
	case OPTION_MODE:
		if (perf_mode_parse(optarg, &plan->mode))
			return wrong_value(
				line, option,
				"a mode: stream, bidirectional, rr or crr");
		return 0;
	case OPTION_BYTES:
		if (perf_number(optarg, UINT64_MAX / 2, &plan->bytes) ||
		    !plan->bytes)
			return wrong_value(line, option,
					   "a number of bytes such as 1G");
		return 0;
	case OPTION_TIME:
		if (perf_seconds(optarg, &plan->time_ms))
			return wrong_value(line, option,
					   "a time of 0.001 to 86400 seconds");
		return 0;
	case OPTION_SIZE:
		return read_u32(line, option, PERF_SIZE_MAX, &plan->size,
				"a size from 1 to 64M");
	default:
		return read_u32(line, option, PERF_PARALLEL_MAX,
				&plan->parallel,
				"a number of connections from 1 to 1024");
	}
}

static int read_option(struct line *line, int option)
{
	struct perf_options *out = line->out;

	if (option >= OPTION_MODE && option <= OPTION_VERIFY)
		line->of_client = name_of(option);
	switch (option) {
	case OPTION_LISTEN:
	case OPTION_CONNECT:
		return read_address(line, option);
	case OPTION_REVERSE:
		out->plan.reverse = true;
		break;
	case OPTION_ZEROCOPY:
		out->plan.zerocopy = true;
		break;
	case OPTION_VERIFY:
		out->plan.verify = true;
		break;
	case OPTION_JSON:
		out->json = true;
		break;
	case OPTION_ONCE:
		out->once = true;
		break;
	case OPTION_VERSION:
	case OPTION_HELP:
		line->request = option;
		break;
	default:
		return read_value(line, option);
	}
	return 0;
}

static int refuse(struct line *line, const char *word, int code)
{
	if (code == ':')
		return perf_because(&line->why, "%s: this option needs a value",
				    word);
	if (optopt && strncmp(word, "--", 2) == 0)
		return perf_because(&line->why,
				    "%s: this option takes no value", word);
	return perf_because(&line->why, "%s: there is no such option", word);
}

static int read_line(struct line *line, int argc, char **argv)
{
	int code;

	opterr = 0;
	optind = 0;
	while (!line->request) {
		code = getopt_long(argc, argv, ":hV", table, NULL);
		if (code < 0)
			break;
		if (code == '?' || code == ':')
			return refuse(line, argv[optind - 1], code);
		if (read_option(line, code))
			return -1;
	}
	if (!line->request && optind < argc)
		return perf_because(&line->why,
				    "%s: an option begins with '--'",
				    argv[optind]);
	return 0;
}

static void set_defaults(struct perf_plan *plan)
{
	if (!plan->bytes && !plan->time_ms)
		plan->time_ms = 10000;
	if (!plan->size)
		plan->size = perf_plan_has_trips(plan) ? 1 : 128u << 10;
	if (!plan->parallel)
		plan->parallel = 1;
}

static int conclude(struct line *line)
{
	struct perf_options *out = line->out;
	const char *wrong;

	if (!line->address)
		return perf_because(&line->why,
				    "--listen ADDRESS or --connect ADDRESS is "
				    "missing");
	if (perf_address_parse(line->address, &out->address, &line->why))
		return -1;
	if (out->listen && line->of_client)
		return perf_because(&line->why,
				    "--%s: give it to the client, which tells "
				    "the server",
				    line->of_client);
	if (!out->listen && out->once)
		return perf_because(&line->why, "--once goes with --listen");
	if (!out->listen && out->address.family == PERF_FAMILY_VSOCK &&
	    out->address.cid == UINT32_MAX)
		return perf_because(&line->why,
				    "--connect %s: the CID has to be one, such "
				    "as host",
				    line->address);
	set_defaults(&out->plan);
	wrong = perf_plan_check(&out->plan);
	return wrong ? perf_because(&line->why, "%s", wrong) : 0;
}

int perf_options_parse(int argc, char **argv, struct perf_options *out,
		       int *status)
{
	struct line line = { .out = out };

	*out = (struct perf_options){ 0 };
	if (read_line(&line, argc, argv) ||
	    (!line.request && conclude(&line))) {
		fprintf(stderr,
			"uring-vsock-perf: %s\n"
			"Try 'uring-vsock-perf --help'.\n",
			line.why.text);
		*status = PERF_EXIT_USAGE;
		return 1;
	}
	if (!line.request)
		return 0;
	if (line.request == OPTION_HELP)
		perf_help(stdout);
	else
		perf_version(stdout);
	*status = fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	return 1;
}

/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Output is written line by line also if it is no terminal, so that whoever
 * reads it from a pipe sees each second when it is over.
 */
#include <signal.h>
#include <stdio.h>

#include "base/fd.h"
#include "perf/perf_client.h"
#include "perf/perf_options.h"
#include "perf/perf_server.h"

int main(int argc, char **argv)
{
	struct perf_options options;
	int status;

	if (perf_options_parse(argc, argv, &options, &status))
		return status;
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	fd_raise_limit();
	return options.listen ? perf_server(&options) : perf_client(&options);
}

/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "perf/perf_help.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "(built without configure)"
#endif

static const char help[] =
	"usage: uring-vsock-perf --listen ADDRESS [--once] [--json]\n"
	"       uring-vsock-perf --connect ADDRESS [OPTION...]\n"
	"\n"
	"Measures sockets between a virtual machine and its host. One end "
	"listens, the\n"
	"other connects and says what to do.\n"
	"\n"
	"ADDRESS is one of\n"
	"  CID:PORT              AF_VSOCK, in the guest: a number, any, local "
	"or host\n"
	"  unix:UDS_PATH:PORT    on the host, the daemon's uds-path: connects "
	"to that port\n"
	"                        of the guest, or listens on UDS_PATH_PORT\n"
	"  unix:PATH             a Unix socket, without a daemon\n"
	"\n"
	"The client's options:\n"
	"  --mode=MODE           stream: as much as goes (the default)\n"
	"                        bidirectional: the same both ways at once\n"
	"                        rr: a request, its response, and again\n"
	"                        crr: connect, request, response, close\n"
	"  --time=SECONDS        for how long (default: 10, or until --bytes)\n"
	"  --bytes=BYTES         how much, each way, all connections together\n"
	"  --size=BYTES          of a write, a request, a response\n"
	"                        (default: 128K; 1 for rr and crr)\n"
	"  --parallel=N          connections at the same time (default: 1)\n"
	"  --reverse             the server sends (stream)\n"
	"  --zerocopy            send with MSG_ZEROCOPY (AF_VSOCK, Linux 6.7)\n"
	"  --verify              compare every byte that arrives\n"
	"\n"
	"Either end:\n"
	"  --json                print JSON, an object a line\n"
	"  --once                the server ends after a test\n"
	"  --version             print the version and exit\n"
	"  --help                print this and exit\n"
	"\n"
	"BYTES take the suffixes K, M and G. uring-vsock-perf(1) says more.\n";

void perf_help(FILE *out)
{
	fputs(help, out);
}

void perf_version(FILE *out)
{
	fputs("uring-vsock-perf " PACKAGE_VERSION "\n", out);
}

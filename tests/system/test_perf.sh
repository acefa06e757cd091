#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#
# uring-vsock-perf as a user meets it: every mode between two Unix sockets,
# what is printed, and what it says to wrong arguments and absent peers.

set -u
source=$(cd "${TOP_SRCDIR:-$(dirname "$0")/../..}" && pwd)
program=${URING_VSOCK_PERF:-${TOP_BUILDDIR:-$source}/uring-vsock-perf}

if [ ! -x "$program" ]; then
	echo "$program is not there: build it first"
	exit 77
fi

here=$(mktemp -d /tmp/uring-vsock-perf-XXXXXX) || exit 1
server=
trap '[ -z "$server" ] || kill "$server"; cd / && rm -rf "$here"' EXIT
cd "$here" || exit 1
failed=0

fail() {
	echo "FAIL: $*"
	sed 's/^/    out: /' out
	sed 's/^/    err: /' err
	failed=1
}

# expect STATUS ARGUMENTS...: runs the program; out and err are what it says.
expect() {
	wanted=$1
	shift
	timeout 60 "$program" "$@" >out 2>err </dev/null
	status=$?
	[ "$status" -eq "$wanted" ] || fail "$*: status $status, not $wanted"
}

says() {
	grep -q -e "$2" "$1" || fail "no '$2' on $1"
}

# wrong TEXT ARGUMENTS...: a mistake of the command line.
wrong() {
	text=$1
	shift
	expect 2 "$@"
	[ ! -s out ] || fail "something on out"
	says err "^uring-vsock-perf: $text"
	says err "--help"
}

start_server() {
	: >server.out
	"$program" --listen "$@" >server.out 2>server.err &
	server=$!
	tries=0
	until grep -q '^listening' server.out || [ "$tries" -eq 100 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
}

stop_server() {
	kill "$server"
	wait "$server" || fail "the server ended with status $?"
	server=
}

expect 0 --help
says out '^usage: uring-vsock-perf'
[ ! -s err ] || fail 'something on err'
expect 0 --version
says out '^uring-vsock-perf [0-9]'

wrong '--listen ADDRESS or --connect ADDRESS is missing'
wrong '--nonsense: there is no such option' --nonsense
wrong "stray: an option begins with '--'" --connect unix:s stray
wrong '--bytes: this option needs a value' --connect unix:s --bytes
wrong '--json=1: this option takes no value' --connect unix:s --json=1
wrong '--listen or --connect, and once' --connect unix:s --listen unix:s
wrong "'5000': an address is CID:PORT, unix:PATH:PORT" --connect 5000
wrong "'unix:s:x': 'x' is no port, 0 to 4294967294" --connect unix:s:x
wrong '--connect any:1: the CID has to be one' --connect any:1
wrong "--mode: 'fast' is not a mode: stream, bid" --connect unix:s --mode fast
wrong "--bytes: '1X' is not a number of bytes" --connect unix:s --bytes 1X
wrong "--bytes: '0' is not a number of bytes" --connect unix:s --bytes 0
wrong "--time: '-1' is not a time of 0.001 to" --connect unix:s --time -1
wrong "--size: '65M' is not a size from 1 to 64M" --connect unix:s --size 65M
wrong "--parallel: '1025' is not a number of" --connect unix:s --parallel 1025
wrong 'only the mode stream can be rev' --connect unix:s --mode rr --reverse
wrong 'only the modes stream and' --connect unix:s --mode rr --zerocopy
wrong '--verify: give it to the client' --listen unix:s --verify
wrong '--once goes with --listen' --connect unix:s --once

expect 1 --connect "unix:$here/none"
says err "^uring-vsock-perf: unix:$here/none: No such file.*--listen' first"
expect 1 --connect "unix:$here/none:5000"
says err 'No such file or directory; start the daemon first'
echo precious >file
expect 1 --listen "unix:$here/file"
says err "^uring-vsock-perf: $here/file: .*it is not a socket"
[ "$(cat file)" = precious ] || fail 'a file was touched'

start_server "unix:$here/s"
for mode in stream 'stream --reverse' bidirectional rr crr; do
	for more in '--bytes 3M' '--bytes 3000001 --parallel 7 --size 1234' \
		'--time 0.2 --parallel 3'; do
		for verify in '' --verify; do
			# shellcheck disable=SC2086 # lists of words
			expect 0 --connect "unix:$here/s" --size 3000 \
				--mode $mode $more $verify
			[ ! -s err ] || fail 'something on err'
			[ -z "$verify" ] || says out 'every byte right'
			[ -n "$verify" ] || ! grep right out ||
				fail 'nothing was compared'
		done
	done
done
[ ! -s server.err ] || {
	cat server.err
	fail 'the server complains'
}

expect 0 --connect "unix:$here/s" --time 1.5
says out '^stream, unix:.*: 1 connection, 128 KiB at a time, 1.5 s$'
says out '^   1\.[0-9]* s  .*B/s$'
says out '^[0-9.]* [KMGT]*B in 1\.[5-9][0-9]* s: .*B/s$'
expect 0 --connect "unix:$here/s" --mode rr --bytes 100
says out '^100 round trips in .* s: [0-9]* round trips/s$'
says out '^round trip: mean .* p50 .* p90 .* p99 .* p99.9 .* max '
expect 0 --connect "unix:$here/s" --mode crr --bytes 200 --parallel 2 --json
says out '^{"type": "summary", "mode": "crr", .*"sent": 200, "received": 200,'
says out '"trips": 200,.*"latency_us": {"mean": .*"p50": .*"p99.9": .*"max"'
expect 0 --connect "unix:$here/s" --bytes 1234567 --json
says out '"mode": "stream",.*"sent": 1234567, "received": 0,'

expect 1 --connect "unix:$here/s" --zerocopy --bytes 1M
says err '--zerocopy: this socket cannot send without copying'
expect 1 --connect "unix:$here/s" --zerocopy --reverse --bytes 1M
says err 'the server says: --zerocopy: this socket cannot send'

# A second server does not take the first one's place; a third takes that of
# one that was killed.
expect 1 --listen "unix:$here/s"
says err 'in use; somebody listens there'
kill -KILL "$server"
wait "$server" 2>err
start_server "unix:$here/s"
expect 0 --connect "unix:$here/s" --bytes 1M --verify
stop_server
[ ! -e s ] || fail 'the socket was left'

# As the guest's port 7: this is where the daemon would connect to. There is
# no daemon, so what answers CONNECT here is no uds-path.
start_server "unix:$here/vm:7" --once
[ -S vm_7 ] || fail 'vm_7 is not there'
expect 1 --connect "unix:$here/vm_7:7"
says err 'the answer to CONNECT is not OK\|refused'
expect 0 --connect "unix:$here/vm_7" --bytes 1M --verify
wait "$server" || fail "--once ends with status $?"
server=
[ ! -e vm_7 ] || fail 'vm_7 was left'

exit "$failed"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#
# The program's command line as a user meets it: what is printed where, the
# exit status, and that nothing is left behind.

set -u
source=$(cd "${TOP_SRCDIR:-$(dirname "$0")/../..}" && pwd)
program=${URING_VSOCK:-${TOP_BUILDDIR:-$source}/uring-vsock}

if [ ! -x "$program" ]; then
	echo "$program is not there: build it first"
	exit 77
fi

here=$(mktemp -d /tmp/uring-vsock-cli-XXXXXX) || exit 1
trap 'cd / && rm -rf "$here"' EXIT
mkdir "$here/empty"
cd "$here/empty" || exit 1
failed=0

fail() {
	echo "FAIL: $*"
	sed 's/^/    out: /' "$here/out"
	sed 's/^/    err: /' "$here/err"
	failed=1
}

# expect STATUS ARGUMENTS...: runs the program; $here/out and $here/err are
# what it printed.
expect() {
	wanted=$1
	shift
	timeout 20 "$program" "$@" >"$here/out" 2>"$here/err" </dev/null
	status=$?
	[ "$status" -eq "$wanted" ] || fail "$*: status $status, not $wanted"
	[ -z "$(ls -A)" ] || fail "$*: left $(ls -A)"
}

says() {
	grep -q -e "$2" "$here/$1" || fail "no '$2' on $1"
}

silent() {
	[ ! -s "$here/$1" ] || fail "something on $1"
}

# Which CPU we may run on is the machine's affair.
first_cpu() {
	sed -n 's/^Cpus_allowed_list:[[:space:]]*\([0-9]*\).*/\1/p' \
		/proc/self/status
}

expect 0 --help
silent err
says out '^usage: uring-vsock'
says out '^  --tx-buffer-size=BYTES .*(default: 262144)'

expect 0 --version
silent err
says out '^uring-vsock [0-9]'

expect 0 --print-capabilities
silent err
says out '"type": "vsock"'

expect 2
silent out
says err '^uring-vsock: no VM'

# A round trip: what is printed reads as the same again, from either format.
lists=groups=b+a,map=7:@x,map=6:/run/x,allow-guest=22+1024-2047
expect 0 --check-config --engine=epoll --log-level=debug --workers=auto \
	--vm guest-cid=3,socket=a.sock,uds-path=a.vsock,socket-mode=0660,$lists \
	--vm guest_cid=4,socket=b.sock,uds_path=b.vsock,tx_buffer_size=1M
silent err
mv "$here/out" "$here/first.ini"
expect 0 --check-config --config "$here/first.ini"
silent err
cmp "$here/out" "$here/first.ini" || fail 'the round trip differs'

cat >"$here/vms.yaml" <<'END'
vms:
    - guest_cid: 3
      socket: a.sock
      uds_path: a.vsock
      socket_mode: 0660
      groups: [a, b]
      map:
          - 6:/run/x
          - 7:@x
      allow_guest: 22, 1024-2047
    - guest_cid: 4
      socket: b.sock
      uds_path: b.vsock
      tx_buffer_size: 1048576
END
expect 0 --check-config --config "$here/vms.yaml" --engine epoll \
	--log_level debug --workers=auto
silent err
cmp "$here/out" "$here/first.ini" || fail 'YAML says something else'

# The sample, but for its directory, which an installation has.
sed "s,/run/uring-vsock,$here," "$source/docs/uring-vsock.ini" \
	>"$here/sample.ini"
expect 0 --check-config --config "$here/sample.ini"
silent err
says out '^guest-cid = 3$'
says out "^uds-path = $here/web.vsock$"
sed "s,/run/uring-vsock,$here,; s/^;\([a-z[]\)/\1/" \
	"$source/docs/uring-vsock.ini" |
	sed "s/^cpus = .*/cpus = $(first_cpu)/" >"$here/sample.ini"
getent group kvm >/dev/null ||
	sed -i 's/^socket-owner = .*/socket-owner = 0:0/' "$here/sample.ini"
expect 0 --check-config --config "$here/sample.ini"
silent err
says out '^\[vm database\]$'
says out '^tx-buffer-size = 1048576$'
says out '^socket-mode = 0660$'
says out '^workers = auto$'
says out '^allow-guest = 22,1024-2047$'
says out '^map = 1025:@app$'
says out '^forward-listen = 9001-9002$'

# All mistakes at once, each with its place, and nothing is created.
cat >"$here/wrong.ini" <<'END'
[daemon]
engine = fast
[vm a]
guest-cid = 2
socket = a.sock
uds-path = a.vsock
queue_size = 1000
colour = red
[vm b]
guest-cid = 4
socket = b.sock
uds-path = nodir/b.vsock
tx-bufer-size = 64K
[vm c]
guest-cid = 4
socket = a.sock
END
expect 2 --config "$here/wrong.ini" --log-level=loud --nonsense
silent out
[ "$(wc -l <"$here/err")" -eq 11 ] || fail "not eleven mistakes"
says err "^uring-vsock: --nonsense: there is no such option"
says err "^uring-vsock: --log-level: value 'loud': expected error, warn, info or debug"
says err "wrong.ini:2: key 'engine': value 'fast': expected auto, io_uring or epoll"
says err "wrong.ini:4: key 'guest-cid': value '2': expected a number from 3 to"
says err "wrong.ini:7: key 'queue-size': value '1000': expected a power of two"
says err "wrong.ini:8: key 'colour': value 'red': there is no such key"
says err "wrong.ini:12: key 'uds-path': value 'nodir/b.vsock': the directory nodir does not exist; create it or"
says err "wrong.ini:13: key 'tx-bufer-size': .*nearest is 'tx-buffer-size'"
says err "wrong.ini:14: key 'uds-path': missing"
says err "wrong.ini:15: key 'guest-cid': value '4': used twice, as the guest-cid of VM"
says err "wrong.ini:16: key 'socket': value 'a.sock': used twice, as the socket of VM"

# A live socket and a file that is no socket are runtime failures.
echo precious >"$here/file"
expect 1 --engine=epoll --socket="$here/file" --uds-path="$here/u"
says err "$here/file: .*not a socket"
[ "$(cat "$here/file")" = precious ] || fail 'a file was touched'
[ ! -e "$here/u" ] || fail 'uds-path was left'

# What is legal and wants a word is in the log of the start.
mkdir -m 0777 "$here/open" && chmod 01777 "$here/open"
expect 1 --engine=epoll --socket="$here/file" --uds-path="$here/open/u" \
	--tx-buffer-size=1024
says err "$here/open/u: everybody may change its directory, and so decide"
says err 'tx-buffer-size: 1024 is not between 4096 and 16777216; 4096 is used'
[ "$(grep -c 'may change' "$here/err")" -eq 1 ] || fail 'told twice'

exit "$failed"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#
# The preloaded library as a program meets it: what it exports, what it says,
# what it leaves behind, and what survives exec().

set -u
library=${URING_VSOCK_PRELOAD:-$PWD/libvsock-over-uds.so}

if [ ! -f "$library" ]; then
	echo "$library is not there: build it first"
	exit 77
fi
for tool in python3 nm; do
	command -v "$tool" >/dev/null || {
		echo "$tool is missing"
		exit 77
	}
done
python=$(python3 -c 'import sys; print(sys.executable)')

here=$(mktemp -d /tmp/uring-vsock-preload-XXXXXX) || exit 1
trap 'cd / && rm -rf "$here"' EXIT
cd "$here" || exit 1
failed=0

fail() {
	echo "FAIL: $*"
	sed 's/^/    /' "$here/out" "$here/err"
	failed=1
}

# expect NAME VARIABLE COMMAND...: it succeeds in time and leaves no file.
expect() {
	name=$1
	variable=$2
	shift 2
	timeout 60 env LD_PRELOAD="$library" VSOCK_OVER_UDS="$variable" "$@" \
		>out 2>err </dev/null || fail "$name: status $?"
	rm -f v3 v4
	for file in v*; do
		[ ! -e "$file" ] || fail "$name: left $file"
	done
}

cat >common.py <<'END'
import os, signal, socket, subprocess, sys, threading

def dial(path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    return s

def listen(port):
    s = socket.socket(socket.AF_VSOCK)
    s.bind((socket.VMADDR_CID_ANY, port))
    s.listen()
    return s

def stand_in(path):
    def serve(listener, kept=[]):
        while True:
            client = listener.accept()[0]
            client.recv(64)
            client.sendall(b"OK 50001\nhello")
            kept.append(client)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
END

# Only what is interposed is visible.
nm -D --defined-only "$library" | sed 's/.* //' | LC_ALL=C sort | tr '\n' ' ' >out
: >err
[ "$(cat out)" = "__open64_2 __open_2 __openat64_2 __openat_2 __recvfrom_chk \
accept accept4 bind close close_range closefrom connect \
dup dup2 dup3 fcntl fcntl64 getpeername getsockname getsockopt ioctl listen \
open open64 openat openat64 recvfrom recvmsg sendmsg sendto setsockopt \
shutdown socket " ] || fail 'exports'

expect 'other sockets' 3=v3 "$python" -c '
from common import *
a, b = socket.socketpair()
a.sendall(b"x")
assert b.recv(1) == b"x" and a.family == socket.AF_UNIX
l = socket.create_server(("127.0.0.1", 0))
c = socket.create_connection(l.getsockname())
s, peer = l.accept()
assert c.getsockname() == peer and s.family == socket.AF_INET
s.sendall(b"y")
assert c.recvfrom(1)[0] == b"y"
'
[ ! -s err ] || fail 'other sockets: said something'

# A mistake is reported once, by the program that makes an AF_VSOCK socket.
expect 'mistake' 3=v3,x=v4 "$python" -c '
from common import *
for i in range(2):
    assert socket.socket(socket.AF_VSOCK).connect_ex((3, 5)) == 19
'
[ "$(cat err)" = "VSOCK_OVER_UDS: 'x=v4': a guest's CID is a number from 3 \
to 4294967294" ] || fail 'mistake: said otherwise'

# The port's file goes when the program exits, or when somebody comes after
# one that was killed.
expect 'exit' 3=v3,4=v4 "$python" -c '
from common import *
fd = listen(9000).detach()
assert os.path.exists("v3_9000") and os.path.exists("v4_9000")
'
expect 'killed' 3=v3,4=v4 "$python" -c '
from common import *
child = subprocess.run([sys.executable, "-c", """
from common import *
l = listen(9000)
os.kill(os.getpid(), signal.SIGKILL)
"""])
assert child.returncode == -signal.SIGKILL and os.path.exists("v3_9000")
l = listen(9000)
c = dial("v4_9000")
assert l.accept()[1][0] == 4
'

# The child gets descriptors by exec() and finds AF_VSOCK sockets there.
cat >heir.py <<'END'
from common import *
connected, accepted, listener = [socket.socket(fileno=int(n))
                                 for n in sys.argv[2:]]
assert connected.family == accepted.family == socket.AF_VSOCK
assert listener.family == socket.AF_VSOCK
assert connected.getsockname() == (socket.VMADDR_CID_ANY, 50001)
assert connected.getpeername() == (3, 1234)
assert connected.recv(5) == b"hello"
assert accepted.getpeername()[0] == 3
assert accepted.getsockname() == (2, 9000)
assert listener.getsockname()[1] == 9000
for vm in sys.argv[1].split(","):
    c = dial(f"v{vm}_9000")
    s, peer = listener.accept()
    assert peer[0] == int(vm)
    c.sendall(b"z")
    assert s.recv(1) == b"z"
local = socket.socket(socket.AF_VSOCK)
local.connect((2, 9000))
assert listener.accept()[1] == (1, local.getsockname()[1])
END
cat >testator.py <<'END'
from common import *
stand_in("v3")
connected = socket.socket(socket.AF_VSOCK)
connected.connect((3, 1234))
listener = listen(9000)
guest = dial("v3_9000")
accepted = listener.accept()[0]
fds = [s.fileno() for s in (connected, accepted, listener)]
subprocess.run([sys.executable, "heir.py", sys.argv[1], *map(str, fds)],
               pass_fds=fds, check=True)
assert dial("v3_9000") and listener.accept()[1][0] == 3
END
expect 'exec, one VM' 3=v3 "$python" testator.py 3
expect 'exec, two VMs' 3=v3,4=v4 "$python" testator.py 3,4

exit "$failed"

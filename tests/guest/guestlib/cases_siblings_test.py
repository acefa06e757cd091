# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Linux's own vsock_test between two guests: all of it.

Its two ends talk of their steps over TCP, and it takes for granted that what
one end did is known to the other's kernel by then.  So that connection leads
over the device under test, behind what was done.
"""

from guestlib.registry import siblings_case
from guestlib.vsock_test import both_succeed, skips, too_new

CONTROL = 1234  # the TCP port of it, which each guest has to itself

# An emulated processor runs all tests in half a minute; machines are busy.
PATIENCE = 300


def _lay_control(stage, server, client):
    """Two programs that carry it; the server's end listens already."""
    port = stage.port()
    server.wait_for_tcp(CONTROL)
    far = server.run(f"exec socat VSOCK-LISTEN:{port} "
                     f"TCP:127.0.0.1:{CONTROL}")
    server.wait_for_vsock(port)
    near = client.run(f"exec socat TCP-LISTEN:{CONTROL},reuseaddr "
                      f"VSOCK-CONNECT:{server.cid}:{port}")
    client.wait_for_tcp(CONTROL)
    return near, far


def _vsock_test(stage, server, client):
    unwanted, count = skips(
        stage.options.cache, lambda name: not
        too_new(server.series, "server", name) and not
        too_new(client.series, "client", name))
    plan = f"--control-port={CONTROL} {' '.join(unwanted)}"
    listening = server.run(f"exec vsock_test-static --mode=server {plan} "
                           f"--peer-cid={client.cid}")
    control = _lay_control(stage, server, client)
    connecting = client.run(f"exec vsock_test-static --mode=client {plan} "
                            "--control-host=127.0.0.1 "
                            f"--peer-cid={server.cid}")
    note = both_succeed(listening, connecting, count, PATIENCE)
    for program in control:
        program.succeed()
    return note


@siblings_case("Linux's vsock_test between two guests", every_pair=True)
def vsock_test(stage):
    notes = [_vsock_test(stage, stage.a, stage.b)]
    if stage.a.series != stage.b.series:
        notes.append(_vsock_test(stage, stage.b, stage.a))
    return ", ".join(notes)

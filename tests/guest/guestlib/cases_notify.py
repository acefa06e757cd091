# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Notifications as systemd sends them, each over a connection of its own."""

import socket
import threading

from guestlib.program import PATIENCE, Failed
from guestlib.registry import case
from guestlib.session import HOST_CID


class _Receiver:
    """A host program that reads once from each connection, and closes it."""

    def __init__(self, path, count):
        self._count = count
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(path)
        self._server.listen()
        self._server.settimeout(1)
        self._over = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.received = set()
        self._thread.start()

    def _run(self):
        while not self._over and len(self.received) < self._count:
            try:
                connection, _ = self._server.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(PATIENCE)
                self.received.update(connection.recv(4096).split())

    def end(self):
        """Stops taking notifications. Returns how many have come."""
        self._over = True
        self._thread.join()
        self._server.close()
        return len(self.received)


@case("notifications to a host program that reads once", every_engine=True)
def notifications(session):
    count = session.options.notifications
    port = session.port()
    receiver = _Receiver(session.port_path(port), count)
    guest = session.guest(f"exec guest-notify {HOST_CID} {port} {count}")
    guest.wait(PATIENCE + count)
    came = receiver.end()
    lost = count - came
    if guest.status != 0 or lost:
        raise Failed(f"{lost} of {count} lost; {guest.last_words()}")
    return f"{count} came"

# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The recipes of docs/recipes/, run as they are written."""

import os
import re
import socket
import subprocess
import threading

from guestlib import recipe
from guestlib.program import Failed
from guestlib.registry import case
from guestlib.session import HOST_CID

# They differ from what other cases test in nothing that depends on a kernel.
SINCE = (6, 12)


def _run(session, name, **more):
    return recipe.Recipe(session, name, **more).run()


def _run_here(session, name, replace=()):
    """A recipe whose daemon and guest are the session's."""
    return _run(session, name, machines={"3": session.machine},
                replace=[("/run/vm3.", f"{session.folder}/vm."), *replace])


@case("recipe: QEMU, q35 and microvm", since=SINCE)
def qemu(session):
    return _run(session, "qemu.md")


@case("recipe: nc, ncat and socat", since=SINCE)
def netcat(session):
    return _run_here(session, "netcat.md")


def _prepare_ssh(session, key):
    """Gives the guest users and a key, as every distribution's has."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key],
                   check=True)
    with open(key + ".pub", encoding="ascii") as file:
        public = file.read().strip()
    session.guest(
        "mkdir -p /etc/dropbear /root/.ssh && chmod 700 /root /root/.ssh && "
        "echo root:x:0:0::/root:/bin/sh >/etc/passwd && "
        "echo root:x:0: >/etc/group && "
        f"echo '{public}' >/root/.ssh/authorized_keys").succeed()


@case("recipe: ssh into a guest", since=SINCE)
def ssh(session):
    key = os.path.join(session.folder, "key")
    _prepare_ssh(session, key)
    return _run_here(session, "ssh.md", [
        ("ssh -o", f"ssh -q -F none -i {key} -o StrictHostKeyChecking=no "
         "-o UserKnownHostsFile=/dev/null -o")])


def _answer_pings(server):
    """Docker's answer to /_ping, until the server is closed."""
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        with client:
            client.recv(4096)
            client.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nOK")


@case("recipe: a Docker socket for a guest", since=SINCE)
def services(session):
    with socket.socket(socket.AF_UNIX) as server:
        path = os.path.join(session.folder, "docker.sock")
        server.bind(path)
        server.listen()
        threading.Thread(target=_answer_pings, args=(server,),
                         daemon=True).start()
        note = _run(session, "services.md",
                    replace=[("/run/docker.sock", path)])
        server.shutdown(socket.SHUT_RDWR)
    return note


@case("recipe: messages", since=SINCE)
def seqpacket(session):
    listening = session.guest_peer("--messages", "listen", "vsock:any:1234")
    listening.expect("listening")
    guest = session.guest("until vsock-peer --messages connect "
                          f"vsock:{HOST_CID}:1235; do usleep 100000; done")
    note = _run_here(session, "seqpacket.md")
    guest.kill()
    return note


@case("recipe: guests to each other", since=SINCE)
def siblings(session):
    return _run(session, "siblings.md")


@case("recipe: under systemd", since=SINCE)
def systemd(session):
    folder = os.path.join(session.folder, "uring-vsock")
    os.mkdir(folder)
    units = recipe.Recipe(session, "systemd.md", replace=[
        ("/run/uring-vsock/", folder + "/"),
        ("/usr/bin/uring-vsock", session.options.daemon)])
    try:
        note = units.run()
    finally:
        os.rmdir(folder)
    # systemd-analyze succeeds in spite of what it does not know.
    unknown = [line for program in units.programs for line in program.lines
               if "Unknown" in line]
    if unknown:
        raise Failed(f"{unknown}")
    return note


@case("recipes: each is run, or says that it is not", since=SINCE)
def honest(_):
    names = sorted(x for x in os.listdir(recipe.FOLDER) if x != "README.md")
    listed = recipe.read("README.md")
    for name in names:
        text = recipe.read(name)
        if not recipe.blocks(text) and not re.search(
                "^This recipe (is|was) not run", text, re.M):
            raise Failed(f"{name} is not run and does not say so")
        if f"({name})" not in listed:
            raise Failed(f"{name} is not in the list")
    return f"{len(names)} recipes"

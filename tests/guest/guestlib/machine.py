# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A virtual machine under QEMU, its monitor, and the agent inside."""

import json
import os
import signal
import socket
import threading
import time

from guestlib.program import PATIENCE, Failed, HostProgram, Program

MEMORY = "256M"


def connect_unix(path, server=None, patience=PATIENCE):
    """Connects to a Unix socket that its server may yet have to make."""
    deadline = time.monotonic() + patience
    while True:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(path)
            return sock
        except OSError as error:
            sock.close()
            if time.monotonic() > deadline or server and server.ended:
                raise Failed(f"cannot connect to {path}: {error}") from error
            time.sleep(0.01)


class Monitor:
    """QEMU's machine protocol."""

    def __init__(self, path, qemu):
        self._sock = connect_unix(path, qemu)
        self._sock.settimeout(PATIENCE)
        self._file = self._sock.makefile("rw", encoding="utf-8")
        self._file.readline()
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        """Runs a command and returns what it returns."""
        self._file.write(json.dumps({"execute": name,
                                     "arguments": arguments}) + "\n")
        self._file.flush()
        while True:
            answer = json.loads(self._file.readline())
            if "error" in answer:
                raise Failed(f"QEMU: {name}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def close(self):
        """Hangs up."""
        self._file.close()
        self._sock.close()


class GuestProgram(Program):
    """A shell command in the guest."""

    def __init__(self, name, agent, number):
        super().__init__(name)
        self._agent = agent
        self.number = number

    def kill(self):
        if not self.ended:
            self._agent.send(f"kill {self.number}")


class Agent:
    """The guest's end of the second serial line; see agent/agent.c."""

    def __init__(self, path, qemu):
        self._sock = connect_unix(path, qemu)
        self._programs = {}
        self._number = 0
        self._boots = Program("guest")
        threading.Thread(target=self._pump, daemon=True).start()

    def _pump(self):
        with self._sock.makefile("r", encoding="utf-8", errors="replace",
                                 newline="\n") as file:
            try:
                for line in file:
                    self._take(line.rstrip("\r\n"))
            except OSError:
                pass
        self._forget_programs()
        self._boots.end(None)

    def _take(self, line):
        word, _, rest = line.partition(" ")
        if word == "ready":
            self._forget_programs()
            self._boots.feed(line)
        elif word.endswith(">") and word[:-1] in self._programs:
            self._programs[word[:-1]].feed(rest)
        elif word in self._programs and rest.startswith("exit "):
            self._programs.pop(word).end(int(rest[5:] or -1))

    def _forget_programs(self):
        for number in list(self._programs):
            self._programs.pop(number).end(None)

    def send(self, line):
        """Sends a line to the guest."""
        self._sock.sendall(line.encode() + b"\n")

    def wait_for_boot(self):
        """Waits for the guest to take commands. Returns its kernel's release."""
        return self._boots.expect("ready").split()[1]

    def run(self, command, name):
        """Starts a shell command in the guest."""
        self._number += 1
        program = GuestProgram(name, self, self._number)
        self._programs[str(self._number)] = program
        self.send(f"{self._number} {command}")
        return program

    def close(self):
        """Hangs up."""
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._sock.close()


def boot_arguments(folder, kernel, initrd, agent_line=1):
    """What makes QEMU boot the test's guest, whatever its devices are.

    The console is the serial line before the agent's, if there is one. With
    only one the machine is a microvm: emulated, it has no clock to compare
    others with, and the kernel would wait for ever.
    """
    console = ["-serial", f"file:{folder}/console.log"] * agent_line
    return [
        "-nodefaults", "-no-user-config", "-display", "none",
        "-kernel", kernel, "-initrd", initrd,
        "-append", "console=ttyS0 panic=-1" if agent_line else
        "quiet panic=-1 agent=/dev/ttyS0 lpj=4000000 tsc_early_khz=2000000",
        *console, "-chardev",
        f"socket,id=agent,path={folder}/agent,server=on,wait=off",
        "-serial", "chardev:agent",
        "-qmp", f"unix:{folder}/monitor,server=on,wait=off",
    ]


def qemu_command(folder, kernel, initrd, accel, device_socket):
    """How QEMU is started for a guest with a vhost-user vsock device."""
    return [
        "qemu-system-x86_64", "-machine", "q35", "-accel", accel,
        "-smp", "2", "-m", MEMORY, "-object",
        f"memory-backend-memfd,id=memory,size={MEMORY},share=on",
        "-numa", "node,memdev=memory",
        *boot_arguments(folder, kernel, initrd),
        "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net",
        "-chardev", f"socket,id=vsock,path={device_socket}",
        "-device", "vhost-user-vsock-pci,chardev=vsock",
    ]


class Machine:
    """One guest, from power-on to its end; COMMAND starts it."""

    def __init__(self, folder, command):
        self.console = os.path.join(folder, "console.log")
        for name in ("agent", "monitor", "console.log"):
            path = os.path.join(folder, name)
            if os.path.exists(path):
                os.unlink(path)
        self.qemu = HostProgram("qemu", command)
        try:
            self.agent = Agent(os.path.join(folder, "agent"), self.qemu)
            self.monitor = Monitor(os.path.join(folder, "monitor"), self.qemu)
            self.release = self.agent.wait_for_boot()
        except (Failed, OSError) as error:
            self.qemu.kill()
            raise Failed(f"the guest does not start: {error}; QEMU "
                         f"{self.qemu.last_words()}; console: "
                         f"{self.last_console()}") from error

    def last_console(self):
        """The guest kernel's last words."""
        try:
            with open(self.console, encoding="utf-8",
                      errors="replace") as file:
                return repr(file.read()[-300:])
        except OSError:
            return "none"

    def run(self, command, name="guest"):
        """Starts a shell command in the guest."""
        return self.agent.run(command, name)

    def stop(self):
        """Ends the machine as a crash of the hypervisor would."""
        self.qemu.signal(signal.SIGKILL)
        self.qemu.wait()
        self.agent.close()
        self.monitor.close()

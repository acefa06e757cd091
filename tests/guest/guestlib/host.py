# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""What this host offers, and what is prepared on it once for all guests."""

import ctypes
import errno
import fcntl
import os
import subprocess

from guestlib.program import Failed

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

IO_URING_SETUP = 425
IO_URING_PARAMS_SIZE = 120


def prepare(cache, *arguments):
    """Runs "prepare", while others who use the same cache wait."""
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(cache, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [os.path.join(HERE, "prepare"), *arguments]
        if subprocess.run(command, check=False).returncode != 0:
            raise Failed("the guests cannot be prepared, see above")


def io_uring_refusal():
    """Why the kernel gives this user no io_uring, or None if it does."""
    libc = ctypes.CDLL(None, use_errno=True)
    params = ctypes.create_string_buffer(IO_URING_PARAMS_SIZE)
    fd = libc.syscall(IO_URING_SETUP, 1, params)
    if fd >= 0:
        os.close(fd)
        return None
    error = ctypes.get_errno()
    if error in (errno.ENOSYS, errno.EPERM):
        return f"no io_uring here: {os.strerror(error)}"
    return None

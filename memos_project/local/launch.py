"""Run a program as a child that cannot outlive its parent, as another user if asked.

    python launch.py PARENT DEATH_SIGNAL UID GID PROGRAM ARGUMENT...

A script of its own because the same calls in a `preexec_fn` are unsafe once the parent has threads.
UID -1 keeps the user. Standard library only: it runs isolated, for some milliseconds, and becomes PROGRAM.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2


class CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class CapabilityData(ctypes.Structure):
    _fields_ = [(field, ctypes.c_uint32) for field in ("effective", "permitted", "inheritable")]


def call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def become(uid: int, gid: int) -> None:
    """Give up root, but keep the right to pass through folders that only root may enter.

    The data folder and the virtual environment may well lie below one, such as `/root`. In containers there
    may be only the wider capability: Docker grants DAC_OVERRIDE and not DAC_READ_SEARCH.
    """
    header = CapabilityHeader(CAPABILITY_VERSION_3, 0)
    held = (CapabilityData * 2)()
    call("capget", ctypes.byref(header), held)
    wanted = [
        number for number in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE) if held[0].permitted >> number & 1
    ][:1]
    call("prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    kept = (CapabilityData * 2)()
    for number in wanted:
        kept[0].effective = kept[0].permitted = kept[0].inheritable = 1 << number
    call("capset", ctypes.byref(header), kept)
    for number in wanted:
        call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0)


def die_with(parent: int, death_signal: int) -> None:
    """Have the kernel send the signal when the parent is gone; a change of user afterwards would undo it."""
    call("prctl", PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("The process that started this one has already ended.")


def main(arguments: list[str]) -> NoReturn:
    parent, death_signal, uid, gid = map(int, arguments[:4])
    program = arguments[4:]
    os.umask(0o077)
    if sys.platform == "linux":
        if uid >= 0:
            become(uid, gid)
        die_with(parent, death_signal)
    elif uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.execv(program[0], program)


if __name__ == "__main__":
    main(sys.argv[1:])

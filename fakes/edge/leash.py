"""Run a program that ends when its parent does: `leash.py PARENT-PID PROGRAM ARGUMENT…`. Linux.

A file of its own, run by a bare interpreter: the kernel's promise belongs to the calling process
and survives `exec`, and code between fork and exec of a process with threads is no place for it.
"""

import ctypes
import os
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    """Ask the kernel for the signal, then become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() == parent:  # otherwise it ended before the kernel was asked
        os.execv(program, sys.argv[2:])  # noqa: S606 (no shell wanted)


if __name__ == "__main__":
    main()

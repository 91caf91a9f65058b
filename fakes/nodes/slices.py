"""A slice of the loopback addresses that no other world on this machine uses.

A claim is a socket that is bound on an address of the slice: the kernel lets one process have it,
and takes it back when that process ends, however it ends.
"""

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SLICES: Final = range(16, 256)  # the first ones are for worlds whose slice a person chooses
CLAIM: Final = "127.64.{slice}.255"
PORT: Final = 64  # any, as long as it is always the same


@contextmanager
def claimed() -> Iterator[int]:
    """Hold a free slice while the block runs.

    Raises:
        OSError: all are taken.
    """
    wanted = random.SystemRandom().sample(SLICES, len(SLICES))
    for number in wanted:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as claim:
            try:
                claim.bind((CLAIM.format(slice=number), PORT))
            except PermissionError:
                claim.bind((CLAIM.format(slice=number), PORT + 20000))
            except OSError:
                continue
            yield number
            return
    raise OSError("every slice of 127.64.0.0/16 is taken: end the worlds that are left over")

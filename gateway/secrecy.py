"""What keeps the memory of this process, in which the data key of the epoch lies, to itself."""

from __future__ import annotations

import ctypes
import resource
from contextlib import suppress

PR_SET_DUMPABLE = 4  # prctl(2)


def keep_memory_private() -> None:
    """No core dump, to a file or to a program, and no other process that looks in.

    Under our unit systemd has seen to the limit already, and its filter may forbid it here. A limit
    of 0 does not hold for a core that is piped to a program: core(5).
    """
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)

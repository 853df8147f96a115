"""Room on the card that is held for the day when there is no other.

On a full file system SQLite can neither put its log into the database nor write the log on, so that
nothing could be deleted any more either. A file beside the outbox holds as much as the log may
need; it is given up when something that makes room finds none. Free pages in the database count
as room, too.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

RESERVE_BYTES = 1 << 20  # the log before it is put into the database, twice

_FULL = {errno.ENOSPC, errno.EDQUOT}


class Reserve:
    """The file beside the outbox at `path`; it has blocks and nothing in them."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name.partition('.')[0]}.reserve")
        self._held = 0

    def hold(self, size: int) -> bool:
        """Whether so many bytes are held; they are, if the card has them. Raises OSError."""
        if size <= self._held:
            return True
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            before = os.fstat(file).st_size
            try:
                os.posix_fallocate(file, 0, size)
            except OSError as fault:
                if fault.errno not in _FULL:
                    raise
                os.ftruncate(file, before)
                return False
        finally:
            os.close(file)
        self._held = size
        return True

    def give_up(self) -> None:
        """Let others have the room."""
        self._path.unlink(missing_ok=True)
        self._held = 0

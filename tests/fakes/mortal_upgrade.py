"""Hubs that open an older outbox and die of `kill -9` on the way: OLDER FOLDER.

One life each in a copy of OLDER: the first ends before the first call to SQLite or of a file, the
next before the second, and so on, until one is not ended any more. Prints how many were, and the
exit code of that one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import threading
from itertools import count
from pathlib import Path

from uplink.outbox import Outbox

CALLS = {"execute", "executemany", "close", "open", "fsync", "rename", "unlink", "posix_fallocate"}


def live(path: Path, last: int) -> None:
    steps = count(1)

    def watch(_frame: object, event: str, called: object) -> None:
        name = getattr(called, "__name__", "") if event == "c_call" else ""
        if name in CALLS and next(steps) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    async def open_once() -> None:
        outbox = await Outbox.open(path, quota_bytes=1 << 20)
        await outbox.close()

    threading.setprofile(watch)  # of the outbox's thread
    asyncio.run(open_once())


def main(older: Path, folder: Path) -> None:
    for number in count(1):
        home = folder / str(number)
        shutil.copytree(older, home)
        pid = os.fork()
        if pid == 0:
            live(home / "outbox.db", number)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code != -signal.SIGKILL:
            sys.stdout.write(f"{number - 1} {code}\n")
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

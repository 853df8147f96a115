"""A hub whose kernel says by FILE how far its clock is synchronised: SETTINGS FILE.

What the clock shows is libfaketime's to say; it has no part in adjtimex(2).
"""

import asyncio
import sys
from pathlib import Path

from gateway.app import run
from gateway.clock import SystemClock
from gateway.config import load_settings
from gateway.logs.output import configure_log


class Kernel(SystemClock):
    def __init__(self, file):
        super().__init__()
        self._file = file

    def quality(self):
        return int(self._file.read_text() or 0)


def main(settings, file):
    configure_log()
    asyncio.run(run(load_settings(Path(settings)), machine=Kernel(Path(file))))


if __name__ == "__main__":
    main(*sys.argv[1:])

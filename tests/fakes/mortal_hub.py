"""A hub that dies of `kill -9` at one step of a record's way: SETTINGS STEP OF.

OF is `clock`, the read of the cuff's clock with which a session begins, or `reading`: then it is
the step of the reading itself, all steps before it having been taken.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from gateway import log
from gateway.app import run
from gateway.config import load_settings

WAY = ("captured", "sealed", "committed", "published", "receipted", "released")


def main(settings, step, of):
    taken = []

    def die_there(told):
        name = told.did
        if of == "reading" and name == WAY[len(taken) % len(WAY)]:
            taken.append(name)
        if name == step and (of == "clock" or name in taken):
            os.kill(os.getpid(), signal.SIGKILL)

    log.configure()
    asyncio.run(run(load_settings(Path(settings)), journal=die_there))


if __name__ == "__main__":
    main(*sys.argv[1:])

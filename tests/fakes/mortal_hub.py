"""A hub that dies of `kill -9` at one step of a record's way: SETTINGS STEP OF.

OF is `clock`, the read of the cuff's clock with which a session begins, or `reading`: then it is
the step of the reading itself, all steps before it having been taken.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from gateway.app import run
from gateway.cli.run import _open_journal
from gateway.config import load_settings
from gateway.logs.output import configure_log

WAY = ("captured", "sealed", "committed", "published", "receipted", "released")


def main(settings, step, of):
    taken = []

    hub = load_settings(Path(settings))
    keep = _open_journal(hub)

    def die_there(told):
        keep(told)
        name = told.did
        if of == "reading" and name == WAY[len(taken) % len(WAY)]:
            taken.append(name)
        if name == step and (of == "clock" or name in taken):
            os.kill(os.getpid(), signal.SIGKILL)

    configure_log()
    asyncio.run(run(hub, journal=die_there))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A hub that dies of `kill -9` at the n-th time it reaches a step: SETTINGS STEP N."""

import asyncio
import os
import signal
import sys
from collections import Counter
from pathlib import Path

from gateway import log
from gateway.app import run
from gateway.config import load_settings


def main(settings, step, times):
    reached = Counter()

    def die_there(name):
        reached[name] += 1
        if name == step and reached[name] == times:
            os.kill(os.getpid(), signal.SIGKILL)

    log.configure()
    asyncio.run(run(load_settings(Path(settings)), journal=die_there))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

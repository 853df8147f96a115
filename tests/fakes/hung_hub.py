"""A hub that hangs once it is ready, the first time it is started: SETTINGS loop|outbox.

Its outbox was found damaged, which is the first record of it: the thread that commits it hangs.
"""

import asyncio
import faulthandler
import sys
import threading
from pathlib import Path

from gateway.app import run
from gateway.config import load_settings
from gateway.logs.output import configure_log
from uplink.journal import keep_no_journal


def main(settings, where):
    hub = load_settings(Path(settings))
    marker = Path(hub.hub.state).with_name("hung")
    is_first = not marker.exists()
    marker.touch()

    def hang_in_writer(told):
        if told.did == "committed":
            hang()

    def hang():
        threading.Event().wait()

    faulthandler.enable()
    configure_log()
    journal = hang_in_writer if is_first and where == "outbox" else keep_no_journal
    on_ready = hang if is_first and where == "loop" else (lambda: None)
    asyncio.run(run(hub, journal=journal, on_ready=on_ready))


if __name__ == "__main__":
    main(*sys.argv[1:])

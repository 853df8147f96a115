"""A relay, killed as by a power cut when it comes to a step: SETTINGS STEP KIND TARGET.

Besides the steps of the journal: `half` of a page written, `written` but not acknowledged, and
`moved`, when the sink's cursor is committed.
"""

import os
import signal
import sys
import time
from pathlib import Path

from sqlalchemy import Engine, event

from backend.config import load
from backend.relay.sinks.jsonl import JsonLines
from backend.relay.sinks.mqtt import Topic
from backend.relay.sinks.webhook import Webhook
from backend.workers import Worker
from uplink.journal import JournalFile

SETTINGS, STEP, KIND, TARGET = sys.argv[1:]


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class DyingSink:
    def __init__(self, sink):
        self.name = sink.name
        self._sink = sink

    def write(self, page):
        if STEP == "half":
            with Path(TARGET).open("ab", 0) as file:
                file.write(page.body()[: len(page.body()) // 2 + 9])
            die()
        self._sink.write(page)
        if STEP == "written":
            die()


def open_sink(broker, context):
    match KIND:
        case "jsonl":
            return DyingSink(JsonLines(Path(TARGET)))
        case "webhook":
            return DyingSink(Webhook(TARGET))
        case _:
            return DyingSink(Topic(TARGET, broker, context))


def main():
    settings = load(Path(SETTINGS))
    keep = JournalFile(Path(settings.ledger.journal), "dying", lambda: time.time_ns() // 1_000_000)
    transactions = []

    def journal(step):
        keep(step)
        if step.did == STEP:
            die()
        if step.did == "emitted":
            transactions.append("emitted")

    @event.listens_for(Engine, "begin")
    def count(_connection):
        if transactions:
            transactions.append("begun")
        if STEP == "moved" and transactions == ["emitted", "begun", "begun"]:
            die()  # the first was that of the cursor, and is over

    Worker(settings, journal).relay(open_sink)


if __name__ == "__main__":
    main()

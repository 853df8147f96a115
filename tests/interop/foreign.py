"""The two foreign consumers as programs, and a month played with one of them as the office."""

import asyncio
import signal
import sqlite3
import sys
import time
from base64 import b64decode
from itertools import count
from pathlib import Path
from typing import NamedTuple

from backend.intake.messages import Intake
from backend.keys.folder import load_opening_keys
from backend.ledger import Ledger
from backend.reading_names import ReadingNames
from simulator.demo import Demo
from simulator.processes import Program, run
from uplink.keys import Signer
from uplink.wire import Run, decode_message, encode_message

HERE = Path(__file__).parent
CONSUMERS = HERE.parents[1] / "docs" / "consumers"
LOOPBACK = "127.0.0.1"
ARRIVAL_TIMEOUT_S = 60


class Consumer(NamedTuple):
    """How one of them is run; `in_script_time` comes before the program, with its clock's file."""

    language: str
    interpreter: tuple[str, ...]
    in_script_time: tuple[str, ...]
    suffix: str

    def command(self, program, *words):
        return [*self.interpreter, self._file(program), *map(str, words)]

    def receive(self, clock, *words):
        """The office of a scripted month: what its receipts say of the time must be the month's."""
        before = [word.format(clock=clock) for word in self.in_script_time]
        return [*before, self._file("consume"), *map(str, words)]

    def _file(self, program):
        return str(CONSUMERS / self.language / f"{program}.{self.suffix}")

    def kept(self, keys):
        """(key records, {(kid, sequence): sealed}) in the order in which they were kept."""
        return _kept_by_python(keys) if self.language == "python" else _kept_by_node(keys)


PYTHON = Consumer(
    "python",
    (sys.executable,),
    (sys.executable, str(HERE / "script_time.py"), "{clock}"),
    "py",
)
NODE = Consumer(
    "node",
    ("node",),
    ("env", "CLOCK={clock}", "node", "--require", str(HERE / "script_time.cjs")),
    "mjs",
)


class ForeignMonth(Demo):
    """A script whose office is a foreign consumer; it is killed and held up on the way."""

    def __init__(self, script, stage, consumer):
        super().__init__(script, stage, lambda _: None)
        self.consumer = consumer
        self.keys = stage.folder / "keys"
        self.request = stage.folder / "request.json"
        receive = consumer.receive(
            stage.folder / "clock", self.keys, LOOPBACK, stage.broker_port, self.request
        )
        stage.backend = Program("backend", receive, stage.folder)

    async def play(self):
        """To the end of the script; then the consumer's days."""
        await self.stage.install()
        for event in self.script.events():
            await self._happen([event])
            match getattr(event.what, "do", None):
                case "broker-returns":  # ten days of records are under way
                    await self._kill(self.stage.backend)
                    await self.stage.backend.start()
                case "kill-broker":
                    self.stage.backend.process.send_signal(signal.SIGSTOP)
                case "send-history-again":
                    self.stage.backend.process.send_signal(signal.SIGCONT)
        self.stage.at(self.script.instant(self.script.days, "23:50"))

    async def count_days(self, readings):
        """Local date -> readings, once there are as many as this."""
        deadline = time.monotonic() + ARRIVAL_TIMEOUT_S
        command = self.consumer.command(
            "count", self.keys, self.script.zone, self.script.starts, self.request
        )
        while True:
            self.stage.assert_alive()
            days = dict(line.split() for line in (await run(*command)).splitlines())
            if sum(map(int, days.values())) >= readings or time.monotonic() > deadline:
                return {date: int(number) for date, number in days.items()}
            await asyncio.sleep(0.3)

    def give_to_ledger(self):
        """What the consumer has kept, into the ledger in which hub and patient are enrolled."""
        key_records, sealed = self.consumer.kept(self.keys)
        ledger = Ledger(self.stage.folder / "ledger.db", ReadingNames.of(self.keys))
        intake = Intake(
            ledger,
            load_opening_keys(self.keys),
            Signer.generate(),
            "vitalpost",
            lambda: self.stage.clock.utc_ns() // 1_000_000,
        )
        items = [*key_records, *(Run(kid, n, (data,)) for (kid, n), data in sealed.items())]
        for first in range(0, len(items), 20):
            payload = encode_message(items[first : first + 20])
            assert intake.take("vitalpost/v1/hub-1/records", payload).incidents == []
        ledger.close()


def _kept_by_python(keys):
    with sqlite3.connect(keys / "consumed.db") as db:
        key_records = db.execute("SELECT data FROM statement WHERE mark = 1 ORDER BY rowid")
        rows = db.execute("SELECT kid, sequence, sealed FROM record ORDER BY rowid")
        return [data for (data,) in key_records], {(kid, n): data for kid, n, data in rows}


def _kept_by_node(keys):
    key_records, sealed = {}, {}
    for line in (keys / "consumed.txt").read_text().splitlines():
        for item in decode_message(b64decode(line.split()[1])).items:
            if isinstance(item, Run):
                names = ((item.kid, n) for n in count(item.first))
                sealed.update(zip(names, item.sealed, strict=False))
            else:
                key_records[item] = None
    return list(key_records), sealed

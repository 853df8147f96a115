"""What a scenario stands on: broker, workers and hubs as processes, meters, and one journal.

All is made with the product's own commands, run in this process because they are many. Every
process is ended by its id when the rig is left; what they wrote is in `folder`.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import backend.cli
import gateway.cli
from simulator import history, journals
from simulator.clock import ScriptClock
from simulator.history import Verdict
from simulator.processes import Program
from simulator.stage import free_port, mosquitto, write_broker_files
from tests.faults.nursery import Child, Nursery
from tests.faults.ward import Meter, Ward

PATIENT = "patient-1"
SETTLE_S = 120

GATEWAY_TOML = """\
[hub]
id = "{hub}"
state = "{folder}/state"
credentials = "{folder}/credentials"
site_zone = "Etc/UTC"
journal = "{journal}"
[broker]
host = "127.0.0.1"
port = {port}
keepalive_s = {keepalive_s}
[control]
socket = "{folder}/control.sock"
[radio]
backend = "cord"
options = {{ port = {ward} }}
[network]
watch = false
[clock]
source = "script"
options = {{ file = "{clock}" }}
"""
DEVICE_TOML = """\
[[devices]]
name = "{serial}"
driver = "acknowledging-cuff"
address = "{address}"
maker = "Vitalpost"
model = "Cord"
serial = "{serial}"
"""
BACKEND_TOML = """\
[ledger]
path = "{folder}/ledger.db"
journal = "{folder}/journal.jsonl"
[keys]
dir = "{folder}/keys"
[broker]
host = "127.0.0.1"
port = {port}
client_id = "{worker}"
[clock]
source = "script"
options = {{ file = "{folder}/clock" }}
"""


class Hub:
    """A hub's process, its folder and its meters; it reaches the broker at `broker_port`."""

    def __init__(self, rig: Rig, number: int, meters: int, *, folder: str = "") -> None:
        self.name = f"hub-{number}"
        self.folder = rig.folder / (folder or self.name)
        self.state = self.folder / "state"
        self.outbox = self.state / "outbox.db"
        self.settings = self.folder / "gateway.toml"
        self.broker_port = rig.broker_port
        self.keepalive_s = 1200
        first = 1 + 100 * number
        self.ward = Ward([Meter(first + n, rig.journal) for n in range(meters)])
        self.folder.mkdir(mode=0o700)
        words = ["run", "--settings", str(self.settings)]
        self.program = Child("hub", "gateway.cli", words, self.folder)
        self.journal = rig.journal
        self.clock = ScriptClock.create(self.folder / "clock", quality=5)

    def write_settings(self) -> None:
        """Write them anew: to reach the broker by another port, or after the ward has opened."""
        facts = {"hub": self.name, "folder": self.folder, "journal": self.journal}
        facts |= {"clock": self.folder / "clock", "keepalive_s": self.keepalive_s}
        text = GATEWAY_TOML.format(**facts, port=self.broker_port, ward=self.ward.port)
        for meter in self.ward.meters:
            text += DEVICE_TOML.format(serial=meter.serial, address=meter.address)
        self.settings.write_text(text)

    def measure(self, readings: int) -> None:
        """So many, by its meters in turn."""
        for n in range(readings):
            self.ward.meters[n % len(self.ward.meters)].measure()

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The lines with this event in the log of its present life."""
        lines = self.program.said().splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in found if line.get("event") == event]


Part = Program | Child | Hub


class Rig:
    """An office and its hubs in one folder; nothing runs until `start`."""

    def __init__(self, folder: Path, *, hubs: int = 1, meters: int = 1, workers: int = 1) -> None:
        self.folder = folder
        self.journal = folder / "journal.jsonl"
        self.journal.touch()
        self.ledger = folder / "ledger.db"
        self.clock = ScriptClock.create(folder / "clock", quality=5)  # of the office
        self.keys = folder / "keys"
        self.broker_port = free_port()
        command = [mosquitto(), "-c", f"{folder}/mosquitto.conf"]
        self.broker = Program("broker", command, folder)
        self.workers = [self._make_worker(f"worker-{n}") for n in range(1, workers + 1)]
        self.hubs = [Hub(self, n, meters) for n in range(1, hubs + 1)]
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        vitalpost_backend("keygen", self.keys, "--broker", "127.0.0.1")
        write_broker_files(self.folder, self.keys, self.broker_port)
        for worker in self.workers:
            facts = {"folder": self.folder, "port": self.broker_port, "worker": worker.name}
            (self.folder / f"{worker.name}.toml").write_text(BACKEND_TOML.format(**facts))
        self.nursery = await self._stack.enter_async_context(Nursery(self.folder))
        for part in (self.broker, *self.workers):
            self._stack.push_async_callback(part.stop)
        for hub in self.hubs:
            await self.add(hub)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def hub(self) -> Hub:
        """The only one."""
        return self.hubs[0]

    @property
    def worker(self) -> Child:
        """The first."""
        return self.workers[0]

    async def add(self, hub: Hub) -> None:
        """Open its ward, provision and enroll it."""
        await self.open(hub)
        settings = ("--settings", hub.settings)
        request, answer = hub.folder / "request.json", hub.folder / "answer.json"
        request.write_text(vitalpost("provision", "request", *settings))
        since = (datetime.now(UTC) - timedelta(days=99)).date().isoformat()
        for meter in hub.ward.meters:
            device = f"Vitalpost/Cord/{meter.serial}"
            of = ("--patient", PATIENT, "--zone", "Etc/UTC", "--device", device, "--from", since)
            answer.write_text(self.ask_office("enroll", request, *of))
        vitalpost("provision", "install", answer, *settings)

    async def open(self, hub: Hub) -> None:
        """Open its ward and write its settings; leaving the rig will stop it."""
        await self._stack.enter_async_context(hub.ward)
        self._stack.push_async_callback(hub.program.stop)
        hub.write_settings()

    async def start(self) -> None:
        """Start all; returns when the broker listens, the workers subscribe and the hubs serve."""
        for part in (self.broker, *self.workers):
            await self.launch(part)
        await self.wait("the workers", lambda: all(map(self.is_subscribed, self.workers)))
        for hub in self.hubs:
            await self.launch(hub)
        await self.wait("the hubs", lambda: all(map(self.is_ready, self.hubs)))

    def is_subscribed(self, worker: Child) -> bool:
        """Whether the worker's last life has subscribed."""
        log = worker.said()
        return log.rfind('"subscribed"') > log.rfind('"broker-lost"')

    def is_ready(self, hub: Hub) -> bool:
        """Whether the hub's last life serves its devices."""
        return bool(hub.logged("hub-ready"))

    async def launch(self, part: Part) -> None:
        """Start it, or start it again."""
        match part:
            case Hub():
                await part.program.start(self.nursery)
            case Child():
                await part.start(self.nursery)
            case Program():
                await part.start()

    async def kill(self, part: Part) -> None:
        """`kill -9`, written into the journal in the name of its victim."""
        await (part.program if isinstance(part, Hub) else part).kill()
        journals.note(self.journal, part.name, "killed")

    async def wait(self, what: str, is_so: Callable[[], bool], timeout_s: float = SETTLE_S) -> None:
        """Wait for it. Raises RuntimeError where it does not come about."""
        deadline = time.monotonic() + timeout_s
        while True:
            asked_at = time.monotonic()
            if is_so():
                return
            if asked_at > deadline:
                raise RuntimeError(f"not within {timeout_s:g} s: {what}")
            await asyncio.sleep(max(0.05, 2 * (time.monotonic() - asked_at)))

    async def settle(self, timeout_s: float = SETTLE_S) -> None:
        """Wait until every meter is empty and the office has all; the journal then says so."""
        names = {hub.name for hub in self.hubs}
        await self.wait("empty meters", lambda: all(h.ward.is_empty for h in self.hubs), timeout_s)
        await self.wait(
            "that the office has everything",
            lambda: not history.find_undelivered(journals.read(self.journal), names),
            timeout_s,
        )
        for name in names:
            journals.note(self.journal, name, "drained")

    def names(self, did: str) -> set[history.Name]:
        """The records to which a hub says it did this."""
        hubs = {hub.name for hub in self.hubs}
        return {
            (kid, sequence)
            for step in journals.read(self.journal)
            if step.by in hubs and step.did == did
            for kid, ranges in step.records.items()
            for first, last in ranges
            for sequence in range(first, last + 1)
        }

    async def stop_hubs(self) -> None:
        """As systemd would."""
        for hub in self.hubs:
            await hub.program.stop()

    async def end_in_order(self, is_good: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Stop the hubs, and let each say how its last epoch ended; what the office says then."""
        await self.stop_hubs()
        for hub in self.hubs:
            await self.launch(hub)
        ask = lambda: [self.ask_hub(name) for name in sorted({hub.name for hub in self.hubs})]  # noqa: E731
        try:
            await self.wait("how each hub ended", lambda: all(map(is_good, ask())))
        except RuntimeError as fault:
            raise RuntimeError(f"{fault}: {json.dumps(ask())}") from fault
        await self.stop_hubs()
        return ask()

    def ask_hub(self, name: str) -> dict[str, Any]:
        """What the office says of the hub of that name."""
        found = json.loads(self.ask_office("hubs", "--json", good=(0, 1)))
        return next(one for one in found["hubs"] if one["hub"] == name)

    def note_restored(self) -> int:
        """Write into the journal what the ledger has, an older copy; how many records that are."""
        records = json.loads(self.ask_office("verify", "--json", good=(0, 1)))["stored"]
        journals.note(self.journal, journals.OFFICE, "restored", records=records)
        return sum(last - first + 1 for ranges in records.values() for first, last in ranges)

    def judge(self) -> Verdict:
        """Hold the journal and the ledger against the model."""
        verified = json.loads(self.ask_office("verify", "--json", good=(0, 1)))
        days = json.loads(self.ask_office("days", PATIENT, "--json"))
        steps = (*journals.read(self.journal), *journals.ask_ledger(verified, days))
        verdict = history.judge(steps, {hub.name for hub in self.hubs})
        # Each gap is one problem: those that were declared are as they should be.
        problems, gaps = verified["problems"], verified["gaps"]
        lacking = {(gap["kid"], n) for gap in gaps for n in range(gap["first"], gap["last"] + 1)}
        if lacking <= self.names("wiped"):
            problems = problems[len(gaps) :]
        return verdict._replace(violation=verdict.violation or (problems[0] if problems else None))

    def ask_office(self, command: str, *words: object, good: tuple[int, ...] = (0,)) -> str:
        """One command of the backend."""
        settings = self.folder / f"{self.worker.name}.toml"
        return vitalpost_backend(command, *words, "--settings", settings, good=good)

    def incidents(self) -> Counter[str]:
        """What the office counted as refused or odd, of all hubs and of strangers."""
        found = json.loads(self.ask_office("hubs", "--json", good=(0, 1)))
        lists = [found["strangers"], *(hub["incidents"] for hub in found["hubs"])]
        counts: Counter[str] = Counter()
        for one in (one for each in lists for one in each):
            counts[one["what"]] += one["count"]
        return counts

    def _make_worker(self, name: str) -> Child:
        settings = f"{self.folder}/{name}.toml"
        return Child(name, "backend.cli", ["run", "--settings", settings], self.folder)


def vitalpost(*words: object, good: tuple[int, ...] = (0,)) -> str:
    """One command of the hub, as data. Raises RuntimeError with its words."""
    return _run(gateway.cli.main, words, good)


def vitalpost_backend(*words: object, good: tuple[int, ...] = (0,)) -> str:
    """One command of the backend, as data. Raises RuntimeError with its words."""
    return _run(backend.cli.main, words, good)


def _run(main: Callable[[list[str]], int], words: tuple[object, ...], good: tuple[int, ...]) -> str:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(word) for word in words])
    if code not in good:
        raise RuntimeError(f"{words[0]} ended with {code}: {err.getvalue()}")
    return out.getvalue()


def write_plugin(folder: Path) -> None:
    """A distribution with the cord's radio and driver, on the path of every process."""
    made = folder / "faults-0.dist-info"
    made.mkdir(parents=True)
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: faults\nVersion: 0\n")
    (made / "entry_points.txt").write_text(
        "[vitalpost.radios]\ncord = tests.faults.cord:CordRadio\n"
        "air = tests.faults.air:present_radio\n"
        "[vitalpost.drivers]\nacknowledging-cuff = tests.faults.cord:AcknowledgingCuff\n"
    )
    root = Path(__file__).parents[2]
    os.environ["PYTHONPATH"] = f"{folder}:{root}"
    # Processes start some thousand times: they compile nothing twice, and nothing beside the code.
    os.environ["PYTHONPYCACHEPREFIX"] = f"{folder}/pycache"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def copy(source: Path, target: Path) -> None:
    """An image of a file or a folder, over what is there."""
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)

"""The stage of a demonstration: one folder, and in it home, hub, broker and office as processes.

Nothing of the product is imported: it is installed and asked by its own commands, as people do.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from simulator import history, journals, practice
from simulator.clock import ScriptClock
from simulator.kinds import KINDS, Wanted, bonds, identity
from simulator.processes import Home, Program, program, run
from simulator.proxy import CountingProxy
from simulator.script import Device, Script

HUB = "hub-1"
CONFIG = Path(__file__).parent.parent / "config"
DELIVERY_TIMEOUT_S = 30
START_TIMEOUT_S = 30
Say = Callable[[str], None]

GATEWAY_TOML = """\
[hub]
id = "{hub}"
state = "{folder}/hub"
credentials = "{folder}/hub/credentials"
site_zone = "{zone}"
journal = "{folder}/journal.jsonl"
[broker]
host = "127.0.0.1"
port = {port}
[control]
socket = "{folder}/control.sock"
[radio]
backend = "virtual"
options = {{ hci = "{hci}", keystore = "{folder}/hub/bonds.json" }}
[network]
watch = false
[clock]
source = "script"
options = {{ file = "{folder}/clock" }}
"""
DEVICE_TOML = """\
[[devices]]
name = "{name}"
driver = "{driver}"
maker = "{maker}"
model = "{model}"
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
[clock]
source = "script"
options = {{ file = "{folder}/clock" }}
"""


class Stage:
    """Everything that one script needs; an async context that leaves no process behind.

    Making one raises RuntimeError where no broker is installed.
    """

    def __init__(self, script: Script, folder: Path) -> None:
        self.script = script
        self.folder = folder
        self.clock = ScriptClock.create(folder / "clock")
        self.clock.jump_to(_nanoseconds(script.instant(1, "07:00")))
        self.log = folder / "devices.jsonl"
        self.journal = folder / "journal.jsonl"
        wanted = [
            Wanted(device.name, device.kind, serial=device.serial, ppm=device.drift_ppm).text()
            for device in script.devices
        ]
        self.home = Home(
            "home",
            [
                *(sys.executable, "-m", "simulator", "home"),
                *("--clock", str(folder / "clock"), "--log", str(self.log)),
                *(word for text in wanted for word in ("--device", text)),
            ],
            folder,
        )
        hub = [program("vitalpost"), "run", *self._hub_settings()]
        self.hub = Program("hub", hub, folder)
        self.backend = Program("backend", self._office("run"), folder)
        self.broker = Program("broker", [mosquitto(), "-c", f"{folder}/mosquitto.conf"], folder)
        self.broker_port = free_port()
        self.proxy = CountingProxy(self.broker_port)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for part in (self.broker, self.backend, self.hub, self.home):
            self._stack.push_async_callback(part.stop)
        await self._stack.enter_async_context(self.proxy)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    def at(self, when: datetime) -> None:
        """Move the script's clock forward to `when`; between jumps it runs like any clock."""
        self.clock.jump_to(max(_nanoseconds(when), self.clock.utc_ns()))

    async def install(self) -> None:
        """What an installer does: keys, broker, enrolment, start."""
        await run(
            program("vitalpost-backend"), "keygen", self._path("keys"), "--broker", "127.0.0.1"
        )
        write_broker_files(self.folder, self.folder / "keys", self.broker_port)
        (self.folder / "backend.toml").write_text(
            BACKEND_TOML.format(folder=self.folder, port=self.broker_port)
        )
        ready = await self.home.open()
        settings = GATEWAY_TOML.format(
            hub=HUB,
            folder=self.folder,
            zone=self.script.zone,
            port=self.proxy.port,
            hci=ready["hci"],
        )
        for device in self.script.devices:
            settings += describe(device, ready["devices"][device.name])
        (self.folder / "gateway.toml").write_text(settings)
        (self.folder / "hub").mkdir()
        await self._enroll()
        for part in (self.broker, self.backend, self.hub):
            await part.start()
        await self._open_setup()

    async def measure(self, **what: object) -> None:
        """Somebody measures; the device advertises until the hub has fetched the record."""
        await self.home.ask("measure", **what)
        await self.delivered()

    async def delivered(self) -> None:
        """Wait until no device has anything left. Raises RuntimeError naming who fell over."""
        try:
            await self.home.ask("wait-delivered", timeout_s=DELIVERY_TIMEOUT_S)
        except RuntimeError:
            self.assert_alive()
            raise

    def assert_alive(self) -> None:
        """Raise RuntimeError with the last words of a part that ended by itself."""
        for part in (self.hub, self.home, self.backend, self.broker):
            part.assert_alive()

    async def kill(self, part: Program) -> None:
        """`kill -9`, written into the journal in the name of its victim."""
        await part.kill()
        journals.note(self.journal, HUB if part is self.hub else part.name, "killed")

    def note_drained(self) -> bool:
        """Whether the office has all that the hub has committed; if so the journal says it."""
        is_drained = not history.find_undelivered(journals.read(self.journal), {HUB})
        if is_drained:
            journals.note(self.journal, HUB, "drained")
        return is_drained

    async def ask_office(self, command: str, *words: str) -> dict[str, Any]:
        """One command of the backend, as data. A fault that `verify` finds is data too."""
        asked = self._office(command, *words, "--json")
        answer: dict[str, Any] = json.loads(await run(*asked, good=(0, 1)))
        return answer

    async def state_facts(self) -> None:
        """What the practice has on file, told to the ledger."""
        file = self._path("facts.jsonl")
        Path(file).write_text(practice.state(self.script))  # noqa: ASYNC240  nothing else runs
        await run(*self._office("facts", "import", file))

    async def show_verdict(self, patient: str) -> str:
        """The verdict on the first period, for a person."""
        return await run(*self._office("verdict", patient, "--period", "1"))

    async def pack_evidence(self, patient: str) -> dict[str, Any]:
        """The first period's evidence, packed by one command and checked by another."""
        file = self._path(f"{patient}.zip")
        packed = await self.ask_office("evidence", patient, "--period", "1", "--out", file)
        checked = await run(program("vitalpost-backend"), "verify", file, "--json", good=(0, 1))
        return {**json.loads(checked), "bytes": packed["bytes"]}

    async def show_days(self, patient: str) -> str:
        """The patient's calendar, for a person."""
        return await run(*self._office("days", patient))

    async def _enroll(self) -> None:
        vitalpost, hub = program("vitalpost"), self._hub_settings()
        request, answer = self._path("request.json"), self._path("answer.json")
        asked = await run(vitalpost, "provision", "request", *hub)
        Path(request).write_text(asked)  # noqa: ASYNC240  nothing else runs yet
        for device in self.script.devices:
            for slot, patient in device.slots:
                enrol = self._office(
                    *("enroll", request, "--patient", patient, "--zone", self.script.zone),
                    *("--device", "/".join(identity(device.kind, device.serial))),
                    *("--from", self.script.starts.isoformat()),
                    *(() if slot is None else ("--slot", str(slot))),
                )
                answered = await run(*enrol)
        Path(answer).write_text(answered)  # noqa: ASYNC240  nothing else runs yet
        await run(vitalpost, "provision", "install", answer, *hub)

    async def _open_setup(self) -> None:
        """As a technician does: only then are the devices paired. The hub is still starting."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                await run(program("vitalpost"), "setup", "open", *self._hub_settings())
            except RuntimeError:
                self.assert_alive()
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def _office(self, command: str, *words: str) -> list[str]:
        settings = ("--settings", self._path("backend.toml"))
        return [program("vitalpost-backend"), command, *words, *settings]

    def _hub_settings(self) -> Sequence[str]:
        return ("--settings", self._path("gateway.toml"))

    def _path(self, name: str) -> str:
        return str(self.folder / name)


def describe(device: Device, where: Mapping[str, str]) -> str:
    """The device in the hub's settings."""
    maker, model, serial = identity(device.kind, device.serial)
    said = DEVICE_TOML.format(
        name=device.name, driver=KINDS[device.kind].driver, maker=maker, model=model, serial=serial
    )
    said += "".join(f'{key} = "{value}"\n' for key, value in where.items())
    return said + ("bond = true\n" if bonds(device.kind) else "")


def write_broker_files(folder: Path, keys: Path, port: int) -> None:
    """The shipped samples, filled in: a broker whose settings and state are in `folder`."""
    shutil.copy(CONFIG / "mosquitto.acl", keys)
    (folder / "broker").mkdir()
    text = (CONFIG / "mosquitto.conf").read_text()
    for mark, value in {
        "@PORT@": str(port),
        "@ADDRESS@": "127.0.0.1",
        "@CERTS@": str(keys),
        "@DATA@": str(folder / "broker"),
    }.items():
        text = text.replace(mark, value)
    # Mosquitto started by root would become another user.
    user = Path(f"/proc/{os.getpid()}").owner()
    (folder / "mosquitto.conf").write_text(f"{text}user {user}\n")


def mosquitto() -> str:
    """The path of the broker; Debian keeps it where only root looks."""
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise RuntimeError("Mosquitto is not installed: `make broker` or apt-get install mosquitto")
    return found


def _nanoseconds(when: datetime) -> int:
    return int(when.timestamp()) * 1_000_000_000


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

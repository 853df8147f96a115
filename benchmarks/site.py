"""A site to measure on: broker, office and hub as they are installed, each a process of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import sys
import time
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Self

from benchmarks import readings
from benchmarks.link import Link, Shape
from gateway.identity.credentials import load_credentials
from simulator.processes import Program, program, run
from simulator.stage import CONFIG, free_port, mosquitto
from uplink.outbox import Outbox
from uplink.records import ClockRecord, DeviceRecord, EpochStart, Record, Stamp, encode
from uplink.seal import open_epoch

HUB, PATIENT, ZONE = "hub-1", "patient-1", "America/New_York"
QUOTA_BYTES = 512_000_000
EPOCH_READINGS = 20_000
GROUP = 500
PATIENCE_S = 240

# structlog takes rich where development tools have brought it: no hub has it, nor its 4 MB.
AS_INSTALLED = "import sys; sys.modules['rich'] = None; from gateway.cli import main; exit(main())"
VITALPOST = (sys.executable, "-c", AS_INSTALLED)

GATEWAY_TOML = """\
[hub]
id = "{hub}"
state = "{folder}/hub"
credentials = "{folder}/hub/credentials"
site_zone = "{zone}"
[broker]
host = "127.0.0.1"
port = {port}
keepalive_s = {keepalive_s}
[control]
socket = "{folder}/hub/control.sock"
"""
BACKEND_TOML = """\
[ledger]
path = "{folder}/ledger.db"
[keys]
dir = "{folder}/keys"
[broker]
host = "127.0.0.1"
port = {port}
"""
START = EpochStart(bytes(16), 0, readings.FIRST_MS, 5, "vitalpost 0.1.0")


class Site:
    """An async context; the hub reaches the broker through `link`. No radio is touched."""

    def __init__(self, folder: Path, shape: Shape | None = None, keepalive_s: int = 1200) -> None:
        self.folder = folder
        self.port = free_port()
        self.link = Link(self.port, shape or Shape())
        self.broker = Program("broker", [mosquitto(), "-c", f"{folder}/mosquitto.conf"], folder)
        self.office = Program("office", self._office("run"), folder)
        self.hub = Program("hub", [*VITALPOST, "run", *self._hub_settings()], folder)
        self._keepalive_s = keepalive_s
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True)
        # Without a system bus the hub says once that its radio is away, and does the rest.
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={self.folder}/no-bus"
        for part in (self.broker, self.office, self.hub):
            self._stack.push_async_callback(part.stop)
        await self._stack.enter_async_context(self.link)
        await self._install()
        await self.broker.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    @property
    def outbox(self) -> Path:
        """The hub's outbox."""
        return self.folder / "hub" / "outbox.db"

    def credential(self, name: str) -> Path:
        """One of the hub's files."""
        return self.folder / "hub" / "credentials" / name

    async def fill(self, count: int, epoch_readings: int = EPOCH_READINGS) -> None:
        """Let the hub hold so many readings, as if it had been offline."""
        outbox = await Outbox.open(self.outbox, quota_bytes=QUOTA_BYTES)
        for first in range(1, count + 1, epoch_readings):
            await self._fill_epoch(outbox, first, min(first + epoch_readings - 1, count))
        await outbox.close()

    async def _fill_epoch(self, outbox: Outbox, first: int, last: int) -> None:
        keys = load_credentials(self.folder / "hub" / "credentials")
        epoch, key_record = open_epoch(
            HUB, keys.signer, keys.sealing_keys[0], START, outbox.previous()
        )
        await outbox.begin_epoch(epoch.kid, key_record)
        device = DeviceRecord(
            Stamp(0, START.utc_ms, 5),
            1,
            "sig-blood-pressure",
            "1",
            readings.IDENTITY,
            "ble",
        )
        records: list[Record] = [ClockRecord(Stamp(0, START.utc_ms, 5), "start"), device, device]
        records += [readings.record(number, 1) for number in range(first, last + 1)]
        sealed = [epoch.seal(encode(record, START)) for record in records]
        for start in range(0, len(sealed), GROUP):
            await outbox.append(epoch.kid, sealed[start : start + GROUP])

    async def stored(self, count: int) -> None:
        """Wait until the ledger has so many readings. Raises TimeoutError."""
        deadline = time.monotonic() + PATIENCE_S
        while self.count() < count:
            for part in (self.hub, self.office, self.broker):
                part.assert_alive()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.count()} of {count} readings came")
            await asyncio.sleep(0.2)
        while time.monotonic() - self.link.last_at < 1.0:  # noqa: ASYNC110  the last receipt
            await asyncio.sleep(0.1)

    def count(self) -> int:
        """Readings in the ledger."""
        with closing(sqlite3.connect(self.folder / "ledger.db")) as ledger:
            [found] = ledger.execute("SELECT count(*) FROM reading").fetchone()
            return int(found)

    async def office_is_up(self) -> None:
        """Start the office, and wait until it listens: what it misses comes after 30 s."""
        await self.office.start()
        await _said(self.office, "subscribed")

    async def hub_is_up(self) -> int:
        """Wait until the hub says it is ready; its process id."""
        await _said(self.hub, "hub-ready")
        assert self.hub.process is not None
        return self.hub.process.pid

    async def _install(self) -> None:
        keys = self.folder / "keys"
        await run(program("vitalpost-backend"), "keygen", str(keys), "--broker", "127.0.0.1")
        self._write_settings(keys)
        asked = await run(program("vitalpost"), "provision", "request", *self._hub_settings())
        request, answer = self.folder / "request.json", self.folder / "answer.json"
        request.write_text(asked)
        device = "/".join(readings.IDENTITY)
        monitored = ("--patient", PATIENT, "--zone", ZONE, "--device", device)
        enrol = self._office("enroll", str(request), *monitored, "--from", "2026-03-01")
        answer.write_text(await run(*enrol))
        install = ("provision", "install", str(answer), *self._hub_settings())
        await run(program("vitalpost"), *install)

    def _write_settings(self, keys: Path) -> None:
        shutil.copy(CONFIG / "mosquitto.acl", keys)
        (self.folder / "broker").mkdir()
        (self.folder / "hub").mkdir(0o700)
        text = (CONFIG / "mosquitto.conf").read_text()
        marks = {"PORT": self.port, "ADDRESS": "127.0.0.1", "CERTS": keys}
        for mark, value in {**marks, "DATA": self.folder / "broker"}.items():
            text = text.replace(f"@{mark}@", str(value))
        user = Path(f"/proc/{os.getpid()}").owner()
        (self.folder / "mosquitto.conf").write_text(f"{text}user {user}\n")
        facts = {"folder": self.folder, "hub": HUB, "zone": ZONE}
        (self.folder / "backend.toml").write_text(BACKEND_TOML.format(**facts, port=self.port))
        (self.folder / "gateway.toml").write_text(
            GATEWAY_TOML.format(**facts, port=self.link.port, keepalive_s=self._keepalive_s)
        )

    def _office(self, command: str, *words: str) -> list[str]:
        settings = ("--settings", str(self.folder / "backend.toml"))
        return [program("vitalpost-backend"), command, *words, *settings]

    def _hub_settings(self) -> tuple[str, str]:
        return "--settings", str(self.folder / "gateway.toml")


async def _said(part: Program, event: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while event not in part.log.read_text():
        part.assert_alive()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{part.name} did not come up")
        await asyncio.sleep(0.1)

"""The devices of a scenario: they measure at its command and forget only what was confirmed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import cbor2

from simulator import journals
from simulator.frames import Values, build_timed, pack_time

ADVERTISES_S = 0.05


class Meter:
    """A cuff with a memory; its clock is right, and shows UTC."""

    def __init__(self, number: int, journal: Path) -> None:
        self.address = f"F0:00:00:00:{number >> 8:02X}:{number & 255:02X}"
        self.serial = f"S{number:05}"
        self.memory: deque[bytes] = deque()
        self.measured = 0
        self.changed = asyncio.Event()
        self.is_connected = False
        self.clock_utc_ns = time.time_ns
        self._identity = cbor2.dumps(["Vitalpost", "Cord", self.serial])
        self._journal = journal

    def measure(self) -> None:
        """Measure once; no two frames are alike."""
        frame = self._build()
        self._note("measured", [frame])
        self.memory.append(frame)
        self.changed.set()

    def measure_all(self, readings: int) -> list[bytes]:
        """So many frames at once, which its memory does not hold."""
        self._all = [self._build() for _ in range(readings)]
        self._note("measured", self._all)
        return self._all

    def confirm_all(self) -> None:
        """The hub has all of them."""
        self._note("confirmed", self._all)

    def clock(self) -> datetime:
        """What its clock shows."""
        now = datetime.fromtimestamp(self.clock_utc_ns() / 1e9, UTC)
        return now.replace(tzinfo=None, microsecond=0)

    def clock_frame(self) -> bytes:
        """Its clock as it is read."""
        return pack_time(self.clock())

    def confirm(self, frame: bytes) -> None:
        """The hub has it: forget it."""
        if frame in self.memory:
            self._note("confirmed", [frame])
            self.memory.remove(frame)
        self.changed.set()

    def _build(self) -> bytes:
        self.measured += 1
        n = self.measured
        values = Values(100 + n % 90, 50 + n // 90 % 90, 90, 60 + n // 8100)
        return build_timed(values, self.clock())

    def _note(self, did: str, frames: list[bytes]) -> None:
        names = [hashlib.sha256(self._identity + frame).digest()[:16].hex() for frame in frames]
        day = self.clock().date().isoformat()
        journals.note(self._journal, self.serial, did, readings=names, day=day)


class Ward:
    """The air of one hub: its meters advertise while they have something, until it connects."""

    def __init__(self, meters: list[Meter]) -> None:
        self.meters = meters
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._writers: set[asyncio.StreamWriter] = set()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()

    @property
    def is_empty(self) -> bool:
        """Whether every reading was confirmed."""
        return not any(meter.memory for meter in self.meters)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            asked = json.loads(await reader.readline() or b'{"do": ""}')
            if asked["do"] == "scan":
                await self._advertise(reader, writer)
            elif asked["do"] == "connect":
                meter = next(each for each in self.meters if each.address == asked["address"])
                _answer(writer, "")
                meter.is_connected = True
                try:
                    await self._visit(meter, reader, writer)
                finally:
                    meter.is_connected = False
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _advertise(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = asyncio.create_task(reader.read())
        while not gone.done():
            for meter in self.meters:
                if meter.memory and not meter.is_connected:
                    _send(writer, address=meter.address)
            await asyncio.wait([gone], timeout=ADVERTISES_S)
        gone.result()

    async def _visit(
        self, meter: Meter, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while line := await reader.readline():
            asked = json.loads(line)
            match asked["do"]:
                case "read":
                    _answer(writer, meter.clock_frame().hex())
                case "subscribe":
                    _answer(writer, "")
                    self._indicate(meter, writer)
                case "confirm":
                    meter.confirm(bytes.fromhex(asked["frame"]))
                    _answer(writer, "")
                    if not self._indicate(meter, writer):
                        await writer.drain()
                        return

    def _indicate(self, meter: Meter, writer: asyncio.StreamWriter) -> bool:
        if meter.memory:
            _send(writer, frame=meter.memory[0].hex())
        return bool(meter.memory)


def _answer(writer: asyncio.StreamWriter, answer: str) -> None:
    _send(writer, answer=answer)


def _send(writer: asyncio.StreamWriter, **what: str) -> None:
    writer.write(json.dumps(what).encode() + b"\n")

"""A driver for a device that says outright what becomes of its frames; unpacked beside the hub's.

A line is KIND VALUE WORD FRAME. Beside `reading`, `event` and `unsealable` its kinds are ways in
which a driver may go wrong, each with the value in its mouth.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

from drivers.metrics import Metric, Unit
from drivers.spi import (
    RX,
    DecodeError,
    DeviceEvent,
    DriverInfo,
    Frame,
    Item,
    Line,
    Observation,
    Reading,
    SerialLink,
    Undecodable,
)

ENTRY = "[vitalpost.drivers]\ncanary = canary_driver:Canary\n"
ABOUT = "Metadata-Version: 2.1\nName: canary\nVersion: 1.0\n"


class Canary:
    """Hands on what it hears, and raises when it is told to."""

    info: ClassVar = DriverInfo(
        id="canary",
        version="1.0",
        transport="serial",
        match=(),
        metrics=(Metric.MDC_PRESS_BLD_NONINV_SYS,),
        line=Line(9600),
        devices=("none",),
    )

    async def session(self, link: SerialLink) -> AsyncIterator[Item]:
        """An item for each whole line."""
        rest = b""
        async for chunk in link.receive():
            *lines, rest = (rest + chunk.data).split(b"\n")
            for line in lines:
                yield read(line)


def read(line: bytes) -> Item:
    """What a line says."""
    kind, value, word, frame = line.decode().split()
    raw = (Frame(RX, bytes.fromhex(frame)),)
    match kind:
        case "event":
            return DeviceEvent("jammed", raw, facts={"word": word})
        case "undecodable":
            return Undecodable(DecodeError(f"found {value}", raw[0].data, 1), raw)
        case "garbled":
            raise DecodeError(f"found {value}", raw[0].data, 1)
        case "crash":
            raise ValueError(f"{value} of {word}: {frame}")
    metric = Metric.MDC_PRESS_BLD_NONINV_SYS
    values = (value, "NaN") if kind == "unsealable" else (value,)
    observed = tuple(Observation(metric, Decimal(each), Unit.MMHG) for each in values)
    return Reading(observed, raw, status=(word,), attributes={"note": word})


def install(folder: Path) -> None:
    """As pip would: the module, and what names it."""
    (folder / "canary-1.0.dist-info").mkdir(parents=True)
    (folder / "canary_driver.py").write_text(Path(__file__).read_text())
    (folder / "canary-1.0.dist-info/METADATA").write_text(ABOUT)
    (folder / "canary-1.0.dist-info/entry_points.txt").write_text(ENTRY)

"""What a dispenser says of itself and of its clock; docs/dispenser-protocol.md is the protocol."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from drivers.dispenser_frame import HEAD, TAIL, check
from drivers.errors import DecodeError
from drivers.reader import Reader
from drivers.spi import DeviceInformation


class Hello(NamedTuple):
    """What a dispenser says of itself; it remembers `first` to `last`, none if `last` is less."""

    version: int
    store: int
    first: int
    last: int
    percent: int
    information: DeviceInformation


def read_hello(frame: bytes) -> Hello:
    """The hello in a whole frame; what later versions put behind it is left. Raises DecodeError."""
    check(frame)
    reader = Reader(frame[:-TAIL])
    reader.uint(HEAD)
    version, store, first, last, percent = (reader.uint(size) for size in (1, 4, 4, 4, 1))
    if first > last + 1:
        raise DecodeError("the first record behind the last", frame, HEAD + 5)
    texts = []
    for _ in range(4):
        size = reader.uint(1)
        texts.append(reader.uint(size).to_bytes(size, "little").decode(errors="replace"))
    return Hello(version, store, first, last, percent, DeviceInformation(*texts))


def read_clock(frame: bytes) -> datetime | None:
    """The time in the answer that shows or has set a clock; None if it was never set."""
    check(frame)
    reader = Reader(frame[:-TAIL])
    reader.uint(HEAD)
    is_set = reader.uint(1)
    time = reader.date_time()
    reader.end()
    return time if is_set else None


def pack_time(time: datetime) -> bytes:
    """Seven bytes as of GATT's Date Time."""
    return time.year.to_bytes(2, "little") + bytes(time.timetuple()[1:6])

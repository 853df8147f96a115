"""What a record of a TaiDoc meter says, which depends on the meter.

A record is the answer with its time, then the answer with its value. Behind them may stand what was
asked for the value, which names the user, and the answer with the model. The model is four digits:
1 a thermometer, 3 a cuff (32 a cuff that measures glucose as well), 4 a glucose meter, 8 an
oximeter. Without it the advertised name tells the meter, or nobody does.

Source: advmeds-service/advmeds-bluetooth-lib@0e83080 (values, analytes, names);
        YentingChia-Ultron/Ultron-esp32BLE@e04dc29 (mean pressure, bits above minute and hour,
        thermometers); markchuang56/iOS-Demo@52c4f8b (users, the bit of a pressure);
        tidepool-org/uploader@05afbea lib/drivers/glucorx (meal, control solution)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from drivers.errors import DecodeError
from drivers.spi import RX, DeviceEvent, Frame, Origin, Reading
from drivers.taidoc_frame import COMMAND, END, HOST, SIZE, split, unpack_time
from drivers.taidoc_values import READERS, Said, read_analyte, read_pressure

TIME, VALUE, MODEL, LATEST = 0x25, 0x26, 0x24, 0x49
NAMES = {  # within the advertised name: how the model begins
    "GD40": "4",
    "D40": "32",
    "P30": "31",
    "P80": "31",
    "IR4": "1",
    "MD6": "4",
    "TNG": "4",
}


class Record(NamedTuple):
    """The answers as they came; `time` is empty of what was measured just now."""

    time: bytes
    value: bytes
    asked: bytes = b""

    def frames(self, source: str, model: bytes) -> tuple[Frame, ...]:
        """Time and value as one, which names the reading: two may lie in one minute."""
        behind = (Frame(source, frame) for frame in (self.asked, model) if frame)
        return (Frame(source, self.time + self.value), *behind)


def decode(frames: bytes, name: str = "", source: str = RX) -> Reading | DeviceEvent:
    """The reading in a record's frames, one behind the other, of a meter that advertises `name`.

    A test with control solution and the temperature of a room are no reading. A value of 0 is none:
    the reading has failed. Raises DecodeError.
    """
    record, model = _sort(frames)
    kind = find_kind(model, name)
    time = unpack_time(record.time) if record.time else None
    reader = _find_reader(kind, record)
    if reader is None:
        raise DecodeError("no meter that is known", frames, len(frames))
    said = reader(record.time or bytes(SIZE), record.value)
    raw = record.frames(source, model)
    if said.event:
        return DeviceEvent(said.event, raw, time, said.attributes)
    user = {"user_id": record.asked[5]} if record.asked and record.asked[5] else {}
    return Reading(
        said.observations,
        raw,
        time,
        status=said.status,
        origin=Origin.UNKNOWN if record.time else Origin.LIVE,
        failed=not said.observations,
        attributes=user | said.attributes,
    )


def find_kind(model: bytes, name: str) -> str:
    """The model's digits, or how they begin; empty where neither answer nor name tells."""
    if model:
        return model[3:1:-1].hex()
    if found := re.search(r"TD-?(\d{4})", name.upper()):
        return found[1]
    return next((kind for word, kind in NAMES.items() if word in name.upper()), "")


def _sort(frames: bytes) -> tuple[Record, bytes]:
    found = {frame[COMMAND]: frame for frame in split(frames) if frame[END] != HOST}
    asked = next((frame for frame in split(frames) if frame[END] == HOST), b"")
    model = found.pop(MODEL, b"")
    if found.keys() == {TIME, VALUE}:
        return Record(found[TIME], found[VALUE], asked), model
    if found.keys() == {LATEST} and not asked:
        return Record(b"", found[LATEST]), model
    raise DecodeError("no record", frames, COMMAND)


def _find_reader(kind: str, record: Record) -> Callable[[bytes, bytes], Said] | None:
    is_pressure = bool(record.time and record.time[4] & 0x80)
    if kind.startswith("32"):
        return read_pressure if is_pressure else read_analyte
    return READERS.get(kind[:1])

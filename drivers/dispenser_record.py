"""What the records of a dispenser say; docs/dispenser-protocol.md is the protocol.

A reading is what a patient did, or was given: opened, dispensed. That a drum rotated, that a dose
was missed or a magazine refilled is what the device did or found: an event, and never a day.
No word says that anything was taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from drivers.dispenser_frame import HEAD, MOST, TAIL, check
from drivers.errors import DecodeError
from drivers.reader import Reader
from drivers.spi import (
    RX,
    DeviceEvent,
    Frame,
    Metric,
    Observation,
    Origin,
    Reading,
    Unit,
)

RECORD = 0x84
KINDS = {
    1: "opened",
    2: "rotated",
    3: "dispensed",
    4: "missed",
    16: "refilled",
    17: "jammed",
    18: "battery",
}
ACTS = {1, 3}
CLOCK_SET = 0x01
DOSES = "doses"
FIELDS = {  # tag: name and most bytes of a number
    1: ("compartment", 2),
    2: (DOSES, 2),
    4: ("user_id", 1),
    5: ("percent", 1),
    6: ("code", 2),
}
DUE, DUE_SIZE = 3, 7
FIXED = 17  # bytes of a record before its fields


class Event(NamedTuple):
    """One record: `store` and `number` name it."""

    store: int
    number: int
    kind: int
    time: datetime | None
    fields: dict[str, int | str]


def read_event(frame: bytes) -> Event:
    """The record in a whole frame. Raises DecodeError.

    A field that is not known is kept as hex under its tag; bits of the state that are not known
    stand under `state`.
    """
    check(frame)
    if frame[2] != RECORD:
        raise DecodeError("no record", frame, 2)
    reader = Reader(frame[:-TAIL])
    reader.uint(HEAD)
    store, number, kind, state = (reader.uint(size) for size in (4, 4, 1, 1))
    shown = reader.date_time()
    fields = dict(_read_fields(frame, HEAD + FIXED))
    if state & ~CLOCK_SET:
        fields["state"] = state
    return Event(store, number, kind, shown if state & CLOCK_SET else None, fields)


def _read_fields(frame: bytes, at: int) -> Iterator[tuple[str, int | str]]:
    """Tag, size, and so many bytes; again."""
    end = len(frame) - TAIL
    while at < end:
        tag, size = frame[at], frame[at + 1] if at + 1 < end else MOST
        value, at = frame[at + 2 : at + 2 + size], at + 2 + size
        if at > end:
            raise DecodeError("a field cut short", frame, end)
        if tag == DUE and size == DUE_SIZE:
            due = Reader(value).date_time()
            yield "due", due.isoformat() if due else ""
        elif tag in FIELDS and 0 < size <= FIELDS[tag][1]:
            yield FIELDS[tag][0], int.from_bytes(value, "little")
        else:
            yield f"field_{tag}", value.hex()


def decode(
    frame: bytes, source: str = RX, origin: Origin = Origin.UNKNOWN
) -> Reading | DeviceEvent:
    """The record in a whole frame, as a reading or as an event. Raises DecodeError."""
    event = read_event(frame)
    name = KINDS.get(event.kind, f"kind-{event.kind}")
    raw = (Frame(source, frame),)
    facts: dict[str, Any] = dict(event.fields)
    if event.kind not in ACTS:
        return DeviceEvent(name, raw, event.time, {**facts, "number": event.number})
    doses = facts.pop(DOSES, None)
    if name == "dispensed" and doses is not None:
        seen = Observation(Metric.MDC_AI_MED_DISPENSED_FIXED, Decimal(doses), Unit.ONE)
    else:
        seen = Observation(Metric.MDC_AI_MED_STATUS, Decimal(event.kind), Unit.ONE)
    return Reading(
        (seen,), raw, event.time, event.number, status=(name,), origin=origin, attributes=facts
    )

"""What a relay emits: one JSON object per reading. docs/relay.schema.json is made from it.

Version 1 only grows: a consumer leaves unread what it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

MARK = b'{"version":1,"cursor":'
"""How every line begins."""

Instant = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        description="RFC 3339, UTC, milliseconds",
    ),
]
DeviceTime = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?$",
        description="by the device's own clock, as sent: no zone, and not corrected",
    ),
]
Number = Annotated[
    str,
    Meta(
        pattern=r"^-?\d+(\.\d+)?(E[+-]?\d+)?$",
        description="a decimal number with the digits that were sent: 120 is not 120.0",
    ),
]
LocalDate = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\d$")]
Hex = Annotated[str, Meta(pattern="^([0-9a-f]{2})*$")]
Hex16 = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
Origin = Literal["unknown", "live", "stored"]
Link = Literal["open", "encrypted", "bonded"]
Positive = Annotated[int, Meta(ge=1)]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Immutable; fields that are not known are left unread."""


class Source(Part, frozen=True):
    """The sealed record that the reading was first received in: the ledger's name for it."""

    hub: str
    kid: Hex16
    sequence: Positive


class Device(Part, frozen=True):
    """Maker, model and serial, or the random id that it was enrolled with; never both."""

    maker: str | None
    model: str | None
    serial: str | None
    id: Hex16 | None
    driver: str
    driver_version: str
    firmware: str | None


class Observed(Part, frozen=True):
    """One metric: MDC reference id (null if this version has no name for the code) and value."""

    metric: Annotated[str, Meta(pattern="^MDC_")] | None
    code: Annotated[int, Meta(ge=0, description="context-free code, ISO/IEEE 11073-10101")]
    value: Number
    unit: Annotated[str, Meta(description="UCUM, as sent")]


class Judged(Part, frozen=True):
    """When it was measured: within one of the candidates. `docs/time.md` is the rule.

    `held`: the ledger gives it no certain local date; do not count it. `reason` says why there
    is no candidate.
    """

    method: Literal["device-corrected", "received", "held"]
    candidates: Sequence[tuple[Instant, Instant]]
    reason: str
    held: bool


class Received(Part, frozen=True):
    """When the hub had it, by its own clock, and when the ledger had it.

    `error_ms` bounds how far the hub's clock was off; null: it was not synchronised.
    """

    hub: Instant
    error_ms: Annotated[int, Meta(ge=1)] | None
    ledger: Instant


class RawFrame(Part, frozen=True):
    """Bytes as the device sent them, and the characteristic or stream that they came by."""

    source: str
    frame: Hex


class Channel(Part, frozen=True):
    """One metric of a series: each value as sent, or null, and for how many frames in a row."""

    metric: Annotated[str, Meta(pattern="^MDC_")] | None
    code: Annotated[int, Meta(ge=0)]
    unit: str
    runs: Sequence[tuple[Number | None, Positive]]


class Series(Part, frozen=True):
    """A stretch of a stream: `count` frames, nominally `rate` a second, within `duration_ms`.

    `attributes` are what is no measurement, frame by frame, as runs of the channels.
    """

    count: Positive
    rate: Number
    duration_ms: Annotated[int, Meta(ge=0)]
    channels: Sequence[Channel]
    attributes: Mapping[str, Sequence[tuple[int, Positive]]]


class Relayed(Part, frozen=True):
    """A reading, or a measurement that the device itself reports as failed.

    The same `reading_id` is the same act of measuring, however often it comes. Of several
    revisions the highest holds; the same cursor sent again is a repeat.
    """

    version: Literal[1]
    cursor: Positive
    reading_id: Hex16
    revision: Positive
    kind: Annotated[str, Meta(description="reading, series; more kinds may come")]
    failed: bool
    record: Source
    device: Device
    slot: Annotated[int, Meta(description="user slot of the device")] | None
    patient: Annotated[str, Meta(description="as enrolled; null unless certain")] | None
    date: Annotated[LocalDate, Meta(description="the patient's local date")] | None
    judged: Judged
    observations: Sequence[Observed]
    series: Series | None
    status: Sequence[str]
    attributes: Mapping[str, int | str | Mapping[str, str]]
    device_time: DeviceTime | None
    record_number: int | None
    origin: Origin
    link: Link | None
    received: Received
    raw: Sequence[RawFrame]


def make_schema() -> dict[str, Any]:
    """JSON Schema of one line."""
    schema = msgspec.json.schema(Relayed)
    for part in schema["$defs"].values():
        part["description"] = " ".join(part["description"].split())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}

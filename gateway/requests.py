"""What the hub can be asked: one struct for each request, made from one line of JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from gateway.errors import RequestRefused
from gateway.kinds import KINDS
from uplink.wire import MAX_SEQUENCE

PROTOCOL = 1
LONGEST_TEXT = 200  # of what was sent, said back

Id = Annotated[int, Meta(ge=-(2**53), le=2**53)] | Annotated[str, Meta(max_length=64)] | None
Sequence = Annotated[int, Meta(ge=1, le=MAX_SEQUENCE)]
Word = Annotated[str, Meta(max_length=64, pattern="^[^\x00-\x1f]*$")]
Address = Annotated[str, Meta(pattern="^(([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2})?$")]
Kid = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]


class Request(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", kw_only=True):
    """What all have: an `id` of the asker's, which comes back with the answer."""

    id: Id = None


class Hello(Request, frozen=True, tag="hello"):
    """Which hub this is, and what it can be asked."""


class Status(Request, frozen=True, tag="status"):
    """How the hub stands with office, flash, clock and devices."""


class Metrics(Request, frozen=True, tag="metrics"):
    """The status as Prometheus's text."""


class Devices(Request, frozen=True, tag="devices"):
    """The enrolled devices, and how the last session with each ended."""


class SetupOpen(Request, frozen=True, tag="setup-open"):
    """Open the set-up window for its full length from now."""


class SetupClose(Request, frozen=True, tag="setup-close"):
    """Close the set-up window."""


class SetupStatus(Request, frozen=True, tag="setup-status"):
    """Whether the set-up window is open."""


class OutboxStats(Request, frozen=True, tag="outbox-stats"):
    """What the outbox holds."""


class OutboxVerify(Request, frozen=True, tag="outbox-verify"):
    """Read every row and key record again."""


class OutboxRequeue(Request, frozen=True, tag="outbox-requeue"):
    """Send what is in quarantine once more: all, of one epoch, or one record."""

    kid: Kid | None = None
    sequence: Sequence | None = None


class LogLines(Request, frozen=True, tag="log-lines"):
    """The last lines of the log, with the facts that may be shown to support."""


class RoundTrip(Request, frozen=True, tag="round-trip"):
    """Send a record that is no reading, and wait for the office's receipt of it."""


class Scan(Request, frozen=True, tag="scan"):
    """Who was heard in the last minutes, enrolled or not."""


class DeviceAdd(Request, frozen=True, tag="device-add"):
    """Begin the job of adding a device; while set-up is open. All but `consent` may be left out."""

    consent: Literal["", "spoken", "signed", "no"] = ""
    visit: Word = ""
    kind: Annotated[str, Meta(pattern=f"^({'|'.join(KINDS)})?$")] = ""
    name: Word = ""
    driver: Word = ""
    address: Address = ""
    ends: Annotated[str, Meta(max_length=8, pattern="^([0-9A-Za-z]{2,8})?$")] = ""
    port: Annotated[str, Meta(pattern="^(/.{1,200})?$")] = ""
    usb: Annotated[str, Meta(pattern="^([0-9a-f]{4}:[0-9a-f]{4})?$")] = ""
    usb_serial: Annotated[str, Meta(max_length=128)] = ""
    maker: Word = ""
    model: Word = ""
    serial: Word = ""
    passkey: Annotated[int, Meta(ge=0, le=999_999)] | None = None
    history: Literal["new", "all"] = "new"
    instead_of: Word = ""
    why: Literal["", "broken", "lost", "old"] = ""
    open: bool = False
    yes: bool = False
    test: bool = True


class DeviceTest(Request, frozen=True, tag="device-test"):
    """Begin the job of following the next reading of a device to the office."""

    name: Word
    visit: Word = ""


class DeviceJob(Request, frozen=True, tag="device-job"):
    """How far a job is."""

    job: int


class DeviceConfirm(Request, frozen=True, tag="device-confirm"):
    """Answer the question of a job."""

    job: int
    yes: bool


class DeviceRemove(Request, frozen=True, tag="device-remove"):
    """Take a device out of use here; its bond is removed."""

    name: Word
    why: Word = "removed"


class DeviceNotPatient(Request, frozen=True, tag="device-not-patient"):
    """The last test reading of a device was not the patient's."""

    name: Word


DeviceRequest = (
    Scan | DeviceAdd | DeviceTest | DeviceJob | DeviceConfirm | DeviceRemove | DeviceNotPatient
)

REQUESTS: dict[str, type[Request]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (
        Hello,
        Status,
        Metrics,
        Devices,
        SetupOpen,
        SetupClose,
        SetupStatus,
        OutboxStats,
        OutboxVerify,
        OutboxRequeue,
        LogLines,
        RoundTrip,
        Scan,
        DeviceAdd,
        DeviceTest,
        DeviceJob,
        DeviceConfirm,
        DeviceRemove,
        DeviceNotPatient,
    )
}
ASK_FOR = f"Ask for one of: {', '.join(REQUESTS)}."


class Unknown(Struct, frozen=True):
    """As much of a line as says what it was meant to be."""

    id: Any = None
    do: Any = None


def decode_request(line: bytes) -> Request:
    """The request in one line. Raises RequestRefused."""
    try:
        do = msgspec.json.decode(line, type=Unknown).do
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        hint = 'Send one JSON object on one line, such as {"id": 1, "do": "hello"}.'
        raise RequestRefused(f"this is no request: {error}"[:LONGEST_TEXT], hint) from error
    kind = REQUESTS.get(do) if isinstance(do, str) else None
    if kind is None:
        what = repr(do)[:LONGEST_TEXT] if isinstance(do, str) else "what has no text under do"
        raise RequestRefused(f"{what} cannot be asked", ASK_FOR)
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.ValidationError as error:
        fields = ", ".join(field.encode_name for field in msgspec.structs.fields(kind))
        hint = f"Beside do, {do} takes: {fields}."
        raise RequestRefused(f"{do}: {error}"[:LONGEST_TEXT], hint) from error


def find_id(line: bytes) -> int | str | None:
    """The id in a line, request or not, so that its asker knows which; None where it has none."""
    try:
        found: int | str | None = msgspec.convert(msgspec.json.decode(line, type=Unknown).id, Id)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found

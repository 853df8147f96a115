"""What can go wrong between a record and the backend's receipt.

UplinkError
├── WireError           bytes that are not of the format
│   └── UnknownKind     a record of a kind that a later version added
├── SealError           a key, a signature or a seal that does not hold
├── OutboxFull          the readings' quota is used up
│   └── CardFull        the card has no room left, though the quota has
├── OutboxDamaged       the file cannot be used; it was set aside
├── OutboxNewer         a later version wrote the file
├── OutboxLocked        another process has the file
├── BrokerUnreachable
└── BrokerRefused       the broker answered with a reason code of 0x80 or more
"""

from __future__ import annotations

from enum import Enum


class Retry(Enum):
    """When the same attempt may be made again."""

    NOW = "now"
    LATER = "later"
    NEVER = "never"
    TECHNICIAN = "technician"


class UplinkError(Exception):
    """Root of everything the uplink raises; `hint` is one sentence a technician can act on."""

    retry = Retry.LATER
    hint = "Nothing to do; the hub tries again by itself."


class WireError(UplinkError):
    """Bytes that are not of the format; `what` says where and why, and never shows a value."""

    retry = Retry.NEVER
    hint = "Nothing is lost: the bytes are kept as they came. Report it with both versions."

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class UnknownKind(WireError):
    """A sound record of a `kind` that this version does not know: keep it, judge it later."""

    hint = "Update this side; the record is kept sealed until then."

    def __init__(self, kind: int) -> None:
        super().__init__(f"records of kind {kind} are not known")
        self.kind = kind


class SealError(UplinkError):
    """A key, a signature or a seal does not hold; `key_id` is the kid or the key's id in hex."""

    retry = Retry.NEVER
    hint = "Compare the keys of both sides; enrol the hub again where they differ."

    def __init__(self, what: str, key_id: bytes = b"", hint: str = "") -> None:
        super().__init__(f"{what} (key {key_id.hex()})" if key_id else what)
        self.what = what
        self.key_id = key_id.hex()
        if hint:
            self.hint = hint


class OutboxFull(UplinkError):
    """The readings' quota of `limit_bytes` is used up; most devices keep what is refused."""

    hint = "Bring the hub back online; it makes room as soon as the office has what it holds."

    def __init__(self, used_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"{used_bytes} of {limit_bytes} bytes are in use")
        self.used_bytes = used_bytes
        self.limit_bytes = limit_bytes


class CardFull(OutboxFull):
    """The card has no room left for readings, though their quota has; something else fills it."""

    hint = "`df` and `journalctl --disk-usage` show what fills the card; the outbox does not."


class OutboxDamaged(UplinkError):
    """The outbox at `path` cannot be used as it is; nothing of it is ever deleted."""

    retry = Retry.TECHNICIAN
    hint = "Keep the file that was set aside and send it to support; replace the card soon."

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path
        self.what = what


class OutboxNewer(UplinkError):
    """The outbox at `path` was written by a later version (`found`) than this one (`known`)."""

    retry = Retry.TECHNICIAN
    hint = "Install the later version again; this one leaves the file as it is."

    def __init__(self, path: str, found: int, known: int) -> None:
        super().__init__(f"{path}: found format {found}, this version knows up to {known}")
        self.path = path
        self.found = found
        self.known = known


class OutboxLocked(UplinkError):
    """Another process has the outbox at `path` open."""

    hint = "Stop the other vitalpost process, or use the running one through its commands."

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: in use by another process")
        self.path = path


class BrokerUnreachable(UplinkError):
    """No connection to `endpoint` (host:port)."""

    hint = "Check the hub's network; readings are kept and sent when the broker answers again."

    def __init__(self, endpoint: str, what: str = "no answer") -> None:
        super().__init__(f"{endpoint}: {what}")
        self.endpoint = endpoint


class BrokerRefused(UplinkError):
    """The broker refused with MQTT 5 `reason_code` (0x80 or more)."""

    hint = "Check that this hub is enrolled and that the broker's access list names it."

    def __init__(self, reason_code: int, what: str = "refused by the broker") -> None:
        super().__init__(f"{what}: reason code 0x{reason_code:02x}")
        self.reason_code = reason_code

"""What the devices of a home say in their own log: the truth that a ledger is held against."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import cbor2

from simulator.history import Step
from simulator.kinds import identity
from simulator.script import Script


class Made(NamedTuple):
    """One measurement by the log of its device; `name` is its reading_id, empty where it has none.

    A device whose frames have neither time nor number cannot name its readings: only the hub's
    sequence tells those apart. `day` is the patient's, of the script's clock, which is the truth;
    none where the measurement failed, or where nobody can know it: such a reading is held.
    """

    device: str
    patient: str
    name: str
    day: str | None
    has_failed: bool


@dataclass(frozen=True)
class Measured:
    """What the devices say they measured: each act of measuring once."""

    made: Sequence[Made]

    @property
    def count(self) -> int:
        """How many."""
        return len(self.made)

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return sum(one.has_failed for one in self.made)

    @property
    def undated(self) -> int:
        """How many must be held, as their day cannot be known."""
        return sum(one.day is None and not one.has_failed for one in self.made)

    @property
    def names(self) -> frozenset[str]:
        """The names of those that have one."""
        return frozenset(one.name for one in self.made if one.name)

    @property
    def devices(self) -> Mapping[str, tuple[int, int]]:
        """How many each device made, and how many of them failed."""
        made = Counter(one.device for one in self.made)
        failed = Counter(one.device for one in self.made if one.has_failed)
        return {name: (count, failed[name]) for name, count in made.items()}

    def days(self, patient: str) -> frozenset[str]:
        """The days that must count for this patient."""
        return frozenset(one.day for one in self.made if one.day and one.patient == patient)


def tell_log(path: Path, script: Script) -> Iterator[Step]:
    """The devices' log as steps."""
    for event, made in _read(path, script):
        yield Step(made.device, event, readings=[made.name] if made.name else (), day=made.day)


def read_log(path: Path, script: Script) -> Measured:
    """Read what the devices say they measured."""
    made = [one for event, one in _read(path, script) if event == "measured"]
    named = {one.name: one for one in made if one.name}
    order = [device.name for device in script.devices]
    once = [*named.values(), *(one for one in made if not one.name)]
    return Measured(sorted(once, key=lambda one: order.index(one.device)))


def _read(path: Path, script: Script) -> Iterator[tuple[str, Made]]:
    zone = ZoneInfo(script.zone)
    for event in map(json.loads, path.read_text().splitlines()):
        if event["event"] not in {"measured", "confirmed", "dropped"}:
            continue
        device = script.device(event["device"])
        is_named = event["device_time"] is not None or event["number"] is not None
        naming = cbor2.dumps(list(identity(device.kind, device.serial))) + bytes.fromhex(
            event["frame"]
        )
        at = datetime.fromtimestamp(event["utc_ms"] / 1000, UTC).astimezone(zone)
        yield (
            event["event"],
            Made(
                device.name,
                device.patient_of(event["user"]),
                hashlib.sha256(naming).digest()[:16].hex() if is_named else "",
                None if event["failed"] or event["undated"] else at.date().isoformat(),
                event["failed"],
            ),
        )

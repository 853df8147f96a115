"""Scripted months: what a patient measures and what goes wrong, from a TOML file to a timeline."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

SCRIPTS = Path(__file__).parent / "scripts"
MONTH = SCRIPTS / "month.toml"
CUFF = SCRIPTS / "cuff.toml"


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A device of the home, and who measures with it: one `patient`, or `users` from slot 1 on."""

    name: str
    kind: str
    serial: str
    drift_ppm: int = 0
    patient: str = ""
    users: list[str] = []

    @property
    def slots(self) -> list[tuple[int | None, str]]:
        """Each user slot with its patient; no slot stands for all."""
        return list(enumerate(self.users, 1)) or [(None, self.patient)]

    def patient_of(self, user: int | None) -> str:
        """Whose a measurement of this user is. Raises ValueError for a user that it has not."""
        patients = {slot: patient for slot, patient in self.slots if slot in {None, user}}
        if not patients:
            raise ValueError(f"{self.name} has no user {user}")
        return patients.popitem()[1]


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A habit: measured at this wall time on these days. `failed` gives a failed measurement.

    Values stray by up to `spread`; without one every day gives the same. `facts` stray never: who
    it was, or after which meal. Without a device it is the first one.
    """

    at: str
    days: list[int]
    device: str = ""
    facts: dict[str, int] = {}
    values: dict[str, int] = {}
    spread: int = 0
    failed: bool = False


class Captured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A captured frame, measured after the device's clock was set to `clock`."""

    at: str
    day: int
    clock: datetime
    frame: str
    device: str = ""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes wrong, and when; `values` are measured while a hub is killed."""

    do: Literal[
        "broker-stops",
        "broker-returns",
        "kill-hub",
        "kill-backend",
        "kill-broker",
        "send-history-again",
        "clear-memory",
        "change-battery",
    ]
    day: int
    at: str
    count: int = 0
    device: str = ""
    values: dict[str, int] = {}


class Event(msgspec.Struct, frozen=True):
    """One thing that happens at one instant."""

    when: datetime
    what: Measure | Captured | Fault
    values: dict[str, int] = {}


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A month of a home."""

    title: str
    zone: str
    starts: date
    days: int
    seed: int
    devices: list[Device]
    measure: list[Measure] = []
    captured: list[Captured] = []
    fault: list[Fault] = []

    @property
    def ends(self) -> date:
        """The last local day."""
        return self.starts + timedelta(days=self.days - 1)

    @property
    def patients(self) -> list[str]:
        """Who lives there, as the devices name them."""
        named = [patient for device in self.devices for _, patient in device.slots]
        return list(dict.fromkeys(named))

    def device(self, name: str) -> Device:
        """The device of this name; without one the first. Raises ValueError."""
        for device in self.devices:
            if name in {device.name, ""}:
                return device
        raise ValueError(f"the script has no device {name!r}")

    def instant(self, day: int, at: str) -> datetime:
        """The aware instant of a wall time, on day 1 or later."""
        local = datetime.combine(self.starts + timedelta(days=day - 1), time.fromisoformat(at))
        return local.replace(tzinfo=ZoneInfo(self.zone))

    def events(self) -> Iterator[Event]:
        """All events in order; at one instant a fault comes before what is measured into it."""
        dice = random.Random(self.seed)  # noqa: S311  values of a scripted patient
        events = [Event(self.instant(f.day, f.at), f) for f in self.fault]
        events += [Event(self.instant(c.day, c.at), c) for c in self.captured]
        for habit in self.measure:
            for day in habit.days:
                values = {
                    name: value + dice.randint(-habit.spread, habit.spread)
                    for name, value in habit.values.items()
                }
                events.append(Event(self.instant(day, habit.at), habit, values | habit.facts))
        return iter(
            sorted(events, key=lambda e: (e.when.astimezone(UTC), not isinstance(e.what, Fault)))
        )


def load(path: Path) -> Script:
    """Read a script. Raises ValueError with the path of the fault in the file."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), Script)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as fault:
        raise ValueError(f"{path.name}: {fault}") from fault

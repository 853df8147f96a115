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

MONTH = Path(__file__).parent / "scripts" / "month.toml"


class Cuff(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cuff of the script: what its device information says, and how its clock drifts."""

    maker: str
    model: str
    serial: str
    drift_ppm: int = 0
    kind: Literal["ua-651ble", "clockless"] = "ua-651ble"


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A habit: measured at this wall time on these days. `failed` gives a record of NaNs.

    Values stray by up to `spread`; without one every day gives the same.
    """

    at: str
    days: list[int]
    systolic: int = 0
    diastolic: int = 0
    mean: int = 0
    pulse: int = 0
    spread: int = 0
    failed: bool = False


class Captured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A captured frame, measured after the cuff's clock was set to `clock`."""

    at: str
    day: int
    clock: datetime
    frame: str


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes wrong, and when."""

    do: Literal[
        "broker-stops",
        "broker-returns",
        "kill-hub",
        "kill-backend",
        "kill-broker",
        "send-history-again",
    ]
    day: int
    at: str
    count: int = 0


class Event(msgspec.Struct, frozen=True):
    """One thing that happens at one instant."""

    when: datetime
    what: Measure | Captured | Fault
    values: dict[str, int] = {}


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A month of one patient."""

    title: str
    zone: str
    starts: date
    days: int
    seed: int
    cuff: Cuff
    measure: list[Measure] = []
    captured: list[Captured] = []
    fault: list[Fault] = []

    @property
    def ends(self) -> date:
        """The last local day."""
        return self.starts + timedelta(days=self.days - 1)

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
                    name: getattr(habit, name) + dice.randint(-habit.spread, habit.spread)
                    for name in ("systolic", "diastolic", "mean", "pulse")
                }
                events.append(Event(self.instant(day, habit.at), habit, values))
        return iter(
            sorted(events, key=lambda e: (e.when.astimezone(UTC), not isinstance(e.what, Fault)))
        )


def load(path: Path) -> Script:
    """Read a script. Raises ValueError with the path of the fault in the file."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), Script)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as fault:
        raise ValueError(f"{path.name}: {fault}") from fault

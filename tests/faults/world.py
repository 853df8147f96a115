"""True time, and what a hub's and a cuff's clocks make of it, on a virtual loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from zoneinfo import ZoneInfo

import cbor2

from gateway.timekeeping.floor import RELEASED
from simulator.frames import FAILED, Values, build_timed
from simulator.history import Step

ZONE = ZoneInfo("America/New_York")
STARTS = datetime(RELEASED.year + 1, 2, 1, tzinfo=ZONE)  # no hub believes an earlier time
STARTS_S = STARTS.timestamp()
CUFF = ("A&D Medical", "UA-651BLE", "5181100123")
DRIFT_PPM = 40

Note = Callable[[Step], None]
Identity = tuple[str, str, str]


def now_s() -> float:
    """True UTC, in seconds since 1970."""
    return STARTS_S + asyncio.get_running_loop().time()


def today() -> str:
    """The patient's true date."""
    return datetime.fromtimestamp(now_s(), UTC).astimezone(ZONE).date().isoformat()


def name_reading(identity: bytes, frame: bytes) -> str:
    """As the office names it."""
    return sha256(identity + frame).digest()[:16].hex()


class HubClock:
    """A clock without a battery: wrong after each boot, until it is synchronised."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self.boot()
        self.synchronise()

    def boot(self) -> None:
        """Start anew, at some time of the past."""
        self._booted_s = now_s() - self._dice.uniform(5, 40)
        self._boot_id = self._dice.randbytes(16)
        self._error_s = -self._dice.uniform(60, 3 * 86_400)
        self._quality = 0

    def synchronise(self) -> None:
        """Step to what is right within 20 ms."""
        self._error_s = self._dice.uniform(-0.02, 0.02)
        self._quality = 5

    def lose(self) -> None:
        """Nothing vouches for it any more."""
        self._quality = 0

    def boottime_ns(self) -> int:
        return int((now_s() - self._booted_s) * 1e9)

    def utc_ns(self) -> int:
        return int((now_s() + self._error_s) * 1e9)

    def quality(self) -> int:
        return self._quality

    def boot_id(self) -> bytes:
        return self._boot_id


class Cuff:
    """Keeps each reading until it is confirmed; its clock shows what it was last set to."""

    def __init__(
        self, dice: Random, note: Note, name: str = "cuff", identity: Identity = CUFF
    ) -> None:
        self.name = name
        self.memory: deque[bytes] = deque()
        self.has_some = asyncio.Event()
        self._dice = dice
        self._note = note
        self._identity = cbor2.dumps(list(identity))
        self.set_clock(datetime.fromtimestamp(now_s(), ZONE).replace(tzinfo=None))

    def set_clock(self, shown: datetime) -> None:
        self._set_at_s, self._set_to = now_s(), shown

    def clock(self) -> datetime:
        passed_s = (now_s() - self._set_at_s) * (1 + DRIFT_PPM / 1e6)
        return (self._set_to + timedelta(seconds=passed_s)).replace(microsecond=0)

    def measure(self) -> None:
        has_failed = self._dice.random() < 0.02
        values = FAILED if has_failed else Values(*(self._dice.randint(60, 180) for _ in range(4)))
        frame = build_timed(values, self.clock())
        self._say("measured", frame, None if has_failed else today())
        self.memory.append(frame)
        self.has_some.set()

    def confirm(self, frame: bytes) -> None:
        if frame in self.memory:
            self.memory.remove(frame)
            if not self.memory:
                self.has_some.clear()
            self._say("confirmed", frame)

    def _say(self, did: str, frame: bytes, day: str | None = None) -> None:
        self._note(Step(self.name, did, readings=[name_reading(self._identity, frame)], day=day))

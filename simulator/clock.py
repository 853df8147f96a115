"""The clocks of scripted days: the script's own, and that of a device which drifts from it."""

from __future__ import annotations

import struct
import time
from datetime import datetime, timedelta
from mmap import mmap
from pathlib import Path
from uuid import UUID

SIZE = 16  # offset in ns and clock quality, both signed 64-bit little-endian
LONG_NS = 100 * 365 * 86_400 * 1_000_000_000  # keeps BOOTTIME positive in scripts of the past
LAST_YEAR = 2099  # assumed of devices; and no date overflows from here


class ScriptClock:
    """Real UTC and BOOTTIME, moved by the offset that a conductor writes to `file`.

    Every process that maps the file sees a new offset at once. Raises OSError where the file is
    missing or is none of `create`'s.
    """

    def __init__(self, file: str | Path) -> None:
        with Path(file).open("r+b") as opened:
            if len(opened.read()) != SIZE:
                raise OSError(f"{file} is no script clock: it is not {SIZE} bytes long")
            # A native 8-byte item is stored and loaded whole: no reader meets half an offset.
            self._shared = memoryview(mmap(opened.fileno(), SIZE)).cast("q")

    @classmethod
    def create(cls, file: str | Path, *, offset_ns: int = 0, quality: int = 1) -> ScriptClock:
        """Write a new file and return its clock; `quality` as in `gateway.clock.Clock`."""
        Path(file).write_bytes(struct.pack("<qq", offset_ns, quality))
        return cls(file)

    @property
    def offset_ns(self) -> int:
        """How far script time is ahead of real time."""
        return self._shared[0]

    def set_offset(self, offset_ns: int) -> None:
        """Move script time; negative sets it back."""
        self._shared[0] = offset_ns

    def jump_to(self, utc_ns: int) -> None:
        """Let script UTC be `utc_ns` now."""
        self.set_offset(utc_ns - time.time_ns())

    def set_quality(self, quality: int) -> None:
        """Say how far UTC can be trusted from now on."""
        self._shared[1] = quality

    def boottime_ns(self) -> int:
        """Nanoseconds of script time since a boot that is long ago."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) + self.offset_ns + LONG_NS

    def utc_ns(self) -> int:
        """Nanoseconds of script time since 1970."""
        return time.time_ns() + self.offset_ns

    def quality(self) -> int:
        """0 while UTC is not synchronised; n >= 1 when its error is below 2**n ms."""
        return self._shared[1]

    def boot_id(self) -> bytes:
        """The kernel's random id of this boot, 16 bytes."""
        return UUID(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()).bytes


class DeviceClock:
    """A device's own clock: naive, without a zone, and `ppm` too fast since it was last set."""

    def __init__(self, script: ScriptClock, at: datetime, ppm: float) -> None:
        self._script = script
        self._rate = 1 + ppm / 1_000_000
        self.set(at)

    def set(self, at: datetime) -> None:
        """Count from `at` from now on. Raises ValueError for a year that no device knows."""
        if at.year > LAST_YEAR:
            raise ValueError(f"no device's clock goes to the year {at.year}")
        self._at = at
        self._since_ns = self._script.utc_ns()

    def now(self) -> datetime:
        """What the device's display shows, to the second."""
        passed_us = (self._script.utc_ns() - self._since_ns) * self._rate / 1000
        return (self._at + timedelta(microseconds=passed_us)).replace(microsecond=0)

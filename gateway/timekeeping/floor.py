"""The time floor: an instant than which it is certainly not earlier, kept over power cuts.

It is the office's own time of its last receipt, else of the answer by which the hub was installed
or told its newest certificate, else the day of this release. All are signed or shipped; no clock of
the hub has a part in it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

import structlog

from gateway import state_file
from uplink.records import MAX_UTC_MS

FILE = "time-floor"
WRITE_MS = 24 * 60 * 60 * 1000
RELEASED = datetime(2026, 11, 22, tzinfo=UTC)  # of this version: set anew with each release
HINT = "Nothing to do: the next receipt sets it again."

log = structlog.get_logger()


class Floor:
    """`receipt_ms` is 0 until a receipt came, in this life or an earlier one."""

    def __init__(self, state: Path, released: datetime = RELEASED) -> None:
        self._released_ms = round(released.timestamp() * 1000)
        self._path = state / FILE
        self.receipt_ms = self._written_ms = self._read()
        self.writes = 0

    def at_least_ms(self, told_ms: int) -> int:
        """It is certainly not earlier, where the office's newest answer is from `told_ms`.

        That counts until a receipt has come: no fresh one could put it right.
        """
        return max(self.receipt_ms or told_ms, self._released_ms)

    def note(self, utc_ms: int, *, is_fresh: bool) -> None:
        """A receipt of that time has come. Only a fresh one lowers: another may be replayed."""
        if is_fresh or utc_ms > self.receipt_ms:
            self.receipt_ms = min(utc_ms, MAX_UTC_MS)

    @property
    def is_due(self) -> bool:
        """Whether it has moved by a day since it was written."""
        return abs(self.receipt_ms - self._written_ms) >= WRITE_MS

    def save(self) -> None:
        """Write it to flash. Raises OSError; then it is due again in a day."""
        self._written_ms = self.receipt_ms
        state_file.replace(self._path, _encode(self._written_ms))
        self.writes += 1

    def _read(self) -> int:
        try:
            data = self._path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return 0
        except OSError as error:
            log.warning("time-floor-lost", error=type(error).__name__, hint=HINT)
            return 0
        digits = data.split(b" ")[0]
        # A flipped digit could put it into a future in which no certificate holds any more.
        if (
            len(digits) <= len(str(MAX_UTC_MS))
            and digits.isdigit()
            and data == _encode(int(digits))
        ):
            return int(digits)
        log.warning("time-floor-lost", error="damaged", hint=HINT)
        return 0


def _encode(utc_ms: int) -> bytes:
    digits = b"%d" % utc_ms
    return b"%s %08x\n" % (digits, crc32(digits))

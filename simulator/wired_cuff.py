"""An A&D UA-767PC on a cable: ten hexadecimal digits for each measurement."""

from __future__ import annotations

from simulator.cable import Cable

MEASURED, FAILED = 0x80, 0x81


class WiredCuff(Cable):
    """It sends what it measured and keeps nothing."""

    def measure(self, systolic: int, diastolic: int, pulse: int, mean: int) -> bytes:
        """Send a measurement; returns it."""
        return self._send(MEASURED, systolic - diastolic, diastolic, pulse, mean)

    def fail(self) -> bytes:
        """Send that a measurement failed; returns it."""
        return self._send(FAILED, 0, 0, 0, 0)

    def _send(self, *fields: int) -> bytes:
        sent = bytes(fields).hex().upper().encode()
        self.write(sent)
        return sent

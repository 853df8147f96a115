"""The set-up window: the minutes in which alone a device may make a new bond with this hub."""

from __future__ import annotations

import time
from collections.abc import Callable

WINDOW_S = 15 * 60.0


class SetupWindow:
    """Closed at start, open for 15 minutes from the last `open`; then it closes by itself."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._closes_at = 0.0

    @property
    def left_s(self) -> float:
        """Seconds until it closes; 0 while it is closed."""
        return max(0.0, self._closes_at - self._now())

    @property
    def is_open(self) -> bool:
        """Whether new bonds may be made."""
        return self.left_s > 0

    def open(self) -> None:
        """Open it, or prolong it to its full length from now."""
        self._closes_at = self._now() + WINDOW_S

    def close(self) -> None:
        """Close it; bonds that were made stay."""
        self._closes_at = self._now()

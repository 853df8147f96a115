"""What lamp and buzzer of the hub's box say, as its terminal panel writes it to a file."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

ANSWERS = {"light  at-the-office", "light  saved-not-sent"}
SOUND = "sound"
POLL_S = 0.05


class Box:
    """The lines of the panel's file that nobody has read yet."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._read = 0

    def skip(self) -> None:
        """What it has said so far is of no interest."""
        self._take()

    async def answer(self, timeout_s: float) -> str:
        """What it next says to a measuring, with its sound; empty if nothing in that time."""
        deadline = time.monotonic() + timeout_s
        said: list[str] = []
        while time.monotonic() < deadline:
            is_answered = not ANSWERS.isdisjoint(said)
            said += self._take()
            if is_answered:  # and its sound, if it had one, has been said as well
                at = next(at for at, line in enumerate(said) if line in ANSWERS)
                told = [
                    said[at],
                    *(line for line in said[at + 1 : at + 2] if line.startswith(SOUND)),
                ]
                return ", ".join(line.split(maxsplit=1)[1] for line in told)
            await asyncio.sleep(POLL_S)
        return ""

    def _take(self) -> list[str]:
        if not self.file.exists():
            return []
        lines = self.file.read_text().splitlines()[self._read :]
        self._read += len(lines)
        return lines

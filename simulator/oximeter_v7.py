"""A Contec CMS50 with firmware V7 on a cable: nine bytes a frame, while it is asked to go on."""

from __future__ import annotations

from pathlib import Path

from simulator.cable import Cable

RATE_HZ = 60
PATIENCE_FRAMES = 30 * RATE_HZ  # without a keep-alive
COMMAND_SIZE = 9


def build(*values: int) -> bytes:
    """A frame of seven values of eight bits: bit 7 of each goes into the second byte."""
    high = sum((value >> 7) << place for place, value in enumerate(values))
    return bytes((0x01, 0x80 | high, *(0x80 | value for value in values)))


class OximeterV7(Cable):
    """It streams when told to start, and stops when told to, or when it was not kept alive."""

    def __init__(self, port: Path, seed: int = 0) -> None:
        super().__init__(port, seed)
        self.pulse = 72
        self.spo2 = 97
        self.left = 0
        self.kept_alive = 0

    @property
    def streams(self) -> bool:
        """Whether it was told to, and has not given up."""
        return self.left > 0

    def beat(self, count: int = 1) -> bytes:
        """Send so many frames at once, or as many as it has patience for; returns them."""
        self.obey()
        count = min(count, self.left)
        self.left -= count
        sent = build(5, 64, 3, self.pulse, self.spo2, 0, 0) * count
        self.write(sent)
        return sent

    def obey(self) -> None:
        """Do what was heard."""
        heard = self.heard()
        for at in range(0, len(heard), COMMAND_SIZE):
            match heard[at + 2]:
                case 0xA1:
                    self.left = PATIENCE_FRAMES
                case 0xA2:
                    self.left = 0
                case 0xAF if self.left:
                    self.left = PATIENCE_FRAMES
                    self.kept_alive += 1

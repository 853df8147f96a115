"""A Contec CMS50 on a cable: sixty frames of five bytes a second while it is plugged in.

It keeps one recording, of which it knows no date: asked for it, the device sends that, and streams
on when told to stop. Commands come on stdin, one JSON object a line, and are answered by one:

    {"do": "finger", "value": true | false}
    {"do": "plug", "value": true | false}
    {"do": "noise", "bytes": 500}       random bytes, all at once
    {"do": "half"}                      a frame cut after three bytes
    {"do": "stop"}
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simulator.cable import Cable
from simulator.home import lines

RATE_HZ = 60
FINGER_OUT, BEEP = 0x10, 0x40
PULSE_HIGH = 0x40  # bit 7 of the pulse, in the third byte
NO_SPO2, NO_PULSE = 127, 255
HALF = 3
ASK, STOP = b"\xf5\xf5", b"\xf6\xf6\xf6"
PREAMBLE = b"\xf2\x80\x00"


def build(*, spo2: int, pulse: int, pleth: int, first: int = 5) -> bytes:
    """One frame; `first` is signal strength and flags of the first byte."""
    return bytes((0x80 | first, pleth, (pulse >> 1 & PULSE_HIGH) | pleth >> 4, pulse & 0x7F, spo2))


class Oximeter(Cable):
    """Its numbers may be set at any time; `recording` are pulse and SpO2, one a second."""

    def __init__(self, port: Path, seed: int = 0) -> None:
        super().__init__(port, seed)
        self.has_finger = True
        self.spo2 = 97
        self.pulse = 72
        self.recording: Sequence[tuple[int, int]] = ()
        self._sent = 0

    def frame(self) -> bytes:
        """What it sends next."""
        self._sent += 1
        if not self.has_finger:
            return build(spo2=NO_SPO2, pulse=NO_PULSE, pleth=0, first=FINGER_OUT)
        phase = self._sent * self.pulse / 60 / RATE_HZ % 1
        pleth = round(64 + 50 * math.sin(2 * math.pi * phase) * math.exp(-phase))
        is_beat = phase < self.pulse / 60 / RATE_HZ
        return build(
            spo2=self.spo2, pulse=self.pulse, pleth=pleth, first=5 | (BEEP if is_beat else 0)
        )

    def beat(self, count: int = 1) -> bytes:
        """Send so many frames at once; returns them."""
        sent = b"".join(self.frame() for _ in range(count))
        self.write(sent)
        return sent

    def answer(self) -> bytes:
        """Send the recording if it was asked for; returns what was heard."""
        heard = self.heard()
        if ASK in heard and self.recording:
            size = 3 * len(self.recording) - 1
            length = bytes((0x80 | size >> 14, 0x80 | size >> 7 & 0x7F, size & 0x7F))
            records = b"".join(
                bytes((0xF0 | pulse >> 7, 0x80 | pulse & 0x7F, spo2))
                for pulse, spo2 in self.recording
            )
            self.write(PREAMBLE * 3 + length + records)
        return heard

    async def run(self) -> None:
        """Send at its own pace until cancelled."""
        while True:
            self.answer()
            self.beat()
            await asyncio.sleep(1 / RATE_HZ)


async def run(port: Path, seed: int) -> None:
    """Be an oximeter until `stop` or the end of stdin."""
    oximeter = Oximeter(port, seed)
    oximeter.plug()
    living = asyncio.create_task(oximeter.run())
    _say(event="ready", port=str(port))
    try:
        async for line in lines():
            try:
                command = json.loads(line)
                goes_on = _obey(oximeter, command)
            except (ValueError, LookupError, TypeError, OSError) as error:
                _say(ok=False, error=f"{type(error).__name__}: {error}")
                continue
            _say(ok=True)
            if not goes_on:
                break
    finally:
        living.cancel()
        oximeter.unplug()


def _obey(oximeter: Oximeter, command: dict[str, Any]) -> bool:
    match command["do"]:
        case "finger":
            oximeter.has_finger = bool(command["value"])
        case "plug":
            (oximeter.plug if command["value"] else oximeter.unplug)()
        case "noise":
            oximeter.noise(int(command["bytes"]))
        case "half":
            oximeter.write(oximeter.frame()[:HALF])
        case other:
            if other != "stop":
                raise ValueError(f"{other!r} is no command; simulator/oximeter.py lists them")
            return False
    return True


def _say(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)  # noqa: T201  the conductor reads it

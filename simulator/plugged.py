"""A device that answers, on a pty: a dispenser of our protocol, or a TaiDoc meter.

Commands come on stdin, one JSON object a line, and are answered by one:

    {"do": "happen", "kind": 3, "doses": 2, "compartment": 4}     a dispenser
    {"do": "measure", "value": "7b00504a"}                        a meter: four bytes of value
    {"do": "lose-clock"}                                          a dispenser, as without a battery
    {"do": "plug", "value": true | false}
    {"do": "stop"}
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from simulator.dispenser import Dispenser
from simulator.home import lines
from simulator.oximeter import Oximeter
from simulator.taidoc import Meter

Answering = Dispenser | Meter


def local() -> datetime:
    """The machine's own time, as a device on the wall shows it."""
    return datetime.now()  # noqa: DTZ005  a device states no zone


KINDS: Mapping[str, Callable[[], Answering]] = {
    "dispenser": lambda: Dispenser(local),
    "taidoc": lambda: Meter(local, model=0x4277),
}


class Plugged(Oximeter):
    """`device` behind a port: what is written to it is answered, while an event loop runs."""

    def __init__(self, port: Path, device: Answering) -> None:
        super().__init__(port)
        self.device = device

    def plug(self) -> None:
        """Be there, and listen."""
        super().plug()
        asyncio.get_running_loop().add_reader(self._ends[1], self._answer)

    def unplug(self) -> None:
        """Be gone."""
        if self._ends:
            asyncio.get_running_loop().remove_reader(self._ends[1])
        super().unplug()

    def _answer(self) -> None:
        self.write(self.device.hear(self.heard()))


async def run(port: Path, kind: str) -> None:
    """Be that device until `stop` or the end of stdin."""
    plugged = Plugged(port, KINDS[kind]())
    plugged.plug()
    _say(event="ready", port=str(port))
    try:
        async for line in lines():
            try:
                command = json.loads(line)
                goes_on = _obey(plugged, command)
            except (ValueError, LookupError, TypeError, AttributeError, OSError) as error:
                _say(ok=False, error=f"{type(error).__name__}: {error}")
                continue
            _say(ok=True)
            if not goes_on:
                break
    finally:
        plugged.unplug()


def _obey(plugged: Plugged, command: dict[str, Any]) -> bool:
    device = plugged.device
    match command.pop("do"), device:
        case "happen", Dispenser():
            plugged.write(device.happen(command.pop("kind"), **command))
        case "measure", Meter():
            plugged.write(device.measure(bytes.fromhex(command["value"])))
        case "lose-clock", Dispenser():
            device.set_clock(None)
        case "plug", _:
            (plugged.plug if command["value"] else plugged.unplug)()
        case "stop", _:
            return False
        case other, _:
            raise ValueError(f"{other!r} is no command of it; simulator/plugged.py lists them")
    return True


def _say(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)  # noqa: T201  the conductor reads it

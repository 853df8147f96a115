"""What a conductor may ask of the home: one JSON object per line, checked before it is done.

Each has `do`, what stands beside it here, perhaps an `id`, which its answer repeats, and `device`,
the name of the one that is meant; a home with one device needs none. A wait without a device is
for all of them.

    measure         values {name: number} as the device measures, or failed true, or frame HEX
    set-clock       device_time "2017-01-16T12:39:54"
    reset-clock     as a change of the battery does
    pair            on the air for a minute, as when its button is held
    lose-bonds      it forgets the hubs that it knew
    clear           its memory is erased by its owner
    resend          count: as many of the records delivered last
    memory          the frames that are not delivered yet
    finger          value true or false: in an oximeter that streams
    plug            value true or false: the cable of a serial device
    noise           bytes: so many random ones on its cable
    half            a frame that is cut
    out-of-range    value true or false: all devices
    wait-connected  timeout_s: until a hub is connected
    wait-alone      timeout_s: until none is
    wait-delivered  timeout_s: until nothing waits and no hub is connected
    stop
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

Id = str | int | None

LARGEST = 1_000_000_000


class CommandError(Exception):
    """A command that is not carried out; `id` is its own, where it has one."""

    hint = "The docstring of simulator/commands.py lists what can be asked."

    def __init__(self, what: str, id: Id = None) -> None:  # noqa: A002  its name on the wire
        super().__init__(what)
        self.id = id


class Command(NamedTuple):
    """One command; `fact` is what it carries, converted: of a failed measurement none."""

    id: Id
    device: str | None
    do: str
    fact: Any


def parse(line: bytes) -> Command:
    """The command in one line. Raises CommandError with its first fault."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CommandError("the line is no JSON") from error
    if not isinstance(found, dict):
        raise CommandError("the line is no JSON object")
    id_, do, device = (found.pop(name, None) for name in ("id", "do", "device"))
    if not isinstance(id_, Id):
        raise CommandError("id: wanted a string or a number")
    if not isinstance(device, str | None):
        raise CommandError("device: wanted a name", id_)
    if not isinstance(do, str) or do not in TAKES:
        raise CommandError(f"do: wanted one of {', '.join(TAKES)}", id_)
    takes = TAKES[do]
    if len(found) != min(1, len(takes)) or not found.keys() <= set(takes):
        raise CommandError(f"{do}: wanted {' or '.join(takes) or 'nothing'} beside do and id", id_)
    for name, value in found.items():
        try:
            return Command(id_, device, do, FACTS[name](value))
        except (ValueError, TypeError) as error:
            raise CommandError(f"{do}.{name}: {error}", id_) from error
    return Command(id_, device, do, None)


def _values(found: Any) -> dict[str, int]:
    if not isinstance(found, dict):
        raise TypeError("wanted numbers by name")
    return {name: _number(value) for name, value in found.items()}


def _failed(found: Any) -> None:
    if found is not True:
        raise ValueError("wanted true")


def _time(found: Any) -> datetime:
    time = datetime.fromisoformat(found)
    if time.tzinfo:
        raise ValueError("a device states no zone")
    return time


def _flag(found: Any) -> bool:
    if not isinstance(found, bool):
        raise TypeError("wanted true or false")
    return found


def _number(found: Any) -> int:
    if type(found) is not int or not 0 <= found <= LARGEST:
        raise ValueError(f"wanted 0 to {LARGEST}")
    return found


TAKES: Mapping[str, tuple[str, ...]] = {
    "measure": ("values", "failed", "frame"),
    "set-clock": ("device_time",),
    "reset-clock": (),
    "pair": (),
    "lose-bonds": (),
    "clear": (),
    "resend": ("count",),
    "memory": (),
    "finger": ("value",),
    "plug": ("value",),
    "noise": ("bytes",),
    "half": (),
    "out-of-range": ("value",),
    "wait-connected": ("timeout_s",),
    "wait-alone": ("timeout_s",),
    "wait-delivered": ("timeout_s",),
    "stop": (),
}
FACTS: Mapping[str, Callable[[Any], Any]] = {
    "values": _values,
    "failed": _failed,
    "frame": bytes.fromhex,
    "device_time": _time,
    "count": _number,
    "bytes": _number,
    "value": _flag,
    "timeout_s": _number,
}

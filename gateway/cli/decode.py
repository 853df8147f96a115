"""`vitalpost decode`: what a driver makes of frames, without a device."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

from drivers import device_clock, device_information
from drivers.errors import DriverError
from drivers.replay import replay
from drivers.spi import RX, Driver, Frame, Item, Undecodable
from gateway.cli.decoded import as_facts, tell_answers
from gateway.registry import load_drivers

NEXT_STEP = "Check that the frame is whole, and that driver and --name are those of the device."
SHARED = {*device_clock.CHARACTERISTICS, *device_information.CHARACTERISTICS}
"""Every driver reads them in the same way."""

SEPARATORS = re.compile(r"0[xX]|[\s:-]")
BLUETOOTH_BASE = re.compile(r"(?:0x|0000)?([0-9a-f]{4})(?:-0000-1000-8000-00805f9b34fb)?")


class UsageError(Exception):
    """The command line cannot be understood; the text says why and what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[DRIVER] [--characteristic UUID] [--name NAME] [--json] HEX…`."""
    parser.usage = "%(prog)s [DRIVER] [--characteristic UUID] [--name NAME] [--json] HEX ..."
    parser.add_argument(
        "first", metavar="DRIVER", help="a driver's id; --characteristic can stand for it"
    )
    # Options may stand between the two, so neither may be declared as possibly empty.
    frames = parser.add_argument(
        "more",
        metavar="HEX",
        nargs="+",
        default=[],
        help="one frame or chunk after another; 2A34=HEX names where it came from",
    )
    frames.required = False
    parser.add_argument(
        "--characteristic",
        metavar="UUID",
        help="where frames came from that do not say it: 2A35 or a full UUID",
    )
    parser.add_argument("--name", default="", help="the name the device advertises, for its quirks")
    parser.add_argument("--json", action="store_true", help="as it is: one JSON object per line")


def run(args: argparse.Namespace) -> int:
    """Print one JSON object per item; return 0, 1 where a frame is malformed, or 2 for usage."""
    try:
        driver, frames = _understand([args.first, *args.more], args.characteristic, load_drivers())
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    code = 0
    items = _play(driver, args.name, frames)
    if not items and driver.info.transport == "serial":
        print(f"No whole frame. {NEXT_STEP}", file=sys.stderr)
        code = 1
    for item in items:
        if isinstance(item, Undecodable):
            print(f"{item.error}. {NEXT_STEP}", file=sys.stderr)
            code = 1
        print(json.dumps(as_facts(driver, item)))
    for answer in tell_answers(frames):
        print(json.dumps(answer))
    return code


def _play(driver: Driver, name: str, frames: Sequence[Frame]) -> list[Item]:
    """The items of one session; what it ends by was never said to a device."""
    items: list[Item] = []
    with suppress(DriverError):
        for item in replay(driver, name, frames):
            items.append(item)  # noqa: PERF402  what came before the end is wanted
    return items


def _understand(
    words: Sequence[str], characteristic: str | None, drivers: Mapping[str, Driver]
) -> tuple[Driver, list[Frame]]:
    named, words = (words[0], words[1:]) if words[0] in drivers else (None, words)
    source = _short(characteristic) if characteristic else None
    told = [_split(word, source) for word in words]
    driver = drivers[named] if named else _driver_of([of for of, _ in told], words[0], drivers)
    known = driver.info.characteristics
    for of in {source, *(of for of, _ in told)} - {None, *known}:
        offer = ", ".join(known) or "none: it is serial"
        raise UsageError(f"{driver.info.id} has no characteristic {of}: take one of {offer}.")
    if not words:
        raise UsageError(f"{driver.info.id}: no frame. Give its bytes in hex, one frame a word.")
    first = known[0] if known else RX
    return driver, [
        Frame(of or first, _bytes(word, number)) for number, (of, word) in enumerate(told, 1)
    ]


def _split(word: str, source: str | None) -> tuple[str | None, str]:
    """Where the frame came from, and its bytes in hex."""
    named, equals, data = word.partition("=")
    return (_short(named), data) if equals else (source, word)


def _driver_of(sources: Sequence[str | None], first: str, drivers: Mapping[str, Driver]) -> Driver:
    wanted = dict.fromkeys(filter(None, sources))
    if not wanted:
        offer = "Name a driver before the frames, or give their --characteristic"
        raise UsageError(f"{first!r} is no driver. {offer}. Installed: {', '.join(drivers)}.")
    fitting = [id_ for id_, d in drivers.items() if wanted.keys() <= {*d.info.characteristics}]
    measuring = [id_ for id_ in fitting if drivers[id_].info.characteristics[0] in wanted]
    if len(measuring) == 1 or (fitting and wanted.keys() <= SHARED):
        return drivers[(measuring or fitting)[0]]
    if len(fitting) != 1:
        found = " and ".join(fitting) or "no driver"
        asked = " and ".join(wanted)
        raise UsageError(f"{asked} is known to {found}. Name one of {', '.join(drivers)}.")
    return drivers[fitting[0]]


def _short(uuid: str) -> str:
    """A characteristic as drivers write it: `2A35`, or a full UUID in lower case."""
    match = BLUETOOTH_BASE.fullmatch(uuid.lower())
    return match[1].upper() if match else uuid.lower()


def _bytes(word: str, number: int) -> bytes:
    digits = SEPARATORS.sub("", word)
    if bad := re.search(r"[^0-9a-fA-F]", digits):
        at = word.index(bad[0])
        what = f"frame {number}: {bad[0]!r} at character {at} is not hex"
        raise UsageError(
            f"{what}. Correct it; `vitalpost drivers list` shows what drivers there are."
        )
    if len(digits) % 2:
        raise UsageError(f"frame {number}: {len(digits)} hex digits. A byte is two: complete it.")
    return bytes.fromhex(digits)

"""A hub that is killed before its Nth step of adding or swapping a device, for each N: FOLDER.

Prints one JSON line for each life: how many steps it had, and what is enrolled after it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from gateway.enrolments import Enrolments
from tests.fakes.quiet_room import QuietRoom

OLD, NEW = "F0:00:00:00:00:01", "F0:00:00:00:00:02"
PARTS = ("enrolments", "memory", "fleet", "recorder")
KILLED = 9


class Mortal:
    """A part of the hub; the process ends before the Nth call to any of them."""

    def __init__(self, part: Any, steps: Iterator[int], last: int) -> None:
        self._lent = (part, steps, last)

    def __getattr__(self, name: str) -> Any:
        part, steps, last = self._lent
        found = getattr(part, name)
        if not callable(found):
            return Mortal(found, steps, last) if name == "central" else found

        def step(*args: Any, **named: Any) -> Any:
            if next(steps) == last:
                os._exit(KILLED)
            return found(*args, **named)

        return step


async def live(folder: Path, last: int) -> None:
    room = await QuietRoom.open(folder)
    if not room.premises.enrolments.devices:
        await room.enrol(OLD)
    steps = count(1)
    mortal = {part: Mortal(getattr(room.premises, part), steps, last) for part in PARTS}
    room.desk._premises = replace(room.premises, **mortal)
    room.central.says = {"2A25": "52"}
    told = await room.enrol(NEW, instead_of="blood-pressure", why="broken", visit="V-9")
    assert told["error"] is None, told
    await room.close()


def main(folder: Path) -> None:
    for last in count(1):
        home = folder / str(last)
        home.mkdir()
        pid = os.fork()
        if pid == 0:
            sys.stdout = sys.stderr
            asyncio.run(live(home, last))
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        found = Enrolments(home / "state")
        serials = [one.serial for one in found.devices]
        ended = [each.device.serial for each in found.ended]
        sys.stdout.write(json.dumps({"code": code, "serials": serials, "ended": ended}) + "\n")
        sys.stdout.flush()
        if code != KILLED:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""The home's process: the air and the devices on it, at the command of whoever holds its stdin.

It prints `{"event": "ready", "hci": …, "devices": {name: {"address" or "port": …}}}` and then one
answer per command, all as JSON lines; it ends with its stdin. Each device writes into one log, the
truth that a ledger is held against: JSON lines with its name and the script's UTC, for measured,
confirmed, dropped, clock-set and reset.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from simulator.air import Air
from simulator.clock import ScriptClock
from simulator.commands import Command, CommandError, parse
from simulator.device import Device
from simulator.kinds import Place, Wanted, make

LONGEST_LINE = 1 << 20


class Settings(NamedTuple):
    """What the home's command line says; the clock's file is made where it is missing."""

    clock: Path
    log: Path
    devices: Sequence[Wanted]
    seed: int


async def run(settings: Settings) -> None:
    """Be a home until `stop` or the end of stdin."""
    if not settings.clock.exists():
        ScriptClock.create(settings.clock)
    clock, air = ScriptClock(settings.clock), Air()
    with settings.log.open("a") as log:

        def note(device: str, event: str, **facts: Any) -> None:
            line = {"event": event, "utc_ms": clock.utc_ns() // 1_000_000, "device": device}
            print(json.dumps(line | facts), file=log, flush=True)

        place = Place(air, clock, settings.log.parent, settings.seed)
        devices = {
            wanted.name: make(wanted, place, partial(note, wanted.name))
            for wanted in settings.devices
        }
        async with asyncio.TaskGroup() as life:
            tasks = [life.create_task(device.run()) for device in devices.values()]
            for device in devices.values():
                await device.powered.wait()
            where = {name: dict(device.where()) for name, device in devices.items()}
            say(event="ready", hci=await air.open(), devices=where)
            async for line in lines():
                try:
                    command = parse(line)
                except CommandError as error:
                    refuse(error)
                    continue
                if command.do == "stop":
                    say(id=command.id, ok=True)
                    break
                # Each on its own: an answer may be waited for while others are asked.
                tasks.append(life.create_task(answer(command, air, devices)))
            for task in tasks:
                task.cancel()
        air.close()


async def answer(command: Command, air: Air, devices: Mapping[str, Device]) -> None:
    """Carry out one command and say how it ended."""
    try:
        facts = await carry_out(command, air, devices)
    except (ValueError, TimeoutError) as error:
        refuse(CommandError(f"{command.do}: {error}", command.id))
    else:
        say(id=command.id, ok=True, **facts)


async def carry_out(command: Command, air: Air, devices: Mapping[str, Device]) -> dict[str, Any]:
    """What the answer tells beside ok. Raises ValueError or TimeoutError."""
    if command.do == "out-of-range":
        air.carry_away(away=command.fact)
        return {}
    meant = choose(command.device, devices)
    match command.do:
        case "wait-connected":
            await within(command.fact, *(device.visited for device in meant))
        case "wait-alone":
            await within(command.fact, *(device.alone for device in meant))
        case "wait-delivered":
            await within(command.fact, *(device.idle for device in meant))
        case _ if len(meant) > 1:
            raise ValueError(f"device: wanted one of {', '.join(devices)}")
        case do:
            return await meant[0].obey(do, command.fact)
    return {}


def choose(name: str | None, devices: Mapping[str, Device]) -> list[Device]:
    """The named device, or all of them. Raises ValueError."""
    if name is None:
        return list(devices.values())
    if name not in devices:
        raise ValueError(f"device: wanted one of {', '.join(devices)}")
    return [devices[name]]


async def within(timeout_s: int, *events: asyncio.Event) -> None:
    """Wait for the events. Raises TimeoutError."""
    try:
        async with asyncio.timeout(timeout_s):
            for event in events:
                await event.wait()
    except TimeoutError:
        raise TimeoutError(f"not within {timeout_s} s") from None


async def lines() -> AsyncIterator[bytes]:
    """The lines of stdin; one longer than is sane comes empty."""
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    is_cut = False
    while True:
        try:
            line = await reader.readuntil()
        except asyncio.IncompleteReadError:
            return
        except asyncio.LimitOverrunError as overrun:
            await reader.readexactly(overrun.consumed)
            is_cut = True
        else:
            yield b"" if is_cut else line
            is_cut = False


def refuse(error: CommandError) -> None:
    """Answer that a command is not carried out, and what can be asked."""
    say(id=error.id, ok=False, error=str(error), hint=error.hint)


def say(**facts: Any) -> None:
    """One line of JSON to stdout."""
    print(json.dumps(facts), flush=True)  # noqa: T201  the conductor reads it

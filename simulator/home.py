"""The home's process: the air and one cuff on it, at the command of whoever holds its stdin.

It prints `{"event": "ready", "hci": …}` and then one answer per command, all as JSON lines; it ends
with its stdin. The cuff writes its own log, the truth that a ledger is held against: JSON lines
with the script's UTC, for measured, confirmed, dropped, clock-set and reset.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

from simulator.air import Air
from simulator.clock import ScriptClock
from simulator.commands import Command, CommandError, parse
from simulator.cuff import ClocklessCuff, Cuff
from simulator.frames import Values

CUFFS: dict[str, type[Cuff]] = {"ua-651ble": Cuff, "clockless": ClocklessCuff}
LONGEST_LINE = 1 << 20


class Settings(NamedTuple):
    """What the home's command line says; the clock's file is made where it is missing."""

    clock: Path
    log: Path
    cuff: str
    serial: str
    address: str
    ppm: float


async def run(settings: Settings) -> None:
    """Be a home until `stop` or the end of stdin."""
    if not settings.clock.exists():
        ScriptClock.create(settings.clock)
    clock, air = ScriptClock(settings.clock), Air()
    with settings.log.open("a") as log:

        def note(event: str, **facts: Any) -> None:
            line = {"event": event, "utc_ms": clock.utc_ns() // 1_000_000, **facts}
            print(json.dumps(line), file=log, flush=True)

        cuff = CUFFS[settings.cuff](
            air, clock, note, address=settings.address, serial=settings.serial, ppm=settings.ppm
        )
        async with asyncio.TaskGroup() as life:
            tasks = [life.create_task(cuff.run())]
            await cuff.powered.wait()
            say(event="ready", hci=await air.open(), name=cuff.name, address=settings.address)
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
                tasks.append(life.create_task(answer(command, air, cuff)))
            for task in tasks:
                task.cancel()
        air.close()


async def answer(command: Command, air: Air, cuff: Cuff) -> None:
    """Carry out one command and say how it ended."""
    try:
        facts = await carry_out(command, air, cuff)
    except (ValueError, TimeoutError) as error:
        refuse(CommandError(f"{command.do}: {error}", command.id))
    else:
        say(id=command.id, ok=True, **facts)


async def carry_out(command: Command, air: Air, cuff: Cuff) -> dict[str, Any]:
    """What the answer tells beside ok. Raises ValueError or TimeoutError."""
    match command.do, command.fact:
        case "measure", given:
            frame = cuff.build(given) if isinstance(given, Values) else given
            cuff.keep(frame)
            return {"frame": frame.hex()}
        case "set-clock", at:
            cuff.set_clock(at, by="home")
        case "reset-clock", _:
            cuff.reset_clock()
        case "pair", _:
            cuff.switch_on()
        case "resend", count:
            return {"count": cuff.resend(count)}
        case "out-of-range", away:
            air.carry_away(away=away)
        case "wait-connected" | "wait-alone" | "wait-delivered" as wait, timeout_s:
            awaited = {"wait-connected": cuff.visited, "wait-alone": cuff.alone}
            await within(timeout_s, awaited.get(wait, cuff.idle))
        case "memory", _:
            return {"frames": [record.frame.hex() for record in cuff.memory]}
    return {}


async def within(timeout_s: int, event: asyncio.Event) -> None:
    """Wait for the event. Raises TimeoutError."""
    try:
        async with asyncio.timeout(timeout_s):
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

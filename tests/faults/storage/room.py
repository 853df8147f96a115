"""A real file system that is full, and then one that may only be read.

It is mounted in a namespace of the hub's own: a tmpfs for anyone who may have one, and for root an
ext4 with blocks of 1 KiB. This module is also the program that runs in there. What cannot be tried
on a machine is said.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from tests.fakes.hand_clock import HandClock
from tests.faults.run import Result, Run
from tests.faults.storage.account import NOW_MS, Account, Keys, TellingOutbox
from tests.faults.storage.home import draft
from uplink.errors import OutboxDamaged, OutboxFull
from uplink.outbox import Outbox

QUOTA = 64 << 20  # far more than there is
SIZES_KB = (2000, 2500, 4000)
FILLERS = ("outbox", "others")
PIECE = 4096
MOUNTS = {
    "tmpfs": (["unshare", "-rm"], 'mount -t tmpfs -o "size=$0k" none /mnt && exec "$@"'),
    # Loop devices are for root alone.
    "ext4": (
        ["unshare", "-m"],
        " && ".join(  # noqa: FLY002  one command a line
            (
                'truncate -s "$0k" "$1"',
                'mkfs.ext4 -q -b 1024 "$1"',
                'mount -o loop "$1" /mnt',
                'shift && exec "$@"',
            )
        ),
    ),
}


class Trial(NamedTuple):
    """A file system, its size, and who fills it: the outbox, or others beside it."""

    kind: str
    kb: int
    filler: str

    def __str__(self) -> str:
        return f"{self.kind} of {self.kb} kB filled by {self.filler}"


async def full_card(run: Run) -> Result:
    """File systems of several kinds and sizes, filled by the outbox itself and by others."""
    trials = [Trial(*each) for each in product(MOUNTS, SIZES_KB, FILLERS)]
    chosen = [t for t in trials if t.kb == min(SIZES_KB)] if run.is_quick else trials
    told: list[dict[str, Any]] = []
    untried: dict[str, str] = {}
    for trial in chosen:
        if trial.kind in untried:
            continue
        found = await _play(trial, run.folder)
        if why := found.get("untried"):
            untried[trial.kind] = why
        elif violation := found.get("violation"):
            return Result(len(told) + 1, violation=f"{trial}: {violation}")
        else:
            told.append(found)
    total = {key: sum(each[key] for each in told) for key in ("kept", "refused", "turns")}
    note = (
        f"{total['refused']} times full and said so, {total['turns']} times drained and filled "
        "again, then read-only and back"
    )
    for kind, why in untried.items():
        note += f"; {kind} COULD NOT BE TRIED ({why})"
    bad = None if told else f"no file system could be mounted: {untried}"
    return Result(len(told), total["kept"], total["kept"], note=note, violation=bad)


async def _play(trial: Trial, folder: Path) -> dict[str, Any]:
    unshare, script = MOUNTS[trial.kind]
    image = [str(folder / f"{trial.kb}-{trial.filler}.img")] if trial.kind == "ext4" else []
    program = [sys.executable, "-m", __name__, trial.filler]
    process = await asyncio.create_subprocess_exec(
        *(*unshare, "sh", "-c", script, str(trial.kb), *image, *program),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    said = [line for line in err.decode(errors="replace").splitlines() if line.strip()]
    if not out.startswith(b"{"):
        return {"untried": said[-1] if said else f"exit code {process.returncode}"}
    lines = out.splitlines()
    if process.returncode or len(lines) != 2:
        return {"violation": said[-1] if said else f"it ended with {process.returncode}"}
    return json.loads(lines[1])


class Card:
    """What is mounted at /mnt, and the hub that keeps its outbox there."""

    def __init__(self, filler: str) -> None:
        self.keys = Keys()
        self.account = Account(self.keys)
        self.path = Path("/mnt/state/outbox.db")
        self.path.parent.mkdir()
        self.ballast = Path("/mnt/others")
        self.is_shared = filler == "others"
        self.clock = HandClock()
        self.refused = self.turns = 0

    async def start(self) -> None:
        self.outbox = await TellingOutbox.open(self.path, quota_bytes=QUOTA, keep_days=0)
        self.outbox.tell = self.account.hear
        if self.outbox.losses:
            raise Violation(f"opening reports {self.outbox.losses}")
        self.recorder = self.keys.recorder(self.outbox, self.clock)

    async def fill(self) -> None:
        """Record until it is refused, and a few more times."""
        self.refused += 1
        for n in range(20_000):
            if n == 40 and self.is_shared:
                self.take_all_room()
            try:
                await self.recorder.record([draft(self.clock, 700) for _ in range(1 + n % 7)])
            except OutboxFull:
                return
        raise Violation("nothing was ever refused")

    def take_all_room(self) -> None:
        with self.ballast.open("ab", buffering=0) as file:
            try:
                while file.write(bytes(PIECE)):
                    pass
            except OSError:
                return

    def give_room(self) -> None:
        self.ballast.unlink(missing_ok=True)

    async def deliver(self) -> int:
        """The office takes everything; how many rows that was."""
        rows = 0
        while (batch := await self.outbox.peek(0, 100, 5000)).runs:
            stored = {run.kid: [] for run in batch.runs}
            for run in batch.runs:
                stored[run.kid].append((run.first, run.first + len(run.sealed) - 1))
            rows += (await self.outbox.release(stored, NOW_MS)).rows
        return rows

    async def check(self, when: str) -> None:
        if fault := await self.account.check(self.outbox):
            raise Violation(f"{when}: {fault}")

    async def stop(self) -> None:
        try:
            await self.recorder.close()
        except OutboxFull:
            self.refused += 1
        await self.outbox.close()


class Violation(Exception):
    """What must not be."""


async def _live(filler: str) -> dict[str, Any]:
    card = Card(filler)
    await card.start()
    await card.fill()
    await card.check("full")
    await card.stop()
    await card.start()
    await card.check("started again when full")
    for _ in range(3):
        await card.deliver()
        if card.outbox.depth:
            raise Violation(f"{card.outbox.depth} rows could not be released")
        await _record_again(card)
        card.turns += 1
        await card.fill()
        await card.check("full again")
    await card.deliver()
    card.give_room()
    for _ in range(30):
        await card.recorder.record([draft(card.clock, 90)])
    await card.outbox.close()  # as a process that was killed: no epoch is closed
    await _read_only(card)
    return {"kept": len(card.account.kept), "refused": card.refused, "turns": card.turns}


async def _record_again(card: Card) -> None:
    """What was delivered has made room, though nobody else made any."""
    try:
        await card.recorder.record([draft(card.clock, 90)])
    except OutboxFull as full:
        raise Violation("all is delivered, and the outbox stays full") from full


async def _read_only(card: Card) -> None:
    _remount("ro")
    try:
        await Outbox.open(card.path, quota_bytes=QUOTA)
    except OutboxDamaged as fault:
        if not fault.hint:
            raise Violation(f"a start on a read-only card says only {fault}") from fault
    else:
        raise Violation("it opens on a read-only file system")
    _remount("rw")
    await card.start()
    await card.check("writable again")
    await card.recorder.record([draft(card.clock, 90)])
    await card.stop()


def _remount(how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", "/mnt"], check=True)


def main() -> None:
    _, filler = sys.argv
    sys.stdout.write("{}\n")  # so far it could be tried
    sys.stdout.flush()
    try:
        found = asyncio.run(_live(filler))
    except Violation as violation:
        found = {"violation": str(violation)}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()

"""How much room there is for readings: watched, judged, told. The reporter "storage".

The policy: from 80 % of the quota on nothing is kept any longer that a receipt has named, and where
that leaves more than 80 % in use, or the card under it is nearly full, the hub says so. At 100 %
new readings are refused, aloud and before their device is asked for them; none that waits is ever
dropped. Receipts make room, and the hub takes readings again by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from enum import StrEnum
from typing import NoReturn

import structlog

from gateway.reports import Facts, Problem
from uplink.errors import CardFull, OutboxDamaged, OutboxFull
from uplink.flash import BUDGET_BYTES
from uplink.outbox import Outbox, Usage
from uplink.schema import PAGE_BYTES
from uplink.shelf import NEARLY_FULL
from uplink.upgrade import VERSION

LOOK_S = 60.0
ROOMY = 0.7  # of what there is: below it nearly full is over, or it would be said again and again
LEAST_CARD_BYTES = 16_000_000  # the hub's other files, its log and others want to be written, too
TORN = "log-frames"  # what a power cut tears was never acknowledged

log = structlog.get_logger()


class Room(StrEnum):
    """What is left; the worse of outbox and card."""

    ENOUGH = "enough"
    NEARLY_FULL = "nearly-full"
    CARD_NEARLY_FULL = "card-nearly-full"
    FULL = "full"
    CARD_FULL = "card-full"


OVER = (Room.FULL, Room.CARD_FULL)


class Storage:
    """Looks each minute; says what has changed once."""

    name = "storage"

    def __init__(self, outbox: Outbox) -> None:
        self.room = Room.ENOUGH
        self._outbox = outbox
        self._usage: Usage | None = None

    async def run(self) -> NoReturn:
        """Watch. Raises OutboxDamaged."""
        if found := self._outbox.upgraded_from:
            log.info("outbox-upgraded", found=found, version=VERSION)
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """See how much room there is, and log it where that is another matter than before."""
        self._usage = await self._outbox.usage()
        before, self.room = self.room, judge(self._usage, self.room)
        if self.room is before:
            return
        if self.room is Room.ENOUGH:
            log.info("storage-has-room")
            return
        if self.room in OVER:
            log.warning("outbox-full", room=str(self.room), hint=_hint(self.room))
        else:
            log.warning("storage-nearly-full", room=str(self.room), hint=_hint(self.room))

    def facts(self) -> Facts:
        """Room, and what was written to the card: by day of running, not by the calendar."""
        if self._usage is None:
            return {}
        used, quota, card, _, written = self._usage
        return {
            "room": str(self.room),
            "used_bytes": used,
            "quota_bytes": quota,
            "card_bytes": card,
            "written": written and {**written._asdict(), "budget_bytes": BUDGET_BYTES},
        }

    def problems(self) -> Iterator[Problem]:
        """What is full or nearly so, and what opening the outbox found damaged."""
        if self._usage and self.room is not Room.ENOUGH:
            what = _describe(self.room, self._usage)
            yield Problem(what, _hint(self.room), needs_help=self.room in OVER)
        for loss in self._outbox.losses:
            what = f"storage was damaged: {loss.amount} {loss.what}"
            yield Problem(what, OutboxDamaged.hint, needs_help=loss.what != TORN)


def judge(usage: Usage, before: Room = Room.ENOUGH) -> Room:
    """Which room that is; it was `before`."""
    used, quota, card, has_room, _ = usage
    if not has_room:
        return Room.FULL if used + PAGE_BYTES > quota else Room.CARD_FULL
    share = NEARLY_FULL if before is Room.ENOUGH else ROOMY
    if used >= share * quota:
        return Room.NEARLY_FULL
    least_bytes = LEAST_CARD_BYTES * NEARLY_FULL / share
    if used >= share * (used + card) or card < least_bytes:
        return Room.CARD_NEARLY_FULL
    return Room.ENOUGH


def _describe(room: Room, usage: Usage) -> str:
    match room:
        case Room.FULL:
            return "the outbox is full: new readings are refused"
        case Room.CARD_FULL:
            return "the card is full: new readings are refused"
        case Room.NEARLY_FULL:
            share = 100 * usage.used_bytes // usage.quota_bytes
            return f"the outbox is nearly full: {share} % of its quota"
    return f"the card is nearly full: room for {usage.card_bytes // 10**6} MB more"


def _hint(room: Room) -> str:
    return (OutboxFull if room in (Room.FULL, Room.NEARLY_FULL) else CardFull).hint

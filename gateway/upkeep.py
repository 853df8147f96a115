"""What the hub does beside its readings: says what storage has lost, and keeps the anchors."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import NoReturn

from gateway.clock import Clock, Moment, read_moment
from gateway.drafts import Draft, Place
from gateway.recorder import Recorder
from uplink.errors import OutboxFull
from uplink.outbox import Loss
from uplink.records import EventRecord

UPKEEP_S = 60.0


async def keep_up(recorder: Recorder, clock: Clock, losses: Iterable[Loss]) -> NoReturn:
    """Record what storage has lost, then every anchor when it is due."""
    found_at = read_moment(clock)
    drafts = [_draft_loss(loss, found_at) for loss in losses]
    while True:
        with suppress(OutboxFull):  # which gateway.room says
            if drafts:
                await recorder.record(drafts)
                drafts = []
            await recorder.anchor()
        await asyncio.sleep(UPKEEP_S)


def _draft_loss(loss: Loss, found_at: Moment) -> Draft:
    def draft(place: Place) -> EventRecord:
        return EventRecord(place.stamp(found_at), "storage-loss", facts=loss._asdict())

    return draft

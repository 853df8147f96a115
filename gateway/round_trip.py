"""A record of nothing, sent to the office and back as its receipt: whether the whole way works."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.clock import Clock, read_moment
from gateway.drafts import Place, RecordName
from gateway.errors import RequestRefused
from gateway.recorder import Recorder
from uplink.claims import Fate
from uplink.outbox import Outbox
from uplink.records import EventRecord
from uplink.standing import Standing

EVENT = "doctor"
OFFICE_S = 12.0
STEP_S = 0.05


class Prober:
    """Sends one record at a time; while it waits for its receipt no other is made.

    It is an event, not an anchor and not a checkpoint: an anchor has the office judge readings
    again, and a receipt need not name a checkpoint.
    """

    def __init__(
        self,
        recorder: Recorder,
        outbox: Outbox,
        clock: Clock,
        standing: Standing,
        *,
        office_s: float = OFFICE_S,
    ) -> None:
        self._recorder = recorder
        self._outbox = outbox
        self._clock = clock
        self._standing = standing
        self._office_s = office_s
        self._is_busy = asyncio.Lock()
        self._last: RecordName | None = None

    async def probe(self) -> dict[str, Any]:
        """How it went: `outcome` is receipted, rejected, waiting or not-connected; and `took_ms`.

        Where no broker is reached nothing is written. Raises RequestRefused while another asks.
        """
        if not self._standing.is_connected:
            return {"outcome": "not-connected", "took_ms": 0}
        if self._is_busy.locked():
            raise RequestRefused("a round trip is under way already", "Wait for its end.")
        async with self._is_busy:
            loop = asyncio.get_running_loop()
            began = loop.time()
            name = await self._find_record()
            while (fate := await self._outbox.fate(*name)) is Fate.WAITING:
                if loop.time() - began > self._office_s:
                    break
                await asyncio.sleep(STEP_S)
        # An epoch that is gone has gone by receipt as well.
        outcome = {Fate.WAITING: "waiting", Fate.REFUSED: "rejected"}.get(fate, "receipted")
        return {"outcome": outcome, "took_ms": round(1000 * (loop.time() - began))}

    async def _find_record(self) -> RecordName:
        """The record that still waits, else a new one: who asks often fills no card."""
        if self._last and await self._outbox.fate(*self._last) is Fate.WAITING:
            return self._last
        now = read_moment(self._clock)

        def draft(place: Place) -> EventRecord:
            return EventRecord(place.stamp(now), EVENT)

        self._last = await self._recorder.record([draft])
        assert self._last is not None
        return self._last

"""Acts of measuring, followed from the device to the office: what the light answers to each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from drivers.spi import Origin, Reading, Series
from gateway.drafts import RecordName
from gateway.signals.lights import Answer
from uplink.claims import Fate

FRESH_MS = 120_000  # a receipt later than that after the measuring is silent
SHOWN_MS = 10_000
PATIENCE_MS = 30_000  # then whoever has measured hears that it is saved
OFFLINE_PATIENCE_MS = 3_000  # a connection may be about to come back


@dataclass(slots=True)
class Act:
    """The last thing that was measured with one device."""

    record: RecordName
    measured_ms: int
    kept_ms: int
    last_ms: int
    answer: Answer = Answer.UNDER_WAY
    answered_ms: int = 0


class Acts:
    """The last act of each device, by BOOTTIME.

    Only what was measured within the last two minutes is one: what a device has stored since is
    told to nobody. A stream is one act for as long as it lasts.
    """

    def __init__(self, find_fate: Callable[[bytes, int], Awaitable[Fate]]) -> None:
        self._find_fate = find_fate
        self._acts: dict[str, Act] = {}

    @property
    def is_busy(self) -> bool:
        """Whether an answer is still to come."""
        return any(act.answer is Answer.UNDER_WAY for act in self._acts.values())

    def note(
        self,
        device: str,
        measured: Reading | Series,
        record: RecordName,
        now_ms: int,
        age_ms: int | None,
    ) -> None:
        """What was measured so long ago is on flash."""
        act = self._acts.get(device)
        if isinstance(measured, Series) and act:
            act.last_ms = now_ms
            return
        if age_ms is not None and age_ms <= FRESH_MS:
            self._acts[device] = Act(record, now_ms - age_ms, now_ms, now_ms)

    async def look(self, now_ms: int, *, is_reached: bool) -> Answer:
        """What the light answers now; `is_reached`: broker and office are, as far as is known."""
        for device, act in list(self._acts.items()):
            await self._follow(act, now_ms, is_reached=is_reached)
            if act.answer is not Answer.UNDER_WAY and now_ms - act.last_ms > FRESH_MS:
                del self._acts[device]
        shown = [act for act in self._acts.values() if _is_shown(act, now_ms)]
        if not shown:
            return Answer.NONE
        return max(shown, key=lambda act: act.answered_ms or act.kept_ms).answer

    async def _follow(self, act: Act, now_ms: int, *, is_reached: bool) -> None:
        is_fresh = now_ms - act.measured_ms <= FRESH_MS
        is_open = act.answer is Answer.UNDER_WAY
        if act.answer is Answer.AT_THE_OFFICE or not (is_fresh or is_open):
            return
        patience_ms = PATIENCE_MS if is_reached else OFFLINE_PATIENCE_MS
        if await self._find_fate(*act.record) is Fate.RECEIPTED:
            act.answer = Answer.AT_THE_OFFICE if is_fresh else Answer.NONE
            act.answered_ms = now_ms
        elif is_open and now_ms - act.kept_ms >= patience_ms:
            act.answer, act.answered_ms = Answer.SAVED, now_ms


def tell_age(measured: Reading | Series, clocks: Iterable[datetime | None]) -> int | None:
    """How many ms ago it was measured, as far as that can be told.

    `clocks` are what the site's clock shows, and the device's own as it was read: where that is
    wrong, its readings are by it none the less.
    """
    if measured.origin is Origin.LIVE:
        return 0
    if isinstance(measured, Series):
        return None
    told, known = measured.device_time, [clock for clock in clocks if clock]
    if told is None or not known:
        return 0 if measured.origin is Origin.UNKNOWN else None
    ages = [(clock - told) // timedelta(milliseconds=1) for clock in known]
    # A device's clock may be a little ahead.
    return min((max(0, age) for age in ages if age >= -FRESH_MS), default=None)


def _is_shown(act: Act, now_ms: int) -> bool:
    if act.answer is Answer.UNDER_WAY:
        return True
    return act.answer is not Answer.NONE and now_ms - act.answered_ms < SHOWN_MS

"""The parts of a hub that its control socket asks, with a clock that is moved by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from drivers.blood_pressure import BloodPressure
from gateway.control.answers import Answers
from gateway.devices import Device
from gateway.reports import Reporter
from gateway.round_trip import Prober
from gateway.sessions import Sessions
from gateway.setup import SetupWindow
from gateway.status import Parts
from tests.fakes.hand_clock import HandClock
from tests.fakes.hub_storage import HubStorage
from uplink.standing import Standing


class AskedHub:
    """One enrolled cuff that has never been heard; nothing has been sent."""

    def __init__(self, storage: HubStorage, counts: Counter[str]) -> None:
        self.storage = storage
        self.clock = storage.clock
        self.counts = counts
        self.sent_again: list[bool] = []
        self.standing = Standing(30, lambda: None)
        self.setup = SetupWindow(lambda: self.clock.boottime_ns() / 1e9)
        device = Device("cuff", "F0:00:00:12:34:56", b"i" * 16, BloodPressure(), is_bonded=True)
        recorder = storage.start_recorder()
        self.sessions = Sessions(device, recorder, storage.steps.note)
        self.reporters: list[Reporter] = []
        self.parts = Parts(
            hub="hub-1",
            software="vitalpost 0.1.0",
            clock=self.clock,
            outbox=storage.outbox,
            standing=self.standing,
            sessions=[self.sessions],
            setup=self.setup,
            counts=self.counts,
            send_again=lambda: self.sent_again.append(True),
            reporters=self.reporters,
        )
        prober = Prober(recorder, storage.outbox, self.clock, self.standing)
        self.answers = Answers(self.parts, prober=prober)

    @classmethod
    async def open(cls, folder: Path, counts: Counter[str] | None = None) -> AskedHub:
        storage = await HubStorage.open(folder, HandClock())
        return cls(storage, Counter() if counts is None else counts)

    async def ask(self, request) -> dict:
        return dict(await self.answers.answer(request, 1000))

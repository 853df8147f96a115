"""What a technician has asked for and what takes its time: how far it is, told whenever asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from drivers.spi import Driver
from gateway.clock import Clock
from gateway.devices import Socket
from gateway.enrolments import Enrolments
from gateway.fleet import Fleet
from gateway.kinds import ANY, Kind
from gateway.memory import Memory
from gateway.recorder import Recorder
from gateway.reports import Reporter
from gateway.sentences import ABANDONED, WINDOW_CLOSED, Sentence, fill
from gateway.setup import SetupWindow
from gateway.visit.trial_reading import DeviceTest
from uplink.journal import Journal
from uplink.outbox import Outbox
from uplink.standing import Standing


class Stage(StrEnum):
    """How far a job is."""

    LOOKING = "looking"
    PAIRING = "pairing"
    CONFIRM = "confirm"
    TESTING = "testing"
    SENDING = "sending"
    DONE = "done"
    FAILED = "failed"


ENDED = (Stage.DONE, Stage.FAILED)


class Stop(Exception):
    """The job ends with this sentence."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence.what)
        self.sentence = sentence


class Limits(NamedTuple):
    """How long a job waits: to look, for a second device, to pair, for reading and receipt."""

    look_s: float = 120
    second_s: float = 2
    pair_s: float = 60
    reading_s: float = 600
    settle_s: float = 2
    office_s: float = 60
    unasked_s: float = 60
    step_s: float = 0.2


LIMITS = Limits()


class Wanted(NamedTuple):
    """What the technician says of the device, and of the visit.

    `ends` are the last digits of its name or address, `is_open` says that it never pairs, and
    `is_confirmed` that its label need not be compared.
    """

    kind: str = ""
    name: str = ""
    driver: str = ""
    address: str = ""
    ends: str = ""
    socket: Socket | None = None
    maker: str = ""
    model: str = ""
    serial: str = ""
    is_open: bool = False
    passkey: int | None = None
    history: str = "new"
    is_confirmed: bool = False
    consent: str = ""
    visit: str = ""
    instead_of: str = ""
    why: str = ""
    wants_test: bool = True


@dataclass(frozen=True, slots=True)
class Premises:
    """The parts of a running hub that a technician works with; `hub` is its id."""

    hub: str
    fleet: Fleet
    enrolments: Enrolments
    memory: Memory
    drivers: Mapping[str, Driver]
    setup: SetupWindow
    clock: Clock
    outbox: Outbox
    standing: Standing
    network: Reporter
    recorder: Recorder
    journal: Journal
    limits: Limits = LIMITS


@dataclass(slots=True)
class Progress:
    """How far a job is. `found` is what the device says of itself; `test` its test reading."""

    number: int
    stage: Stage
    kind: Kind = ANY
    name: str = ""
    visit: str = ""
    left_s: float | None = None
    found: dict[str, Any] | None = None
    question: Sentence | None = None
    error: Sentence | None = None
    notes: list[str] = field(default_factory=list)
    test: DeviceTest | None = None
    confirmed: asyncio.Future[bool] | None = None
    asked_at: float = 0.0

    @property
    def has_ended(self) -> bool:
        """Whether nothing comes any more."""
        return self.stage in ENDED

    def words(self) -> dict[str, str]:
        """What stands in the gaps of sentences."""
        return {"noun": self.kind.noun, "sign": self.kind.sign, "name": self.name}

    def stop(self, sentence: Sentence, **more: str) -> Stop:
        """An end with this sentence about this device."""
        return Stop(fill(sentence, **{**self.words(), **more}))

    def note(self, sentence: str) -> None:
        """Tell something beside, once."""
        told = sentence.format(**self.words())
        if told not in self.notes:
            self.notes.append(told)

    def check_on(self, premises: Premises, *, needs_window: bool) -> None:
        """Raise Stop where set-up has closed, or nobody asks any more."""
        if needs_window and not premises.setup.is_open:
            raise Stop(WINDOW_CLOSED)
        if asyncio.get_running_loop().time() - self.asked_at > premises.limits.unasked_s:
            raise Stop(ABANDONED)

    def describe(self) -> dict[str, Any]:
        """What is told of it."""
        return {
            "job": self.number,
            "stage": self.stage.value,
            "noun": self.kind.noun,
            "name": self.name,
            "left_s": None if self.left_s is None else round(self.left_s),
            "found": self.found,
            "question": self.question and self.question._asdict(),
            "notes": self.notes,
            "error": self.error and self.error._asdict(),
            **(self.test.describe() if self.test else {}),
        }

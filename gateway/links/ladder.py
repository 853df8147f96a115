"""The one ladder by which a stuck radio is mended: its rungs in order, each tried for 90 s.

1. `scan`: the scan is begun anew. It costs nothing, so every 90 s of silence are answered with it,
   whether anything should be heard or not: BlueZ may say that it scans and not do it.
2. `links`: what BlueZ still holds of links to our devices without us is disconnected. A device
   that is connected does not advertise, and a pending connect makes all others fail.
3. `power`: the adapter is switched off and on.
4. `service`: bluetooth.service is restarted.
5. `help`: the hub has done all that it can, and says so.

No rung removes a bond. It is climbed for four symptoms, each with a place of its own on it, which
goes back to the bottom as soon as the symptom is gone: a busy adapter is not mended by what it
hears. Above `scan` it is climbed for a silence only when something should be heard: while somebody
holds a device to the hub (set-up is open), or when the silence is longer than this home's own
(`rhythm.py`). A hub that serves no Bluetooth device stays at `scan`.

A climb that has ended at the top rests a quarter of an hour, then twice as long each time, up to a
day; one that mended the radio may be repeated after the quarter of an hour. So a hub alone in a
home where nothing speaks restarts bluetoothd seven times on its first day and once a day after it,
and one whose bluetoothd sticks every hour goes on mending it. `power` and `service` break links and
wait while one is up, which is itself a sign of life.

"Needs help" after a silence is said only where a day long something was always to be heard: the
silence of a patient who is away must not make the hub call.
Source of what each rung mends: bleak issue 2021 and BlueZ issues 807 and 1554 (a scan that hears
nothing), bleak-retry-connector issue 226 (a connect that a killed process has left pending)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import structlog

from gateway.links.rhythm import DAY_S, SILENCE_S, Rhythm
from gateway.reports import Facts, Problem

REST_S = 900.0
LONGEST_REST_S = DAY_S
HEARD_HINT = "Use any of the devices beside the hub: one that is heard proves the radio."
SWITCH_HINT = "Nothing to do yet: the hub ends it. If it stays so, switch the device off and on."
UNPLUG_HINT = "Nothing to do yet: the hub mends it. If it stays so, unplug it and plug it in again."
FAILED_HINT = "Where it is `service`: install systemd/49-vitalpost-bluetooth.rules for polkit."
AWAY_HINT = "Check that the adapter is plugged in and switched on, and bluetoothd."

log = structlog.get_logger()


class Rung(StrEnum):
    """What is done, from the gentlest to the last."""

    SCAN = "scan"
    LINKS = "links"
    POWER = "power"
    SERVICE = "service"
    HELP = "help"


class Symptom(StrEnum):
    """What is amiss with a radio."""

    SILENT = "silent"
    HIDDEN = "hidden"
    BUSY = "busy"
    AWAY = "away"


class _Words(NamedTuple):
    """What is logged of a symptom, said in the status, and to be done once nothing else helps."""

    event: str
    what: str
    hint: str


WORDS = {
    Symptom.SILENT: _Words("radio-silent", "Bluetooth hears nothing", HEARD_HINT),
    Symptom.HIDDEN: _Words("radio-link-stale", "a device's link is stale", SWITCH_HINT),
    Symptom.BUSY: _Words("radio-stuck", "Bluetooth makes no connection", UNPLUG_HINT),
    Symptom.AWAY: _Words("radio-away", "Bluetooth is away", AWAY_HINT),
}
ORDER = tuple(Rung)
BREAKING = {Rung.POWER, Rung.SERVICE}


@dataclass(slots=True)
class _Climb:
    """Where the ladder stands for one symptom: `first` may always be tried, `step` is next."""

    first: int
    step: int = 0
    is_told: bool = False
    is_over: bool = False
    begun_at: float = 0.0
    last_at: float = 0.0
    rest_s: float = REST_S
    not_before: float = 0.0

    @property
    def has_begun(self) -> bool:
        """Whether it is above what is tried as a matter of course, and not at its end."""
        return self.step > self.first + 1


class Ladder:
    """Says which rung is next, counts them, and reports; `now` is a clock that is never set.

    `serves` says whether any Bluetooth device is enrolled, `awaits` whether somebody holds one to
    the hub at this moment.
    """

    name = "radio"

    def __init__(
        self, now: Callable[[], float], serves: Callable[[], bool], awaits: Callable[[], bool]
    ) -> None:
        self._now = now
        self._serves = serves
        self._awaits = awaits
        self._rhythm = Rhythm(now)
        self._climbs = {symptom: _Climb(0) for symptom in Symptom}
        self._climbs[Symptom.HIDDEN].first = ORDER.index(Rung.LINKS)
        self._counts = Counter[Rung]()
        self._failures = Counter[Rung]()

    @property
    def heard_at(self) -> float:
        """When anything was heard last."""
        return self._rhythm.heard_at

    def heard(self) -> None:
        """An advertisement, or a frame."""
        climb = self._climbs[Symptom.SILENT]
        was_mended = climb.has_begun and self._now() - climb.last_at < SILENCE_S
        self._rhythm.heard(was_mended=was_mended)
        self.cured(Symptom.SILENT)

    def listens(self) -> None:
        """A scan runs; where none could before, the time until now was no silence."""
        if self._climbs[Symptom.AWAY].is_told:
            self._rhythm.resume()
        self.cured(Symptom.AWAY)

    def suffers(self, symptom: Symptom, **facts: str) -> None:
        """Say that it is so, once until it is cured."""
        climb, words = self._climbs[symptom], WORDS[symptom]
        if not climb.is_told:
            climb.is_told = True
            log.warning(words.event, hint=words.hint, **facts)

    def climb(self, symptom: Symptom, *, may_break: bool = True) -> Rung:
        """The next rung; the lowest again while what is above must wait. From here on counted.

        `may_break`: no link is up that would suffer.
        """
        climb = self._climbs[symptom]
        climb.step = max(climb.step, climb.first)
        rung = ORDER[climb.step]
        must_wait = climb.step > climb.first and not self._may_go_on(symptom)
        if must_wait or (rung in BREAKING and not may_break):
            rung = ORDER[climb.first]
        elif rung is Rung.HELP:
            self._end(symptom)
        else:
            self._take(symptom)
        self._counts[rung] += 1
        climb.last_at = self._now()
        return rung

    def failed(self, rung: Rung, error: str) -> None:
        """It could not be done. Said the first time: what is not allowed now never will be."""
        self._failures[rung] += 1
        if self._failures[rung] == 1:
            log.warning("radio-rung-failed", rung=rung.value, error=error, hint=FAILED_HINT)

    def cured(self, symptom: Symptom) -> None:
        """The symptom is gone: back to the bottom."""
        climb = self._climbs[symptom]
        mended_by = ORDER[climb.step - 1].value if climb.has_begun else None
        if climb.is_told:
            log.info("radio-back", after=symptom.value, rung=mended_by)
        if mended_by:
            climb.rest_s, climb.not_before = REST_S, climb.begun_at + REST_S
        climb.step, climb.is_told, climb.is_over = 0, False, False

    def facts(self) -> Facts:
        """What was done so far, and what is amiss."""
        return {
            "symptoms": [each.value for each, climb in self._climbs.items() if climb.is_told],
            "silent_s": round(self._rhythm.silent_s),
            "expected_s": round(self._rhythm.expected_s),
            "rungs": {each.value: self._counts[each] for each in Rung},
            "failed": {each.value: self._failures[each] for each in Rung if self._failures[each]},
        }

    def problems(self) -> Iterator[Problem]:
        """What is told of; `needs_help` once the top was reached."""
        for symptom, climb in self._climbs.items():
            if climb.is_told:
                words = WORDS[symptom]
                yield Problem(words.what, words.hint, climb.is_over and self._is_sure(symptom))

    def _may_go_on(self, symptom: Symptom) -> bool:
        climb = self._climbs[symptom]
        if climb.has_begun:
            return True
        if self._now() < climb.not_before:
            return False
        if symptom is not Symptom.SILENT or self._awaits():
            return True
        return self._serves() and self._rhythm.silent_s >= self._rhythm.expected_s

    def _take(self, symptom: Symptom) -> None:
        climb, now = self._climbs[symptom], self._now()
        if climb.step == climb.first + 1:
            if now - climb.begun_at > 2 * LONGEST_REST_S:
                climb.rest_s = REST_S
            climb.begun_at, climb.not_before = now, now + climb.rest_s
            self.suffers(symptom)
        if climb.step > climb.first and not climb.is_over:
            log.info("radio-mending", symptom=symptom.value, rung=ORDER[climb.step].value)
        climb.step += 1

    def _end(self, symptom: Symptom) -> None:
        climb = self._climbs[symptom]
        if not climb.is_over and self._is_sure(symptom):
            log.warning("radio-needs-help", symptom=symptom.value, hint=WORDS[symptom].hint)
        climb.is_over, climb.step = True, climb.first + 1
        climb.not_before = self._now() + climb.rest_s
        climb.rest_s = min(2 * climb.rest_s, LONGEST_REST_S)

    def _is_sure(self, symptom: Symptom) -> bool:
        return symptom is not Symptom.SILENT or self._rhythm.is_lively

"""Judging readings: what `judge` is given for each, and what becomes of its judgement.

A reading is judged by its first `SIGHTINGS` sightings with and without a synchronised clock, by the
facts about its device's clock within its reach and, where several instants are possible, by what
its device handed over within it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, select

from backend.dating.device_clocks import NO_CLOCK, load_facts
from backend.dating.judge import (
    ClockFact,
    Delivered,
    Interval,
    Judgement,
    Method,
    Seen,
    judge_by,
)
from backend.dating.placing import load_anchors
from backend.dating.reach import Reach, find_reach
from backend.facts.assignments import load_assignments, load_zones, midnight_ms
from backend.feed import tell
from backend.rows import add_rows
from backend.tables import judgement, measured, sighting

SIGHTINGS = 8
ENROLMENT = "enrolment"
Held = tuple[int, Judgement]
_NONE: Mapping[int, Any] = {}
_SEEN = itemgetter(*Seen._fields)


class _Case(NamedTuple):
    """`reach`: from when to when clock facts bear on it; None while no sighting is placed."""

    device: int
    seen: Sequence[Seen]
    reach: Reach | None


def judge_again(
    connection: Connection,
    causes: Mapping[int, str],
    now_ms: int,
    new: Mapping[int, Sequence[Mapping[str, Any]]] = _NONE,
) -> None:
    """Judge each reading; what changed becomes a new row with its cause, and is told to relays.

    Of those that are `new`, by their sightings, nothing is read that was written just now.
    """
    known = [reading for reading in causes if reading not in new]
    cases = {reading: _as_case(rows) for reading, rows in new.items()}
    cases |= _load_cases(connection, known)
    facts = load_facts(connection, _find_reaches(cases.values()))
    enrolled = _load_enrolled(connection, {case.device for case in cases.values()})
    stamped: Iterable[Seen | ClockFact] = chain(
        *(case.seen for case in cases.values()), *(known.facts for known in facts.values())
    )
    anchors = load_anchors(connection, {at.boot for at in stamped if at.quality == 0})

    clocks = {device: known.share(anchors) for device, known in facts.items()}

    def judge_case(case: _Case, delivered: Iterable[Delivered] = ()) -> Judgement:
        clock = clocks.get(case.device, NO_CLOCK).known_to(case.reach)
        return judge_by(case.seen, clock, anchors, enrolled.get(case.device, 0), delivered)

    found = {reading: judge_case(case) for reading, case in cases.items()}
    open_cases = {
        reading: cases[reading] for reading in found if len(found[reading].candidates) > 1
    }
    for reading, delivered in _load_delivered(connection, open_cases):
        found[reading] = judge_case(cases[reading], delivered)
    held = load_judgements(connection, known)
    changed = _add_changes(connection, found, held, causes, now_ms)
    add_rows(
        connection,
        measured,
        [
            {
                "device": cases[reading].device,
                "from_ms": judged.candidates[0].from_ms if judged.candidates else now_ms,
                "reading": reading,
                "n": n,
                "at_ms": now_ms,
            }
            for reading, (n, judged) in changed.items()
        ],
    )


def _add_changes(
    connection: Connection,
    found: Mapping[int, Judgement],
    held: Mapping[int, Held],
    causes: Mapping[int, str],
    now_ms: int,
) -> dict[int, Held]:
    """Enter what is judged otherwise than before, and return it."""
    changed: dict[int, Held] = {}
    for reading, judged in found.items():
        n, before = held.get(reading, (0, None))
        if judged != before:
            changed[reading] = (n + 1, judged)
    rows = [
        {
            "reading": reading,
            "n": n,
            "method": judged.method,
            "candidates": judged.candidates,
            "reason": judged.reason,
            "cause": causes[reading],
            "at_ms": now_ms,
        }
        for reading, (n, judged) in changed.items()
    ]
    add_rows(connection, judgement, rows)
    # Whose a reading is may have changed although its instant has not.
    tell(connection, [n for n in found if n in changed or causes[n] == ENROLMENT])
    return changed


def load_judgements(
    connection: Connection,
    readings: Collection[int] | Select[tuple[int]],
    until_ms: int | None = None,
) -> dict[int, Held]:
    """The judgement that holds for each reading, or held at an instant, with its number."""
    if isinstance(readings, Collection) and not readings:
        return {}
    columns = (judgement.c.reading, judgement.c.n, judgement.c.method)
    numbers = (
        select(judgement.c.reading, func.max(judgement.c.n).label("n"))
        .where(
            judgement.c.reading.in_(readings),
            *(() if until_ms is None else (judgement.c.at_ms <= until_ms,)),
        )
        .group_by(judgement.c.reading)
        .subquery()
    )
    rows = connection.execute(
        select(*columns, judgement.c.candidates, judgement.c.reason).join(
            numbers, (judgement.c.reading == numbers.c.reading) & (judgement.c.n == numbers.c.n)
        )
    )
    return {
        reading: (n, Judgement(Method(method), tuple(Interval(*c) for c in candidates), reason))
        for reading, n, method, candidates, reason in rows
    }


def _as_case(rows: Sequence[Mapping[str, Any]]) -> _Case:
    """The case of a reading with these sightings, of which each kind is in its order."""
    judged = [row for row in rows if row["nth"] <= SIGHTINGS]
    judged.sort(key=itemgetter("synced"))
    return _make_case(
        rows[0]["device"],
        [Seen(*_SEEN(row)) for row in judged],
        [row["placed_ms"] for row in judged if row["placed_ms"] is not None],
    )


def _make_case(device: int, seen: Sequence[Seen], placed: Sequence[int]) -> _Case:
    times = (one.device_time for one in seen)
    return _Case(device, seen, find_reach(min(placed), times) if placed else None)


def _load_cases(connection: Connection, readings: Collection[int]) -> dict[int, _Case]:
    if not readings:
        return {}
    cases: dict[int, tuple[int, list[Seen], list[int]]] = {}
    rows = connection.execute(
        select(
            sighting.c.reading,
            sighting.c.device,
            sighting.c.placed_ms,
            *(sighting.c[name] for name in Seen._fields),
        )
        .where(sighting.c.reading.in_(list(readings)), sighting.c.nth <= SIGHTINGS)
        .order_by(sighting.c.synced, sighting.c.nth)
    )
    for reading, device, placed_ms, *seen in rows:
        _, of_case, placed = cases.setdefault(reading, (device, [], []))
        of_case.append(Seen(*seen))
        if placed_ms is not None:
            placed.append(placed_ms)
    return {reading: _make_case(*case) for reading, case in cases.items()}


def _find_reaches(cases: Iterable[_Case]) -> Mapping[int, Sequence[Reach]]:
    reaches: dict[int, list[Reach]] = defaultdict(list)
    for case in cases:
        if reach := case.reach:
            reaches[case.device].append(reach)
    return reaches


def _load_delivered(
    connection: Connection, cases: Mapping[int, _Case]
) -> Iterator[tuple[int, list[Delivered]]]:
    """For each reading, what its device handed over within its reach."""
    for device in {case.device for case in cases.values()}:
        reaches = {n: reach for n, c in cases.items() if c.device == device and (reach := c.reach)}
        # Only what bears a later device time tells anything: of what came in order that is nothing.
        told = (_told(cases[reading]) for reading in reaches)
        earliest = min((time for time in told if time is not None), default=None)
        if earliest is None:
            continue
        time = sighting.c.device_time
        in_reach = select(sighting.c.reading).where(
            sighting.c.device == device,
            time.is_(None) | (time > earliest),
            sighting.c.placed_ms >= min(since for since, _ in reaches.values()),
            sighting.c.placed_ms <= max(until for _, until in reaches.values()),
        )
        rows = connection.execute(
            select(
                sighting.c.reading,
                func.min(sighting.c.device_time),
                func.min(sighting.c.placed_ms),
            )
            .where(sighting.c.reading.in_(in_reach), sighting.c.device_time.is_not(None))
            .group_by(sighting.c.reading)
            .having(func.min(time) > earliest)
        ).all()
        for reading, (since, until) in reaches.items():
            others = (Delivered(*of) for number, *of in rows if number != reading)
            yield reading, [one for one in others if since <= one.arrived_ms <= until]


def _told(case: _Case) -> datetime | None:
    return next((seen.device_time for seen in case.seen if seen.device_time is not None), None)


def _load_enrolled(connection: Connection, devices: Iterable[int]) -> dict[int, int]:
    """When each device was first given to a patient."""
    enrolled: dict[int, int] = {}
    for given in load_assignments(connection, devices):
        zone = load_zones(connection, given.patient).on(given.from_date)
        begun = midnight_ms(given.from_date, zone)
        enrolled[given.device] = min(begun, enrolled.get(given.device, begun))
    return enrolled

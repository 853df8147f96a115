"""From what has been stated of a patient to what is judged of one episode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple, TypeVar

from backend.billing import facts as judged
from backend.billing.case_readings import QHP, purpose_of
from backend.billing.zones import Zones, find_zone
from backend.facts import kinds
from backend.facts.rows import Stated
from backend.utc import as_instant

Some = TypeVar("Some", bound=kinds.Kind)
ENTRY = "entry"
TIMES = ("time", "other-time")
RECURRING = (*TIMES, ENTRY)
STANDING = tuple(sorted(kinds.KINDS.keys() - {*RECURRING, "note", "patient"}))
SETUP_CODES = {"99453", "98975"}
GLUCOSE_CODES = {"95249", "95250", "95251"}


class Course(NamedTuple):
    """An episode by its number, and the last date of the one before it."""

    number: int
    episode: kinds.Episode
    after: date | None

    def holds(self, day: date) -> bool:
        """Whether a date belongs to it: to the first episode that had not ended by then."""
        return (self.after is None or self.after < day) and (
            self.episode.end is None or day <= self.episode.end
        )

    def has(self, number: int | None, day: date | None = None) -> bool:
        """Whether a fact belongs to it, by the episode that it names or by its date."""
        if number is not None:
            return number == self.number
        return day is None or self.holds(day)


def find_courses(stated: Iterable[Stated]) -> list[Course]:
    """The episodes in their order."""
    found = sorted(of(stated, kinds.Episode), key=lambda episode: episode.start)
    ends = [None, *(episode.end for episode in found)]
    return [Course(number, episode, ends[number - 1]) for number, episode in enumerate(found, 1)]


def of(stated: Iterable[Stated], kind: type[Some]) -> list[Some]:
    """The facts of a kind, in the order of entry."""
    return [one.body for one in stated if isinstance(one.body, kind)]


def judge_by(stated: Sequence[Stated], course: Course, zones: Zones) -> dict[str, Any]:
    """The fields of `Facts` that people state, but for devices."""
    episode = course.episode
    ordered = _dates(stated, kinds.Order, course)
    billers = [
        one
        for one in of(stated, kinds.Practitioner)
        if one.role == "biller" and course.has(one.episode)
    ]
    payers = [one for one in of(stated, kinds.Payer) if course.has(one.episode)]
    elections = of(stated, kinds.Election)
    zone = billers[-1].zone if billers else None
    others, own = of(stated, kinds.OtherClaim), of(stated, kinds.OwnClaim)
    return {
        "program": episode.program,
        "category": episode.category,
        "zones": zones,
        "practice_zone": find_zone(zone) if zone else None,
        "condition": episode.condition,
        "payer": judged.Payer(name=payers[-1].name, covers=payers[-1].covers) if payers else None,
        "episode_start": episode.start if course.after else None,
        "ordered": min(ordered, default=None),
        "consent": _consent(stated, course),
        "setup": _setup(stated, course),
        "is_established": bool(of(stated, kinds.Relationship)),
        "has_treatment_plan": bool(_dates(stated, kinds.Plan, course)),
        "biller": judged.Biller(npi=billers[-1].npi, profession=billers[-1].profession)
        if billers
        else None,
        "elected": elections[-1].program if elections else None,
        "other_programs": tuple(
            judged.OtherProgram(program=one.program, span=span_of(one))
            for one in of(stated, kinds.OtherProgram)
        ),
        "other_claims": tuple(
            judged.OtherClaim(npi=one.npi, code=one.code, span=span_of(one))
            for one in of(stated, kinds.OtherClaim)
        ),
        "setup_claims": tuple(
            one.dos for one in of(stated, kinds.OwnClaim) if one.code in SETUP_CODES
        ),
        "global_periods": tuple(
            judged.GlobalPeriod(
                span=span_of(one), is_paid_to_biller=one.paid_to_biller, is_related=one.related
            )
            for one in of(stated, kinds.GlobalPeriod)
        ),
        "alignments": tuple(
            judged.Alignment(
                span=span_of(one),
                is_own_organisation=one.own_organisation,
                is_same_condition=one.same_condition,
            )
            for one in of(stated, kinds.Alignment)
        ),
        "glucose_claims": tuple(
            span_of(one) for claims in (others, own) for one in claims if one.code in GLUCOSE_CODES
        ),
        "stays": tuple(span_of(one) for one in of(stated, kinds.Stay)),
        "locks": tuple(
            judged.Lock(period=one.period, at=one.at)
            for one in of(stated, kinds.Lock)
            if one.episode == course.number
        ),
    }


def time_entries(stated: Iterable[Stated], program: judged.Program) -> Iterator[judged.TimeEntry]:
    """The time that was spent."""
    for one in of(stated, kinds.Time):
        names = [name.lower() for name in (one.activity, one.service) if name]
        yield judged.TimeEntry(
            start=one.start,
            end=one.stop,
            person=one.person,
            is_qhp=one.credential.lower() in QHP,
            purpose=purpose_of(names, program),
            is_interactive=one.live,
            modality=one.modality,
            party=one.party,
        )
    for other in of(stated, kinds.OtherTime):
        yield judged.TimeEntry(
            start=other.start,
            end=other.stop,
            person=other.person,
            is_qhp=False,
            purpose="other",
            is_interactive=False,
            modality="",
            party="",
        )


def entered_readings(stated: Iterable[Stated]) -> Iterator[judged.Reading]:
    """What was typed or told: manual for ever, and received when it came to the ledger."""
    for one in stated:
        entry = one.body
        if isinstance(entry, kinds.Entry):
            yield judged.Reading(
                identity=f"entry:{one.name}",
                device=entry.device,
                kind=entry.kind.lower(),
                says=entry.says,
                is_attributed=entry.attributed,
                is_manual=True,
                is_live=False,
                measured=(entry.at, entry.at),
                received=as_instant(one.at_ms),
            )


def span_of(one: kinds.Spanning) -> judged.Span:
    """Its dates."""
    return judged.Span(one.first, one.last)


def _dates(stated: Iterable[Stated], kind: type[kinds.Dated], course: Course) -> list[date]:
    return [one.on for one in of(stated, kind) if course.has(one.episode, one.on)]


def _consent(stated: Sequence[Stated], course: Course) -> judged.Consent | None:
    """The first one of the episode; consent after it was revoked begins another episode."""
    given = min(_dates(stated, kinds.Consent, course), default=None)
    if given is None:
        return None
    ends = [on for on in _dates(stated, kinds.Revocation, course) if on >= given]
    return judged.Consent(given=given, revoked=min(ends, default=None))


def _setup(stated: Sequence[Stated], course: Course) -> judged.Setup | None:
    done = [one for one in of(stated, kinds.Setup) if course.has(one.episode, one.on)]
    if not done:
        return None
    return judged.Setup(
        on=min(one.on for one in done), is_educated=any(one.educated for one in done)
    )

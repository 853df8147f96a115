"""The facts that are judged, whoever states them: a file of cases, or the ledger.

Instants are aware datetimes with a fixed offset, the one that the sender stated or else the
patient's (never a ZoneInfo: two such datetimes subtract as wall times). Dates are civil dates of
the patient. Spans hold both their ends; an end that is none is open. The order of facts says
nothing.
"""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from typing import Literal, NamedTuple

import msgspec

from backend.billing.zones import Zones

Program = Literal["RPM", "RTM"]
Category = Literal["resp", "msk", "cbt", "other"]
Says = Literal["measurement", "alert", "adherence", "status"]
Clock = Literal["known", "unknown", "no-zone"]
Purpose = Literal["management", "99091", "visit", "other"]
Measured = tuple[datetime, datetime] | None


class Span(NamedTuple):
    """From a date to a date, both included."""

    first: date | None = None
    last: date | None = None

    def has(self, day: date) -> bool:
        """Whether the date lies within it."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)

    def meets(self, first: date, last: date) -> bool:
        """Whether any date from first to last lies within it."""
        return (self.first is None or self.first <= last) and (
            self.last is None or first <= self.last
        )


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A fact: immutable."""


class Consent(Fact, frozen=True, kw_only=True):
    """Consent of the patient; it ends on the day it is `revoked`."""

    given: date
    revoked: date | None = None


class Setup(Fact, frozen=True, kw_only=True):
    """Set-up of the devices at the patient's, and whether education is documented."""

    on: date
    is_educated: bool


class Biller(Fact, frozen=True, kw_only=True):
    """Who bills: `profession` as the rule set lists them."""

    npi: str
    profession: str


class Payer(Fact, frozen=True, kw_only=True):
    """Who pays; `covers` is what the practice knows of its policy, none where it has not asked."""

    name: str
    covers: bool | None = None


class OtherProgram(Fact, frozen=True, kw_only=True):
    """The other programme of the same patient."""

    program: Program
    span: Span


class OtherClaim(Fact, frozen=True, kw_only=True):
    """A code that somebody has billed for this patient."""

    npi: str
    code: str
    span: Span


class GlobalPeriod(Fact, frozen=True, kw_only=True):
    """A surgical global period."""

    span: Span
    is_paid_to_biller: bool
    is_related: bool


class Alignment(Fact, frozen=True, kw_only=True):
    """The patient's alignment to the ACCESS model."""

    span: Span
    is_own_organisation: bool
    is_same_condition: bool


class Lock(Fact, frozen=True, kw_only=True):
    """The claim for a period was locked."""

    period: int
    at: datetime


class Device(Fact, frozen=True, kw_only=True):
    """A device, why it qualifies, and when it was this patient's."""

    is_device_captured: bool = True
    is_defined: bool  # a device under FD&C Act 201(h), with evidence on file
    is_cleared: bool | None = None
    assigned: tuple[Span, ...] = (Span(),)


class Reading(Fact, frozen=True, kw_only=True):
    """A reading. `identity` is the same for every sighting of one reading.

    `measured` are the first and the last instant at which it can have been measured, by its own
    clock where `clock` is unknown; none where it tells no time, or no zone.
    """

    identity: str
    device: str
    kind: str
    says: Says = "measurement"
    is_valid: bool = True
    is_attributed: bool = True
    is_manual: bool = False
    is_live: bool = True
    clock: Clock = "known"
    measured: Measured
    received: datetime | None


class TimeEntry(Fact, frozen=True, kw_only=True):
    """Time that a person spent; `purpose` other has gone to another service or to logistics."""

    start: datetime
    end: datetime
    person: str
    is_qhp: bool
    purpose: Purpose
    is_interactive: bool
    modality: str
    party: str


class Facts(Fact, frozen=True, kw_only=True):
    """All that is known of one patient in one episode of one programme.

    `episode_start` is none unless the end of an earlier episode is documented (R-PER-3).
    """

    program: Program
    category: Category | None = None
    zones: Zones
    practice_zone: tzinfo | None = None
    condition: str = ""
    payer: Payer | None = None
    episode_start: date | None = None
    ordered: date | None = None
    consent: Consent | None = None
    setup: Setup | None = None
    is_established: bool = False
    has_treatment_plan: bool = False
    biller: Biller | None = None
    elected: Program | None = None
    other_programs: tuple[OtherProgram, ...] = ()
    other_claims: tuple[OtherClaim, ...] = ()
    setup_claims: tuple[date | None, ...] = ()  # dates of service of this practice's own
    global_periods: tuple[GlobalPeriod, ...] = ()
    alignments: tuple[Alignment, ...] = ()
    glucose_claims: tuple[Span, ...] = ()
    stays: tuple[Span, ...] = ()
    locks: tuple[Lock, ...] = ()
    devices: dict[str, Device] = {}
    readings: tuple[Reading, ...] = ()
    time_entries: tuple[TimeEntry, ...] = ()


class Question(Fact, frozen=True, kw_only=True):
    """What is asked: a period of the episode, perhaps a month, and by what was known when."""

    period: int
    month: date | None = None
    as_of: datetime

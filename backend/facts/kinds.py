"""What people state of a patient: one struct for each kind of fact, as `facts add` takes it.

Dates are the patient's civil dates, and spans hold both their ends. A fact belongs to the episode
that it names, else to the first one that had not ended by its date.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from backend.billing.facts import Category, Program, Says
from backend.billing.zones import find_zone

LONGEST = timedelta(days=1)
Text = Annotated[str, Meta(min_length=1, max_length=4000)]
PatientId = Annotated[str, Meta(pattern=r"^\S{1,64}$")]
FactName = Annotated[str, Meta(pattern=r"^([0-9a-f]{16})?$")]
Number = Annotated[int, Meta(ge=1, le=1200)]
Npi = Annotated[str, Meta(pattern=r"^\d{10}$")]
Code = Annotated[str, Meta(pattern=r"^[0-9A-Z]{5}$")]
Instant = Annotated[datetime, Meta(tz=True)]


class Kind(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A fact; `episode` is its number, 1 for the first."""

    @property
    def about(self) -> datetime | None:
        """When it was, for what recurs every month; none for what stands."""
        return None


class Dated(Kind, frozen=True, kw_only=True):
    """A fact of one date."""

    on: date
    episode: Number | None = None


class Spanning(Kind, frozen=True, kw_only=True):
    """A fact of a span; an end that is none is open."""

    first: date | None = msgspec.field(default=None, name="from")
    last: date | None = msgspec.field(default=None, name="to")

    def __post_init__(self) -> None:
        if self.first and self.last and self.last < self.first:
            raise ValueError("to: wanted a date no earlier than `from`")


class Timed(Kind, frozen=True, kw_only=True):
    """Time that a person spent."""

    start: Instant
    stop: Instant
    person: Text

    def __post_init__(self) -> None:
        if not timedelta() <= self.stop.astimezone(UTC) - self.start.astimezone(UTC) <= LONGEST:
            raise ValueError("stop: wanted a time from `start` on, within 24 hours")

    @property
    def about(self) -> datetime:
        """Its start."""
        return self.start


class Patient(Kind, frozen=True, kw_only=True):
    """The patient lives in an IANA zone from a date on. No name belongs here."""

    zone: Text
    since: date = msgspec.field(name="from")

    def __post_init__(self) -> None:
        if find_zone(self.zone) is None:
            raise ValueError("zone: wanted an IANA zone such as America/New_York")


class Episode(Kind, frozen=True, kw_only=True):
    """An episode of care under one programme; the next one begins after its documented end."""

    program: Program
    category: Category | None = None
    start: date
    end: date | None = None
    condition: str = ""
    goal: str = ""

    def __post_init__(self) -> None:
        if (self.program == "RTM") != (self.category is not None):
            raise ValueError("category: wanted resp, msk, cbt or other for RTM, none for RPM")
        if self.end and self.end < self.start:
            raise ValueError("end: wanted a date no earlier than `start`")


class Order(Dated, frozen=True, kw_only=True):
    """A practitioner's order."""

    npi: Npi | None = None
    parameter: str = ""
    device: str = ""
    diagnosis: str = ""
    necessity: str = ""
    goal: str = ""


class Consent(Dated, frozen=True, kw_only=True):
    """The patient's consent."""

    method: Literal["verbal", "written", "electronic"]
    taken_by: str = ""
    text_version: str = ""
    cost_share_told: bool = False
    one_practitioner_told: bool = False


class Revocation(Dated, frozen=True, kw_only=True):
    """The patient's consent ends on this day."""

    method: str = ""
    taken_by: str = ""


class Setup(Dated, frozen=True, kw_only=True):
    """Set-up at the patient's, and whether education was given."""

    educated: bool
    person: str = ""
    content: str = ""
    teach_back: bool = False
    device: str = ""


class Relationship(Dated, frozen=True, kw_only=True):
    """The evaluation visit by which the patient is an established one."""

    npi: Npi | None = None


class Plan(Dated, frozen=True, kw_only=True):
    """A treatment plan."""

    npi: Npi | None = None
    goal: str = ""


class Device(Spanning, frozen=True, kw_only=True):
    """A device or app of the patient's, its kind of data, and why it is a device under 201(h).

    `device` is MAKER/MODEL/SERIAL or the 32 hex digits of its id, as enrolled; of an app any name.
    The dates narrow those of its enrolment, and `slot` the user's place on it.
    """

    device: Text
    kind: Text
    slot: Annotated[int, Meta(ge=0)] | None = None
    k510: str = ""
    listing: str = ""
    udi: str = ""
    wellness: bool = False
    cleared: bool | None = None
    captured: bool = True


class Practitioner(Kind, frozen=True, kw_only=True):
    """Who bills, orders or supervises; `zone` is the biller's practice's."""

    npi: Npi
    role: Literal["biller", "orderer", "supervisor"]
    profession: Text
    zone: str | None = None
    episode: Number | None = None

    def __post_init__(self) -> None:
        if self.zone is not None and find_zone(self.zone) is None:
            raise ValueError("zone: wanted an IANA zone such as America/New_York")


class Time(Timed, frozen=True, kw_only=True):
    """Time that a person spent. Another activity than the first three is none of ours."""

    credential: Text
    activity: Text
    service: str = ""
    live: bool = False
    modality: str = ""
    party: str = ""
    supervisor: str = ""


class OtherTime(Timed, frozen=True, kw_only=True):
    """Minutes that went to another care-management service."""

    service: Text


class Note(Kind, frozen=True, kw_only=True):
    """The monthly note. It is not signed before all five questions are answered."""

    month: Annotated[str, Meta(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
    why: str = ""
    data: str = ""
    reviewed: str = ""
    contact: str = ""
    changed: str = ""
    reviewer: str = ""
    signed: Instant | None = None

    def __post_init__(self) -> None:
        for name in (*QUESTIONS, "reviewer"):
            if self.signed and not getattr(self, name).strip():
                raise ValueError(f"{name}: wanted an answer before the note is signed")


QUESTIONS = ("why", "data", "reviewed", "contact", "changed")


class Stay(Spanning, frozen=True, kw_only=True):
    """A stay in a hospital or nursing facility."""


class OtherProgram(Spanning, frozen=True, kw_only=True):
    """The other programme of the same patient."""

    program: Program


class Election(Kind, frozen=True, kw_only=True):
    """The programme that the practice has elected where two overlap."""

    program: Program


class OtherClaim(Spanning, frozen=True, kw_only=True):
    """A code that another practitioner has billed."""

    npi: Npi
    code: Code


class OwnClaim(Spanning, frozen=True, kw_only=True):
    """A code that this practice has billed; `dos` is its date of service."""

    code: Code
    dos: date | None = None


class GlobalPeriod(Spanning, frozen=True, kw_only=True):
    """A surgical global period."""

    paid_to_biller: bool = True
    related: bool = True


class Alignment(Spanning, frozen=True, kw_only=True):
    """The patient's alignment to the ACCESS model."""

    own_organisation: bool = True
    same_condition: bool = True


class Payer(Kind, frozen=True, kw_only=True):
    """Who pays, and whether its policy covers this, where the practice has asked."""

    name: Text
    covers: bool | None = None
    episode: Number | None = None


class Lock(Kind, frozen=True, kw_only=True):
    """The claim for a period of an episode is locked."""

    period: Number
    at: Instant
    episode: Number = 1


class Entry(Kind, frozen=True, kw_only=True):
    """Therapy data that were typed or told: manual for ever. Values stay where they were entered.

    `reference` names it there; two entries of one moment differ by it.
    """

    device: Text
    kind: Text
    at: Instant
    says: Says = "measurement"
    reference: str = ""
    attributed: bool = True

    @property
    def about(self) -> datetime:
        """When the patient was measured."""
        return self.at


KINDS: dict[str, type[Kind]] = {
    "patient": Patient,
    "episode": Episode,
    "order": Order,
    "consent": Consent,
    "revocation": Revocation,
    "setup": Setup,
    "relationship": Relationship,
    "plan": Plan,
    "device": Device,
    "practitioner": Practitioner,
    "time": Time,
    "other-time": OtherTime,
    "note": Note,
    "stay": Stay,
    "other-program": OtherProgram,
    "election": Election,
    "other-claim": OtherClaim,
    "own-claim": OwnClaim,
    "global-period": GlobalPeriod,
    "alignment": Alignment,
    "payer": Payer,
    "lock": Lock,
    "entry": Entry,
}
WITHDRAWAL = "withdrawal"

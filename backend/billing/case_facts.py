"""From the `facts` of a case in a file to the facts that are judged.

Where a file may name a thing in several ways, ours stands first; docs/billing.md lists them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, cast

from backend.billing.case_readings import flag, parse_span
from backend.billing.facts import (
    Alignment,
    Biller,
    Consent,
    GlobalPeriod,
    Lock,
    OtherClaim,
    OtherProgram,
    Payer,
    Program,
    Setup,
    Span,
)
from backend.billing.node import Node
from backend.billing.zones import Zones, ZoneSince, midnight

_SETUP_CODES = {"99453", "98975"}
_GLUCOSE_CODES = {"95249", "95250", "95251"}
_PAYS = {"allowed", "as_medicare", "covered", "medicare"}
PROGRAMS = ("RPM", "RTM")
# A zone history begins before every date that a file can hold.
_EVER = date(1900, 1, 1)


def parse_zones(case: Node) -> Zones:
    """The zone of enrolment, and where the patient has moved to since."""
    enrolled = ZoneSince(_EVER, case.need("timezone").zone())
    moves = [
        ZoneSince(move.need("from", "since", "date").day(Zones((enrolled,))), zone.zone())
        for move in _each(case, "timezone_history", "zone_history", "moves")
        if (zone := move.need("timezone", "zone"))
    ]
    return Zones((enrolled, *sorted(moves, key=lambda move: (move.since, str(move.zone)))))


def parse_program(node: Node, name: str = "program") -> Program:
    """A programme."""
    return cast("Program", node.need(name).word(PROGRAMS))


def parse_facts(node: Node, zones: Zones, period: int) -> dict[str, Any]:
    """The fields of `Facts` in a case's `facts`; a lock that names no period is `period`'s."""
    episode = node.at("episode_start")
    ordered, elected = node.at("order_date", "ordered"), node.at("elected_program")
    node.skip("therapy_modifiers")  # R-WHO: for the claim, and no ground to block a code
    condition, practice_zone = node.at("condition"), node.at("practice_timezone")
    return {
        "condition": condition.text() if condition else "",
        "practice_zone": practice_zone.zone() if practice_zone else None,
        "payer": _parse_payer(node),
        "episode_start": episode.day(zones) if episode else None,
        "ordered": ordered.day(zones) if ordered else None,
        "consent": _parse_consent(node, zones),
        "setup": _parse_setup(node, zones),
        "is_established": flag(node.at("established_patient")),
        "has_treatment_plan": flag(node.at("treatment_plan")),
        "biller": _parse_biller(node.at("biller")),
        "elected": parse_program(node, "elected_program") if elected else None,
        "other_programs": tuple(
            OtherProgram(program=parse_program(other), span=parse_span(other, zones))
            for other in _each(node, "other_program", "other_programs")
        ),
        "other_claims": tuple(
            OtherClaim(
                npi=claim.need("npi").text(),
                code=claim.need("code").text(),
                span=parse_span(claim, zones),
            )
            for claim in _each(node, "other_practitioner_claims")
        ),
        "setup_claims": tuple(_parse_setup_claims(node, zones)),
        "global_periods": tuple(
            _parse_global(one, zones) for one in _each(node, "global_period", "global_periods")
        ),
        "alignments": tuple(_parse_alignments(node, zones)),
        "glucose_claims": tuple(_parse_glucose_claims(node, zones)),
        "stays": tuple(
            parse_span(stay, zones)
            for stay in _each(
                node,
                "stays",
                "inpatient_stays",
                "inpatient_stay",
                "inpatient",
                "hospital_stays",
                "hospital_stay",
                "admissions",
            )
        ),
        "locks": tuple(parse_locks(node, zones, period)),
    }


def parse_locks(node: Node, zones: Zones, period: int) -> Iterator[Lock]:
    """When claims were locked; a date alone locks from its first instant on."""
    for lock in _each(
        node, "claim_locked_at", "claim_locked", "claim_lock", "locks", "lock", "locked_at"
    ):
        at, number = lock, None
        if isinstance(lock.value, dict):
            at, number = lock.need("at", "locked_at"), lock.at("period")
        day = at.day(zones)
        is_date = day.isoformat() == at.value
        yield Lock(
            period=number.whole(1, 1200) if number else period,
            at=midnight(day, zones.on(day)) if is_date else at.instant(),
        )


def _parse_consent(node: Node, zones: Zones) -> Consent | None:
    consent = node.at("consent")
    ended = node.at("consent_revoked", "revocation", "revocation_date")
    given = consent and consent.at("date", "given")
    if consent is None or given is None:
        return None
    consent.skip("method", "documented_by")  # R-CONS: verbal consent that is documented will do
    ended = (
        consent.at("revoked", "revoked_date", "revoked_on", "revoked_at", "revocation_date")
        or ended
    )
    if ended and isinstance(ended.value, dict):
        ended = ended.need("date", "on")
    return Consent(given=given.day(zones), revoked=ended.day(zones) if ended else None)


def _parse_setup(node: Node, zones: Zones) -> Setup | None:
    setup = node.at("setup")
    on = setup and setup.at("date", "on")
    if setup is None or on is None:
        return None
    return Setup(on=on.day(zones), is_educated=flag(setup.at("education_done", "education")))


def _parse_biller(node: Node | None) -> Biller | None:
    if node is None:
        return None
    npi, profession = node.at("npi"), node.at("type", "profession")
    return Biller(npi=npi.text() if npi else "", profession=profession.text() if profession else "")


def _parse_payer(node: Node) -> Payer | None:
    payer, profile = node.at("payer"), node.at("payer_profile", "payer_policy")
    if payer is None:
        return None
    covers = None
    if profile:
        covers = profile.value if isinstance(profile.value, bool) else profile.text() in _PAYS
    return Payer(name=payer.text(), covers=covers)


def _parse_setup_claims(node: Node, zones: Zones) -> Iterator[date | None]:
    billed = node.at(
        "setup_billed",
        "setup_already_billed",
        "setup_billed_in_episode",
        "setup_billed_on",
        "setup_previously_billed",
        "prior_setup_billed",
    )
    if billed and billed.value is not False:
        yield None if billed.value is True else billed.day(zones)
    for claim in _own_claims(node):
        is_plain = isinstance(claim.value, str)
        code = claim.text() if is_plain else claim.need("code").text()
        if code in _SETUP_CODES:
            dos = None if is_plain else claim.at("dos", "date")
            yield dos.day(zones) if dos else None


def _parse_glucose_claims(node: Node, zones: Zones) -> Iterator[Span]:
    for claim in _each(
        node,
        "glucose_claims",
        "cgm_claims",
        "cgm_claim",
        "cgm_95250",
        "cgm_period",
        "cgm_billed",
        "cgm",
    ):
        if claim.value is not False:
            yield parse_span(claim, zones)
    for claim in (*_own_claims(node), *_each(node, "other_practitioner_claims")):
        if isinstance(claim.value, dict) and claim.need("code").text() in _GLUCOSE_CODES:
            yield parse_span(claim, zones)


def _own_claims(node: Node) -> list[Node]:
    return _each(node, "own_claims", "prior_claims", "billed_codes", "already_billed")


def _parse_global(node: Node, zones: Zones) -> GlobalPeriod:
    paid, related = node.at("paid_to_biller"), node.at("related")
    return GlobalPeriod(
        span=parse_span(node, zones),
        is_paid_to_biller=paid is None or paid.flag(),
        is_related=related is None or related.flag(),
    )


def _parse_alignments(node: Node, zones: Zones) -> Iterator[Alignment]:
    for one in _each(
        node, "access_model", "access_alignment", "access_model_aligned", "access_aligned", "access"
    ):
        if isinstance(one.value, bool):
            own = same = aligned = None
            if not one.value:
                continue
        else:
            aligned, own = one.at("aligned"), one.at("own_organisation", "same_organisation")
            same = one.at("same_condition")
        if aligned is None or aligned.flag():
            yield Alignment(
                span=parse_span(one, zones),
                is_own_organisation=own is None or own.flag(),
                is_same_condition=same is None or same.flag(),
            )


def _each(node: Node, *names: str) -> list[Node]:
    found = node.at(*names)
    return list(found.each()) if found else []

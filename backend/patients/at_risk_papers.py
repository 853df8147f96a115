"""The papers that block codes and that somebody can still bring: as if each came today."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import NamedTuple

from msgspec.structs import replace

from backend.billing.facts import Biller, Consent, Facts, Setup
from backend.billing.reasons import Block, Reason


class Cure(NamedTuple):
    """What somebody does about a reason, and the facts as if it were done."""

    words: str
    apply: Callable[[Facts, date], Facts]


def _order(facts: Facts, day: date) -> Facts:
    return replace(facts, ordered=day)


def _consent(facts: Facts, day: date) -> Facts:
    return replace(facts, consent=Consent(given=day))


def _setup(facts: Facts, day: date) -> Facts:
    return replace(facts, setup=Setup(on=facts.setup.on if facts.setup else day, is_educated=True))


def _biller(facts: Facts, _: date) -> Facts:
    return replace(facts, biller=facts.biller or Biller(npi="", profession="MD"))


def _established(facts: Facts, _: date) -> Facts:
    return replace(facts, is_established=True)


def _plan(facts: Facts, _: date) -> Facts:
    return replace(facts, has_treatment_plan=True)


def _election(facts: Facts, _: date) -> Facts:
    return replace(facts, elected=facts.program)


def _payer(facts: Facts, _: date) -> Facts:
    # What the practice knows already is not asked again.
    if facts.payer is None or facts.payer.covers is not None:
        return facts
    return replace(facts, payer=replace(facts.payer, covers=True))


CURES: Mapping[Reason, Cure] = {
    Block.BILLER_NOT_ELIGIBLE: Cure("State who bills.", _biller),
    Block.NO_ORDER: Cure(
        "Get the order and state it; what was measured before counts not.", _order
    ),
    Block.NO_CONSENT: Cure(
        "Get the consent and state it; what was measured before counts not.", _consent
    ),
    Block.NOT_ESTABLISHED_PATIENT: Cure("State the evaluation visit.", _established),
    Block.NO_TREATMENT_PLAN: Cure("Get the treatment plan and state it.", _plan),
    Block.RPM_RTM_UNRESOLVED: Cure("Elect one of the two programmes.", _election),
    Block.PAYER_POLICY_HOLD: Cure("Ask the payer whether it covers this, and state it.", _payer),
    Block.NO_SETUP_EDUCATION: Cure("Educate the patient and document it.", _setup),
}

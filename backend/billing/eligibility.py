"""What blocks every code of a programme, first that applies (the rule table, 1c and 1g)."""

from __future__ import annotations

from backend.billing.facts import Facts, Payer
from backend.billing.reasons import Block
from backend.billing.rule_sets import ProgramRules, RuleSet
from backend.billing.situation import Dates, Situation


def find_block(  # noqa: PLR0911  one reason a line
    situation: Situation, *, is_management: bool
) -> Block | None:
    """The first reason why no code may be billed, or no management code."""
    facts, policy = situation.facts, situation.policy
    if not facts.biller or facts.biller.profession.upper() not in situation.program.billers:
        return Block.BILLER_NOT_ELIGIBLE  # R-WHO
    if facts.ordered is None:
        return Block.NO_ORDER  # R-ORD
    if facts.consent is None:
        return Block.NO_CONSENT  # R-CONS
    if facts.program == "RPM" and not facts.is_established:
        return Block.NOT_ESTABLISHED_PATIENT  # R-EST
    if facts.program == "RTM" and not facts.has_treatment_plan:
        return Block.NO_TREATMENT_PLAN  # R-EST
    hull = situation.hull
    if hull and (block := _overlap(situation, hull, is_management=is_management)):
        return block
    if policy.payer == "hold" and not covers(situation.rules, facts.payer, facts.condition):
        return Block.PAYER_POLICY_HOLD  # R-PAY
    return None


def covers(rules: RuleSet, payer: Payer | None, condition: str) -> bool:
    """Whether the payer is known to pay for this condition."""
    if payer is None or payer.covers is not None:
        return bool(payer and payer.covers)
    name = payer.name.lower()
    return any(
        (name == rule.name if rule.match == "whole" else name.startswith(rule.name))
        and (not rule.conditions or condition.upper().startswith(rule.conditions))
        for rule in rules.payers
    )


def _overlap(situation: Situation, hull: Dates, *, is_management: bool) -> Block | None:
    facts, policy = situation.facts, situation.policy
    if policy.overlap == "elected" and _has_other_program(facts, hull):  # R-NOTBOTH
        if facts.elected is None:
            return Block.RPM_RTM_UNRESOLVED
        if facts.elected != facts.program:
            return Block.RPM_RTM_CONFLICT
    if _has_other_practitioner(situation, hull, is_management=is_management):
        return Block.OTHER_PRACTITIONER  # R-ONE
    if any(
        g.is_paid_to_biller and g.is_related and g.span.meets(*hull) for g in facts.global_periods
    ):
        return Block.GLOBAL_PERIOD  # R-GLOB
    if policy.payer == "hold" and any(
        one.is_own_organisation and one.is_same_condition and one.span.meets(*hull)
        for one in facts.alignments
    ):
        return Block.ACCESS_MODEL_EXCLUSIVE  # R-ACCESS
    return None


def _has_other_program(facts: Facts, hull: Dates) -> bool:
    return any(
        other.program != facts.program and other.span.meets(*hull) for other in facts.other_programs
    )


def _has_other_practitioner(situation: Situation, hull: Dates, *, is_management: bool) -> bool:
    facts, programs = situation.facts, situation.rules.programs.values()
    codes = {code for program in programs for code in _device_codes(program)}
    if situation.policy.management_by == "one":
        codes |= {code for program in programs for code in _time_codes(program)}
    elif is_management:
        return False
    return any(
        claim.npi != (facts.biller.npi if facts.biller else "")
        and claim.code in codes
        and claim.span.meets(*hull)
        for claim in facts.other_claims
    )


def _device_codes(program: ProgramRules) -> set[str]:
    supply = {rule.code for rules in program.supply.values() for rule in rules}
    return supply | {program.setup.code}


def _time_codes(program: ProgramRules) -> set[str]:
    return {rule.code for rule in (*program.management, program.professional) if rule}

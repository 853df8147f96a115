"""What blocks every code."""

from __future__ import annotations

from .story import as_list

UNITED = ("uhc", "unitedhealthcare", "united_healthcare")
UNITED_PAYS = ("I50", "O10", "O11", "O13", "O14", "O15", "O16")
VISITING = ("MD", "DO", "NP", "PA")
THERAPISTS = ("PT", "OT", "SLP")
DEVICES = {
    *("99453", "99454", "99445", "98975"),
    *("98976", "98977", "98978", "98984", "98985", "98986"),
}
MINUTES = {"99457", "99458", "99470", "99091", "98979", "98980", "98981"}


def find_block(asked, *, is_time):
    """What blocks every code."""
    story, facts = asked.story, asked.story.facts
    biller = facts.get("biller") or {}
    if biller.get("type") not in VISITING + (THERAPISTS if story.program == "RTM" else ()):
        return "BILLER_NOT_ELIGIBLE"
    if story.ordered is None:
        return "NO_ORDER"
    if story.consented is None:
        return "NO_CONSENT"
    if story.program == "RPM" and not facts.get("established_patient"):
        return "NOT_ESTABLISHED_PATIENT"
    if story.program == "RTM" and not facts.get("treatment_plan"):
        return "NO_TREATMENT_PLAN"
    for other in as_list(facts.get("other_program")):
        is_beside = other["program"] != story.program and asked.is_overlapped(other)
        if is_beside and asked.policy["overlap"] == "elected":
            if facts.get("elected_program") is None:
                return "RPM_RTM_UNRESOLVED"
            if facts["elected_program"] != story.program:
                return "RPM_RTM_CONFLICT"
    for claim in as_list(facts.get("other_practitioner_claims")):
        span = {"from": claim.get("period_start"), "to": claim.get("period_end")}
        if claim["npi"] == biller.get("npi") or not asked.is_overlapped(span):
            continue
        if asked.policy["management_by"] == "one" and claim["code"] in DEVICES | MINUTES:
            return "OTHER_PRACTITIONER"
        if not is_time and claim["code"] in DEVICES:
            return "OTHER_PRACTITIONER"
    for surgery in as_list(facts.get("global_period")):
        if (
            surgery.get("paid_to_biller")
            and surgery.get("related")
            and asked.is_overlapped(surgery)
        ):
            return "GLOBAL_PERIOD"
    if asked.policy["payer"] == "bill":
        return None
    for model in as_list(facts.get("access_model")):
        is_ours = model.get("aligned") and model.get("own_organisation")
        if is_ours and model.get("same_condition") and asked.is_overlapped(model):
            return "ACCESS_MODEL_EXCLUSIVE"
    if facts.get("payer_profile"):
        return None if facts["payer_profile"] == "allowed" else "PAYER_POLICY_HOLD"
    return None if _is_paying(facts) else "PAYER_POLICY_HOLD"


def _is_paying(facts):
    payer = facts.get("payer") or ""
    if payer.lower().startswith(UNITED):
        return facts.get("condition", "").upper().startswith(UNITED_PAYS)
    return payer.lower() in ("medicare_part_b", "state_medicaid")

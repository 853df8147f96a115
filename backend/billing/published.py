"""The rule sets that come with the product: 2025 and 2026. Nobody has found a rule for 2027.

Source: the project's rule table of 2026-11-22; `row` names its rows. Codes are numbers only, as
their descriptors are licensed.
"""

from __future__ import annotations

from datetime import date

from backend.billing.rule_sets import (
    PayerRule,
    ProfessionalRule,
    ProgramRules,
    RuleSet,
    RuleSets,
    SetupRule,
    SupplyRule,
    TimeRule,
)

# R-WHO: who may bill evaluation visits; R-FQHC.
_EM_ELIGIBLE = ("CNM", "CNS", "DO", "FQHC", "MD", "NP", "PA", "PHYSICIAN", "RHC")
_THERAPY = (*_EM_ELIGIBLE, "LCSW", "OT", "PSYCHOLOGIST", "PT", "SLP")

# 1d, which data go where.
_PHYSIOLOGIC = (
    "blood_glucose",
    "blood_pressure",
    "body_composition",
    "cgm",
    "ecg",
    "glucose",
    "glucose_meter",
    "heart_rate",
    "oximeter",
    "peak_flow",
    "pulse_oximeter",
    "respiratory_flow",
    "scale",
    "spirometer",
    "spo2",
    "temperature",
    "thermometer",
    "weight",
)
_DISPENSER = ("medication_adherence", "pill_dispenser")
_THERAPEUTIC = {
    "resp": ("inhaler", "inhaler_sensor", "nebulizer", "respiratory_app", *_DISPENSER),
    "msk": (
        "exercise",
        "exercise_app",
        "function_app",
        "goniometer",
        "motion_sensor",
        "pain",
        "pain_app",
        "rom_sensor",
        *_DISPENSER,
    ),
    "cbt": ("cbt_app", "mood", "mood_app", *_DISPENSER),
}
# No supply code hangs on it, so any therapy data keep it alive.
_THERAPEUTIC["other"] = tuple(sorted({kind for kinds in _THERAPEUTIC.values() for kind in kinds}))

_UHC = ("I50", "O10", "O11", "O13", "O14", "O15", "O16")  # ICD-10: heart failure; pregnancy
_PAYERS = (
    PayerRule(name="medicare_part_b", row="R-PAY"),
    PayerRule(name="state_medicaid", row="R-PAY"),
    # The policy that was due 2026-01-01 is postponed to a date that nobody has found.
    *(
        PayerRule(name=name, row="R-PAY", match="start", conditions=_UHC)
        for name in ("uhc", "unitedhealthcare", "united_healthcare")
    ),
)


def _days(code: str, row: str, least: int, most: int, *, is_in_force: bool = True) -> SupplyRule:
    return SupplyRule(code=code, row=row, least=least, most=most, is_in_force=is_in_force)


def _supply(short: str, long: str, *, is_2026: bool) -> tuple[SupplyRule, SupplyRule]:
    return (
        _days(short, "R-DEV-2", 2, 15, is_in_force=is_2026),
        _days(long, "R-DEV-16", 16, 30),
    )


def _management(
    first: str, base: str, further: str, *, is_2026: bool
) -> tuple[TimeRule, TimeRule, TimeRule]:
    return (
        TimeRule(code=first, row="R-MGT-10", least=10, below=20, is_in_force=is_2026),
        TimeRule(code=base, row="R-MGT-20", least=20),
        TimeRule(code=further, row="R-MGT-ADD", least=40, each=20),
    )


def _programs(*, is_2026: bool) -> dict[str, ProgramRules]:
    rpm_setup = SetupRule(code="99453", row="R-SET-3", least=16, unsettled=(2,))
    rtm_setup = SetupRule(code="98975", row="R-SET-2", least=2, unsettled=(16,))
    if not is_2026:
        rpm_setup = SetupRule(code="99453", row="R-SET-3", least=16)
        rtm_setup = SetupRule(code="98975", row="R-SET-2", least=16)
    return {
        "RPM": ProgramRules(
            setup=rpm_setup,
            supply={"": _supply("99445", "99454", is_2026=is_2026)},
            management=_management("99470", "99457", "99458", is_2026=is_2026),
            professional=ProfessionalRule(
                code="99091", row="R-99091", least=30, not_with=("99457", "99458")
            ),
            billers=_EM_ELIGIBLE,
            kinds={"": _PHYSIOLOGIC},
        ),
        "RTM": ProgramRules(
            setup=rtm_setup,
            supply={
                "resp": _supply("98984", "98976", is_2026=is_2026),
                "msk": _supply("98985", "98977", is_2026=is_2026),
                "cbt": _supply("98986", "98978", is_2026=is_2026),
                "other": (),
            },
            management=_management("98979", "98980", "98981", is_2026=is_2026),
            billers=_THERAPY,
            kinds=_THERAPEUTIC,
        ),
    }


def _rule_set(year: int, first: date | None, last: date) -> RuleSet:
    return RuleSet(
        id=f"us-medicare-{year}",
        version=1,
        first=first,
        last=last,
        programs=_programs(is_2026=year >= 2026),  # noqa: PLR2004  the year of the new codes
        payers=_PAYERS,
        live_modalities=("audio", "phone", "telephone", "video"),
        live_parties=("caregiver", "guardian", "parent", "patient"),
    )


PUBLISHED = RuleSets(
    (
        _rule_set(2025, None, date(2025, 12, 31)),
        _rule_set(2026, date(2026, 1, 1), date(2026, 12, 31)),
    )
)

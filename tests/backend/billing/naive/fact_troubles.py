"""What goes wrong, or on, with all that people state: one family a function of its name."""

from __future__ import annotations

from datetime import time, timedelta

from .reading_troubles import ZONES


def consents(history):
    """Order, consent and set-up on different days, some missing; consent revoked."""
    chance, facts = history.chance, history.case["facts"]
    for key in ("order_date", "consent", "setup"):
        day = history.some_day(-5, 20).isoformat()
        if chance.random() < 0.1:
            del facts[key]
        elif key == "order_date":
            facts[key] = day
        else:
            facts[key] = {**facts[key], "date": day}
    if "consent" in facts and chance.random() < 0.5:
        facts["consent"]["revoked"] = history.some_day(0, 60).isoformat()
    if "setup" in facts and chance.random() < 0.2:
        facts["setup"]["education_done"] = False


def episodes(history):
    """An earlier episode ended; set-up was billed in it or in this one."""
    chance, facts = history.chance, history.case["facts"]
    if chance.random() < 0.7:
        facts["episode_start"] = history.some_day(-20, 40).isoformat()
    if chance.random() < 0.6:
        facts["setup_billed"] = chance.choice((True, history.some_day(-40, 40).isoformat()))
    if chance.random() < 0.4:
        code = chance.choice(("99453", "98975", "99454", "95250"))
        day = history.some_day(-40, 40).isoformat()
        facts["own_claims"] = [{"code": code, "dos": day, **history.some_span()}]


def stays(history):
    """In hospital for a night, a week, or still."""
    count = history.chance.choice((1, 1, 2))
    history.case["facts"]["stays"] = [history.some_span() for _ in range(count)]


def other_programmes(history):
    """The other programme runs beside it; one of the two is elected, or neither."""
    other = "RTM" if history.case["program"] == "RPM" else "RPM"
    facts = history.case["facts"]
    facts["other_program"] = {"program": other, **history.some_span()}
    facts["elected_program"] = history.chance.choice((None, "RPM", "RTM"))


def other_claims(history):
    """Another practitioner, a surgeon, a payer's model, glucose claims."""
    chance, facts = history.chance, history.case["facts"]
    span = history.some_span()
    facts["other_practitioner_claims"] = [
        {
            "npi": chance.choice(("1000000001", "1999999999")),
            "code": chance.choice(("99454", "99457", "98985", "98980", "99091", "99490", "95251")),
            **{f"period_{'start' if end == 'from' else 'end'}": d for end, d in span.items()},
        }
    ]
    if chance.random() < 0.3:
        facts["global_period"] = {
            "paid_to_biller": chance.random() < 0.7,
            "related": chance.random() < 0.7,
            **history.some_span(),
        }
    if chance.random() < 0.3:
        names = ("aligned", "own_organisation", "same_condition")
        facts["access_model"] = {name: chance.random() < 0.8 for name in names}
        facts["access_model"] |= history.some_span()
    if chance.random() < 0.4:
        facts["glucose_claims"] = [history.some_span()]


def eligibility(history):
    """Who bills, whose patient, who pays."""
    chance, facts = history.chance, history.case["facts"]
    facts["biller"]["type"] = chance.choice(("MD", "NP", "PT", "SLP", "RN"))
    facts["established_patient"] = chance.random() < 0.7
    facts["treatment_plan"] = chance.random() < 0.7
    payers = ("medicare_part_b", "state_medicaid", "blue_plan", "UnitedHealthcare MA", "uhc")
    facts["payer"] = chance.choice(payers)
    facts["condition"] = chance.choice(("I10", "I50.9 heart failure", "i50", "O12.0", "O13"))
    if chance.random() < 0.5:
        facts["payer_profile"] = chance.choice(("allowed", "unknown"))


def minutes(history):
    """Calls and reviews that overlap, cross midnights and the ends of months."""
    chance = history.chance
    closes = history.first + timedelta(days=30)
    month_end = closes.replace(day=1)
    if chance.random() < 0.3:
        history.case["facts"]["practice_timezone"] = chance.choice(ZONES)
    for _ in range(chance.choice((1, 2, 3, 6))):
        day = chance.choice((history.some_day(0, 40), month_end, closes))
        start = history.at(day, chance.choice((time(10), time(0), time(10, 5))))
        start -= timedelta(seconds=chance.choice((0, 0, 60, 599, 600, 1200)))
        length = chance.choice((0, 59, 60, 540, 599, 600, 660, 1199, 1200, 1800, 2400, 3601))
        entry = {
            "start": start.isoformat(),
            "end": (start + timedelta(seconds=length)).isoformat(),
            "staff": chance.choice(("a", "b")),
            "performer": chance.choice(("clinical_staff", "MD")),
            "purpose": chance.choice(("management",) * 8 + ("99091", "logistics", "visit")),
            "modality": chance.choice(("phone", "phone", "video", "text", "chart_review")),
            "interactive": chance.random() < 0.8,
            "party": chance.choice(("patient", "patient", "caregiver", "pharmacy", None)),
        }
        if chance.random() < 0.1:
            entry["service"] = "CCM"
        history.case["management"].append(entry)
    if chance.random() < 0.2:
        visit = history.case["management"][0]
        history.case["visits"] = [{"start": visit["start"], "end": visit["end"]}]
    history.case["evaluate"]["month"] = f"{(month_end - timedelta(days=1)):%Y-%m}"


def professional(history):
    """Time of a physician in person, often beside the staff's."""
    chance = history.chance
    if chance.random() < 0.5 and not history.case["management"]:
        minutes(history)
    for _ in range(chance.choice((1, 2))):
        start = history.at(history.some_day(0, 31), time(9))
        length = timedelta(seconds=chance.choice((900, 1799, 1800, 1860)))
        history.case["management"].append(
            {
                "start": start.isoformat(),
                "end": (start + length).isoformat(),
                "staff": "dr",
                "performer": chance.choice(("QHP", "MD", "clinical_staff")),
                "purpose": "99091",
                "modality": "chart_review",
                "interactive": False,
            }
        )


def quiet(history):
    """Nothing at all goes wrong."""

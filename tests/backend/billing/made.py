from datetime import date, datetime, timedelta

from backend.billing.assess import answer_json, assess
from backend.billing.policy import parse_policy

FIRST = date(2026, 4, 6)
DEVICES = {
    "cuff": {"kind": "blood_pressure", "fda_defined": True},
    "scale": {"kind": "weight", "fda_defined": True},
    "band": {"kind": "motion_sensor", "fda_defined": True},
    "puff": {"kind": "inhaler_sensor", "fda_defined": True},
    "box": {"kind": "pill_dispenser", "fda_defined": True},
    "watch": {"kind": "blood_pressure", "fda_defined": False},
    "paper": {"kind": "pain_app", "fda_defined": True, "not_device_captured": True},
}


def event(day, hour=8, *, device="cuff", after=timedelta(minutes=1), **rest):
    at = datetime.fromisoformat(f"{day}T{hour:02}:00:00-04:00")
    told = {"timestamp": at.isoformat(), "received_at": (at + after).isoformat()}
    kind = DEVICES[device]["kind"]
    return {"device_id": device, "device_kind": kind, "mode": "automatic"} | told | rest


def days(count, *, since=FIRST, **rest):
    return [event(since + timedelta(days=n), **rest) for n in range(count)]


def entry(minutes=20, start="2026-04-15T10:00:00-04:00", **rest):
    end = datetime.fromisoformat(start) + timedelta(minutes=minutes)
    who = {"staff": "ma-1", "performer": "clinical_staff", "party": "patient"}
    how = {"modality": "phone", "interactive": True, "purpose": "management"}
    return {"start": start, "end": end.isoformat()} | who | how | rest


def case(events, *, facts=None, devices=None, **rest):
    known = {
        "payer": "medicare_part_b",
        "condition": "I10 essential hypertension",
        "order_date": "2026-04-06",
        "consent": {"date": "2026-04-06"},
        "setup": {"date": "2026-04-06", "education_done": True},
        "established_patient": True,
        "treatment_plan": True,
        "biller": {"npi": "1000000001", "type": "MD"},
    }
    return {
        "id": "made",
        "timezone": "America/New_York",
        "program": "RPM",
        "devices": DEVICES | (devices or {}),
        "facts": known | (facts or {}),
        "events": events,
        "management": [],
        "evaluate": {"period": 1},
        "as_of": "2026-05-10T12:00:00-04:00",
    } | rest


def judged(made, *policy):
    found = assess({"cases": [made]}, parse_policy(policy))
    assert found.faults == []
    assert found.unread == []
    return answer_json(found.answers[0])


def codes(made, *policy):
    found = judged(made, *policy)
    billable = {one["code"]: one["units"] for one in found["billable_codes"]}
    return billable | {one["code"]: one["reason"] for one in found["blocked_codes"]}

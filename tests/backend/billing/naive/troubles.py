"""What goes wrong in a history, one family a function; its name is the family's."""

from __future__ import annotations

from datetime import datetime, time, timedelta

ZONES = (
    *("America/New_York", "America/Los_Angeles", "Pacific/Honolulu", "Pacific/Auckland"),
    *("Europe/London", "Asia/Kathmandu", "Pacific/Kiritimati", "America/Phoenix"),
)


def zone_moves(history):
    """The patient moves, east or west, at any time, often where a period ends or begins."""
    chance = history.chance
    moves = []
    for _ in range(chance.choice((1, 1, 2))):
        since = history.first + timedelta(days=chance.choice((0, 1, 10, 29, 30, 31, 45, 60)))
        moves.append({"from": since.isoformat(), "timezone": chance.choice(ZONES)})
    unique = {move["from"]: move for move in moves}
    history.case["timezone_history"] = list(unique.values())


def seams(history):
    """Readings each half hour about the end of a period."""
    edge = history.at(history.first + timedelta(days=30), time(0))
    for n in range(-60, 60):
        if history.chance.random() < 0.2:
            at = edge + timedelta(minutes=30 * n)
            reading = history.reading(history.first)
            told = {"timestamp": at, "received_at": at + timedelta(minutes=1)}
            history.case["events"].append(
                reading | {name: one.isoformat() for name, one in told.items()}
            )


def wrong_clocks(history):
    """Clocks ahead or behind by minutes, hours or years, by a known amount or not."""
    chance = history.chance
    for event in history.some_events():
        wrong = chance.choice((-300, -301, 300, 301, 3600, 86400, -86400, 10**8, -(10**8)))
        at = datetime.fromisoformat(event["timestamp"]) + timedelta(seconds=wrong)
        event["timestamp"] = at.isoformat()
        kind = chance.choice(("known", "known", "unknown", "silent", "no offset", "no time"))
        if kind == "known":
            event |= {"clock": "offset_known", "clock_offset_s": wrong}
        elif kind == "unknown":
            event["clock"] = chance.choice(("unset", "unknown"))
        elif kind == "no offset":
            event["timestamp"] = at.replace(tzinfo=None).isoformat()
        elif kind == "no time":
            del event["timestamp"]
        event["delivery"] = chance.choice(("live", "stored"))


def buffered(history):
    """Readings that come days later, all at once."""
    days = history.chance.choice((1, 3, 10, 40))
    events = history.some_events(0.6)
    late = max(event["received_at"] for event in events)
    for event in events:
        at = max(datetime.fromisoformat(event["received_at"]), datetime.fromisoformat(late))
        event["received_at"] = (at + timedelta(days=days)).isoformat()
        event["delivery"] = "stored"


def resent(history):
    """Sightings of readings that had come already."""
    for event in history.some_events():
        for _ in range(history.chance.choice((1, 2, 7))):
            at = datetime.fromisoformat(event["received_at"])
            again = at + timedelta(seconds=history.chance.choice((0, 60, 86400, 40 * 86400)))
            history.case["events"].append(dict(event, received_at=again.isoformat()))


def uncertain(history):
    """Readings whose instant is known only within minutes or hours."""
    for event in history.some_events(0.5):
        event["uncertain_s"] = history.chance.choice((1, 60, 3600, 86399, 86400))


def no_data(history):
    """Heartbeats, failures, typed values, a diary on paper, another's data."""
    chance = history.chance
    for event in history.some_events(0.6):
        event.update(
            chance.choice(
                (
                    {"message_type": chance.choice(("heartbeat", "battery", "alert_monitor_ok"))},
                    {"message_type": chance.choice(("missed", "refilled", "rotated"))},
                    {"message_type": chance.choice(("opened", "dispensed", "measurement"))},
                    {"valid": False},
                    {"mode": "manual"},
                    {
                        "device_kind": chance.choice(
                            ("blood_pressure", "motion_sensor", "inhaler_sensor")
                        )
                    },
                    {"attributed": False},
                )
            )
        )


def only_one_fault(history):
    """Every reading is left out for the same reason, or for one of two."""
    faults = [{"valid": False}, {"message_type": "status"}, {"attributed": False}]
    chosen = history.chance.sample(faults, history.chance.choice((1, 1, 1, 2)))
    for event in history.case["events"]:
        event.update(history.chance.choice(chosen))


def unfit_devices(history):
    """No evidence, a wellness product, nothing captured."""
    for device in history.case["devices"].values():
        if history.chance.random() < 0.5:
            device.update(
                history.chance.choice(
                    (
                        {"fda_defined": False},
                        {"general_wellness": True},
                        {"not_device_captured": True},
                        {"fda_cleared": False},
                    )
                )
            )


def shared_devices(history):
    """A device that is the patient's for some days only, or again."""
    for device in history.case["devices"].values():
        if history.chance.random() < 0.5:
            span = history.some_span()
            device |= {f"assigned_{end}": day for end, day in span.items()}
        elif history.chance.random() < 0.5:
            device["assignments"] = [history.some_span() for _ in range(2)]


def user_slots(history):
    """Two people, one cuff: which of them it was is not always certain."""
    for event in history.some_events(0.5):
        event["attributed"] = history.chance.random() < 0.5


def locks(history):
    """Claims are locked while readings still come."""
    chance = history.chance
    history.case["facts"]["claim_locked_at"] = [
        {
            "period": chance.choice((1, 1, 1, 2)),
            "at": history.at(history.some_day(5, 70), time(12)).isoformat(),
        }
        for _ in range(chance.choice((1, 1, 2)))
    ]
    buffered(history)


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
        code = chance.choice(("99453", "98975", "99454"))
        facts["own_claims"] = [{"code": code, "dos": history.some_day(-40, 40).isoformat()}]


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
            "code": chance.choice(("99454", "99457", "98985", "98980", "99091", "99490", "99213")),
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
    facts["payer"] = chance.choice(("medicare_part_b", "state_medicaid", "blue_plan"))
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


ALL = (
    zone_moves,
    seams,
    wrong_clocks,
    buffered,
    resent,
    uncertain,
    no_data,
    only_one_fault,
    unfit_devices,
    shared_devices,
    user_slots,
    locks,
    consents,
    episodes,
    stays,
    other_programmes,
    other_claims,
    eligibility,
    minutes,
    professional,
    quiet,
)

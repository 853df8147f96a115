"""What goes wrong with readings, clocks and devices: one family a function of its name."""

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

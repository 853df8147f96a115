"""Why a single reading does not count."""

from __future__ import annotations

from datetime import timedelta

from .story import (
    DATA,
    DOSES,
    PHYSIOLOGIC,
    THERAPEUTIC,
    as_date,
    as_instant,
    as_list,
    has_no_offset,
    is_clock_wrong,
    is_live,
    measured,
)


def plain_reason(story, event):
    """The reasons for which no date need be known."""
    device = story.device(event) or {}
    kind = event.get("device_kind") or device.get("kind")
    received = as_instant(event.get("received_at"))
    if not _is_data(story, event.get("message_type")):
        return "NOT_A_MEASUREMENT"
    if event.get("valid") is False:
        return "INVALID_READING"
    if device.get("not_device_captured"):
        return "NOT_DEVICE_CAPTURED"
    is_typed = event.get("mode") != "automatic"
    if story.program == "RTM" and is_typed and story.policy["self_report"] == "sensor":
        return "NOT_DEVICE_CAPTURED"
    if not device.get("fda_defined") or device.get("general_wellness"):
        return "DEVICE_NOT_QUALIFIED"
    if story.policy["device"] == "cleared" and device.get("fda_cleared") is False:
        return "DEVICE_NOT_QUALIFIED"
    if event.get("attributed") is False:
        return "UNATTRIBUTED"
    if story.program == "RPM" and is_typed:
        return "MANUAL_ENTRY_RPM"
    if story.program == "RPM" and kind not in PHYSIOLOGIC:
        return "DATA_TYPE_MISMATCH"
    is_mixed = story.policy["adherence"] == story.category
    if story.program == "RTM" and is_mixed and kind not in THERAPEUTIC:
        return "DATA_TYPE_MISMATCH"
    if story.program == "RTM" and not is_mixed and story.category not in THERAPEUTIC.get(kind, ()):
        return "DATA_TYPE_MISMATCH"
    if has_no_offset(event):
        return "NO_OFFSET"
    if received is None or received > story.as_of:
        return "NOT_RECEIVED_YET"
    return None


def _is_data(story, message):
    if message in DATA:
        return True
    if message in DOSES:
        return story.policy["missed_doses"] == "counted"
    return message.startswith("alert") and story.policy["alert_days"] == "counted"


def timely_reason(story, event, dates):
    """The reasons that ask for the date."""
    received = as_instant(event["received_at"])
    if is_clock_wrong(event) and not is_live(event):
        return "CLOCK_FAULT"
    if not is_clock_wrong(event) and measured(event)[0] > received + timedelta(seconds=300):
        return "FUTURE_TIMESTAMP"
    if len(dates) > 1:
        return "STRADDLES_MIDNIGHT"
    [day] = dates
    if day == "seam":
        return "BETWEEN_PERIODS"
    if not any(_is_within(day, *span) for span in _assigned(story.device(event))):
        return "NOT_ASSIGNED"
    if story.start and day < story.start:
        return "BEFORE_START"
    if story.revoked and day >= story.revoked:
        return "AFTER_REVOCATION"
    for stay in as_list(story.facts.get("stays")):
        admitted, discharged = as_date(stay.get("from")), as_date(stay.get("to"))
        is_inside = (admitted is None or admitted < day) and (
            discharged is None or day < discharged
        )
        if is_inside and story.policy["hospital_days"] == "excluded":
            return "INPATIENT"
    return None


def _assigned(device):
    spans = device.get("assignments") or [
        {"from": device.get("assigned_from"), "to": device.get("assigned_to")}
    ]
    return [(as_date(span.get("from")), as_date(span.get("to"))) for span in spans]


def _is_within(day, first, last):
    return (first is None or first <= day) and (last is None or day <= last)


def when(story, event):
    """The first and last instant at which it was measured; by a faulty clock: received."""
    if is_clock_wrong(event):
        return as_instant(event["received_at"]), as_instant(event["received_at"])
    return measured(event)

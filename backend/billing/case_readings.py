"""From a file's devices, events and management entries to the facts that are judged.

Where a file may name a thing in several ways, ours stands first; docs/billing.md lists them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from backend.billing.facts import (
    Clock,
    Device,
    Measured,
    Program,
    Purpose,
    Reading,
    Says,
    Span,
    TimeEntry,
)
from backend.billing.node import Node
from backend.billing.zones import Zones
from backend.errors import CaseFault

_MEASUREMENTS = {"dispensed", "measurement", "observation", "opened", "reading"}
_ADHERENCE = {"missed", "refilled", "rotated"}
_SOUND_CLOCKS = {"correct", "good", "ok", "synced"}
_VISITS = {"e/m", "em", "em_visit", "evaluation", "evaluation_visit", "office_visit", "visit"}
_VISIT_CODE = re.compile(r"992(0[2-5]|1[1-5])")
QHP = {"do", "md", "np", "pa", "physician", "qhp"}
_MOST_WRONG_S = 10**9


def parse_device(node: Node, zones: Zones) -> Device:
    """A device; without a basis on file it does not qualify."""
    listed = node.at("assignments")
    spans = [parse_span(one, zones) for one in (listed.each() if listed else ())]
    spans = spans or [_span(node.at("assigned_from"), node.at("assigned_to"), zones)]
    cleared = node.at("fda_cleared", "cleared")
    return Device(
        is_device_captured=not flag(node.at("not_device_captured")),
        is_defined=flag(node.at("fda_defined")) and not flag(node.at("general_wellness")),
        is_cleared=None if cleared is None else cleared.flag(),
        assigned=tuple(spans),
    )


def parse_reading(node: Node, kinds: Mapping[str, str]) -> Reading:
    """An event. `kinds` are those of the devices, for an event that names none."""
    device = node.need("device_id", "device").text()
    kind, message = node.at("device_kind", "kind"), node.at("message_type", "message")
    received, timestamp = node.at("received_at", "received"), node.at("timestamp", "measured_at")
    delivery, mode = node.at("delivery", "origin"), node.at("mode")
    told = timestamp.time() if timestamp else None
    arrived = received.instant() if received else None
    says = _says(message.text().lower() if message else "measurement")
    named = kind.text() if kind else kinds.get(device, "")
    clock, measured = _parse_clock(node, told)
    value = node.at("value", "values")
    # In a file a reading is the same when device, time as sent, kind and value are: an instant
    # that was sent with two offsets is two readings (TZ-10 of the worked cases).
    told_or_arrived = told or arrived
    time = told_or_arrived.isoformat() if told_or_arrived else None
    same = [device, time, named, value.value if value else None]
    return Reading(
        identity=msgspec.json.encode(same, order="sorted").decode(),
        device=device,
        kind=named.lower(),
        says=says,
        is_valid=_is_so(node, "valid", "is_valid") and not flag(node.at("invalid", "failed")),
        is_attributed=_is_so(node, "attributed", "patient_confirmed", "patient_match"),
        is_manual=mode is None or mode.text().lower() != "automatic",
        is_live=delivery is None or delivery.text().lower() == "live",
        clock=clock,
        measured=measured,
        received=arrived,
    )


def parse_entry(node: Node, program: Program) -> TimeEntry:
    """A management entry; what names another service or another purpose is none of ours."""
    start, end = node.need("start").instant(), node.need("end").instant()
    if end < start:
        raise CaseFault(f"{node.path}.end", end.isoformat(), "no earlier than its start")
    purpose, service = node.at("purpose", "activity"), node.at("service")
    performer, person = node.at("performer", "credential"), node.at("staff", "person")
    modality, party = node.at("modality"), node.at("party")
    names = [one.text().lower() for one in (purpose, service) if one]
    inside = flag(node.at("inside_visit", "inside_em", "inside_em_visit", "during_em_visit"))
    return TimeEntry(
        start=start,
        end=end,
        person=person.text() if person else "",
        is_qhp=bool(performer and performer.text().lower() in QHP),
        purpose="visit" if inside else purpose_of(names, program),
        is_interactive=flag(node.at("interactive")),
        modality=modality.text() if modality else "",
        party=party.text() if party else "",
    )


def parse_visit(node: Node) -> TimeEntry:
    """An evaluation visit, stated apart from the management entries."""
    entry = parse_entry(node, "RPM")
    return msgspec.structs.replace(entry, purpose="visit")


def parse_span(node: Node, zones: Zones) -> Span:
    """From a date to a date; true is always."""
    if node.value is True:
        return Span()
    first = node.at("from", "start", "period_start", "admitted", "admit", "since")
    last = node.at("to", "end", "period_end", "discharged", "discharge", "until")
    span = _span(first, last, zones)
    if span.first and span.last and span.last < span.first:
        found = f"{span.first} to {span.last}"
        raise CaseFault(node.path, found, "an end no earlier than its start")
    return span


def _span(first: Node | None, last: Node | None, zones: Zones) -> Span:
    return Span(first.day(zones) if first else None, last.day(zones) if last else None)


def flag(node: Node | None) -> bool:
    """True only where it says so."""
    return node is not None and node.flag()


def _is_so(node: Node, *names: str) -> bool:
    found = node.at(*names)
    return found is None or found.flag()


def _says(message: str) -> Says:
    if message in _MEASUREMENTS:
        return "measurement"
    if message in _ADHERENCE:
        return "adherence"
    return "alert" if message.startswith("alert") else "status"


def purpose_of(names: list[str], program: Program) -> Purpose:
    """What time went to that bears these names."""
    if any(name in _VISITS or _VISIT_CODE.fullmatch(name) for name in names):
        return "visit"
    others = set(names) - {"management", program.lower()}
    if not others:
        return "management"
    return "99091" if others == {"99091"} else "other"


def _parse_clock(node: Node, told: datetime | None) -> tuple[Clock, Measured]:
    word, wrong = node.at("clock"), node.at("clock_offset_s")
    says = word.text().lower() if word else "ok"
    if told is None:
        return "unknown", None
    if told.tzinfo is None:
        return "no-zone", None
    if says != "offset_known" and says not in _SOUND_CLOCKS:
        return "unknown", (told, told)
    if wrong is not None:
        told -= timedelta(seconds=wrong.whole(-_MOST_WRONG_S, _MOST_WRONG_S))
    elif says == "offset_known":
        raise CaseFault(f"{node.path}.clock_offset_s", "nothing", "the seconds it is ahead")
    return "known", (told, told)

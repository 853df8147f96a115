"""One history judged by the rules and by the naive model."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from backend.billing.assess import Answer, answer_json
from backend.billing.case import parse_case
from backend.billing.node import Node
from backend.billing.policy import Policy
from backend.billing.verdict import judge as judge_by_rules

from .judge import judge


def by_rules(case, policy=None):
    """What the rules say; `uncertain_s`, which no file can state, widens what was parsed."""
    parsed = parse_case(Node(case, "case"))
    readings = tuple(
        msgspec.structs.replace(reading, measured=_widened(reading.measured, event))
        for reading, event in zip(parsed.facts.readings, case["events"], strict=True)
    )
    facts = msgspec.structs.replace(parsed.facts, readings=readings)
    words = {name: str(value) for name, value in (policy or {}).items()}
    verdict = judge_by_rules(facts, parsed.question, msgspec.convert(words, Policy))
    return answer_json(Answer(parsed.id, verdict))


def disagree(case, policy=None):
    """What the two say, key by key, where they differ."""
    ours, naive = by_rules(case, policy), judge(case, policy)
    return {key: (ours[key], naive[key]) for key in naive if ours[key] != naive[key]}


def _widened(measured, event):
    if measured is None:
        return None
    return measured[0], measured[1] + timedelta(seconds=event.get("uncertain_s", 0))


def minimise(case, policy, differs=disagree):
    """The smallest history and policy we find on which they still differ."""
    smaller = True
    while smaller:
        smaller = next((c for c in _smaller(case) if _still(c, policy, differs)), None)
        case = smaller or case
    needed = dict(policy)
    for name in policy:
        without = {k: v for k, v in needed.items() if k != name}
        if _still(case, without, differs):
            needed = without
    return case, needed


def _still(case, policy, differs):
    try:
        return bool(differs(case, policy))
    except Exception:  # noqa: BLE001  a cut that no case can have is no smaller history
        return False


def _smaller(case):
    for name in ("events", "management", "timezone_history"):
        rows = case.get(name) or []
        size = len(rows)
        while size:
            for at in range(0, len(rows), size):
                yield case | {name: rows[:at] + rows[at + size :]}
            size //= 2
    for key, value in case["facts"].items():
        if value is not None and key not in ("payer", "biller"):
            yield case | {"facts": {k: v for k, v in case["facts"].items() if k != key}}
    used = {event["device_id"] for event in case["events"]}
    for key in set(case["devices"]) - used:
        yield case | {"devices": {k: v for k, v in case["devices"].items() if k != key}}
    if case["evaluate"].get("month"):
        yield case | {"evaluate": {"period": case["evaluate"]["period"]}}
    for n, event in enumerate(case["events"]):
        for key in set(event) - {"device_id", "timestamp", "received_at", "mode", "device_kind"}:
            fewer = {k: v for k, v in event.items() if k != key}
            yield case | {"events": [*case["events"][:n], fewer, *case["events"][n + 1 :]]}

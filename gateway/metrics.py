"""The status as Prometheus's text exposition, format 0.0.4: for the hub's own machine, not the air.

Source: prometheus.io, Exposition formats. Names are stable: they are added to, never changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from uplink.survey import Stats

Facts = Mapping[str, Any]
Labels = Mapping[str, str]

KNOWN = {"running_s", "uplink", "outbox", "devices", "setup", "control", "problems"}
NO_COUNTERS = {"clients"}  # of the control socket: how many there are now
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Family(NamedTuple):
    """One metric: `samples` are its values by their labels; None is left out."""

    name: str
    kind: str
    help: str
    samples: Iterable[tuple[Labels, float | None]]


def expose(status: Facts, stats: Stats) -> str:
    """All of it as text: what the parts report of themselves follows what every hub has."""
    seen: set[str] = set()
    lines: list[str] = []
    for family in (*_list_families(status, stats), *_list_reported(status)):
        name = f"vitalpost_{family.name}"
        values = [sample for sample in family.samples if sample[1] is not None]
        if not values or name in seen:
            continue
        seen.add(name)
        lines += [f"# HELP {name} {family.help}", f"# TYPE {name} {family.kind}"]
        lines += [f"{name}{_label(labels)} {float(value or 0):.15g}" for labels, value in values]
    return "\n".join([*lines, ""])


def _list_families(status: Facts, stats: Stats) -> Iterator[Family]:
    uplink, control, problems = status["uplink"], status["control"], status["problems"]
    quality = status["clock"].get("quality", 0)
    told = {"hub": str(status["hub"]), "software": str(status["software"])}
    yield Family("info", "gauge", "Which hub and software this is.", [(told, 1)])
    yield _gauge("running_seconds", "Since the hub's start.", status["running_s"])
    yield _gauge("clock_synchronised", "Whether UTC is synchronised.", quality > 0)
    bound = 2**quality / 1000 if quality else None
    yield _gauge("clock_error_bound_seconds", "UTC is off by less than that.", bound)
    yield _gauge("uplink_connected", "Whether a broker is reached.", uplink["connected"])
    yield _gauge("office_silent", "Whether a receipt is overdue.", uplink["office_silent"])
    receipt_ms = uplink["last_receipt_ms"]
    receipt_s = None if receipt_ms is None else receipt_ms / 1000
    yield _gauge("last_receipt_timestamp_seconds", "The last receipt's own time.", receipt_s)
    yield _counter("uplink_events_total", "What has come and gone.", "event", uplink["counts"])
    yield _gauge("outbox_waiting_records", "Records without a receipt.", stats.waiting)
    yield _gauge("outbox_oldest_waiting_seconds", "The oldest of them waits.", stats.oldest_s)
    quarantined = sum(stats.quarantined.values())
    yield _gauge("outbox_quarantined_records", "Damaged or refused records.", quarantined)
    yield _gauge("outbox_used_bytes", "Of the outbox's quota.", stats.used_bytes)
    yield _gauge("outbox_quota_bytes", "Above it readings are refused.", stats.quota_bytes)
    yield _gauge("outbox_open_epochs", "Epochs the office has not whole.", stats.open_epochs)
    yield from _list_of_devices(status["devices"])
    yield _gauge("setup_open", "Whether new bonds may be made.", status["setup"]["open"])
    yield _gauge("control_clients", "Clients of the control socket.", control.get("clients"))
    asked = {name: count for name, count in control.items() if name not in NO_COUNTERS}
    yield _counter("control_requests_total", "How its clients fared.", "outcome", asked)
    yield _gauge("problems", "What is amiss at present.", len(problems))
    help_wanted = any(problem["needs_help"] for problem in problems)
    yield _gauge("needs_help", "Whether the hub cannot heal all of it.", help_wanted)


def _list_of_devices(devices: Iterable[Facts]) -> Iterator[Family]:
    def of(key: str, scale: float = 1) -> list[tuple[Labels, float | None]]:
        found = [({"device": device["name"]}, device[key]) for device in devices]
        return [(name, None if value is None else value * scale) for name, value in found]

    yield Family("device_heard_age_seconds", "gauge", "Since it was heard.", of("heard_s"))
    yield Family("device_reading_age_seconds", "gauge", "Since its last reading.", of("reading_s"))
    yield Family("device_battery_ratio", "gauge", "Charge, 1 is full.", of("battery", 0.01))
    failures = of("failures")
    yield Family("device_failed_sessions_total", "counter", "Sessions that failed.", failures)


def _list_reported(status: Facts) -> Iterator[Family]:
    """The numbers that parts report: by part and key, `of` where there are several of a kind."""
    for part, facts in status.items():
        if part in KNOWN or not isinstance(facts, Mapping):
            continue
        for key, value in facts.items():
            name, scale = _name(f"{part}_{key}")
            kind = "counter" if name.endswith("_total") else "gauge"
            if isinstance(value, Mapping):
                numbers = {of: each for of, each in value.items() if isinstance(each, int | float)}
                if key == "counts":
                    yield _counter(f"{part}_events_total", f"Counted by {part}.", "event", numbers)
                    continue
                samples = [({"of": str(of)}, each * scale) for of, each in numbers.items()]
                yield Family(name, kind, f"As {part} reports it.", samples)
            elif isinstance(value, int | float):
                yield Family(name, kind, f"As {part} reports it.", [({}, value * scale)])


def _gauge(name: str, words: str, value: float | None) -> Family:
    return Family(name, "gauge", words, [({}, value)])


def _counter(name: str, words: str, label: str, counts: Mapping[str, float]) -> Family:
    return Family(name, "counter", words, [({label: of}, count) for of, count in counts.items()])


def _name(key: str) -> tuple[str, float]:
    """A metric's name, with its unit as Prometheus has it, and what its value is multiplied by."""
    name = re.sub(r"\W", "_", key, flags=re.ASCII)
    for ours, theirs, scale in (("_ms", "_seconds", 0.001), ("_s", "_seconds", 1)):
        if name.endswith(ours):
            return name.removesuffix(ours) + theirs, scale
    return name, 1


def _label(labels: Labels) -> str:
    told = ",".join(f'{name}="{text.translate(_ESCAPED)}"' for name, text in labels.items())
    return f"{{{told}}}" if told else ""

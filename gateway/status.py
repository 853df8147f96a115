"""How a running hub stands, as it is told on the control socket. No values, serials, addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.clock import Clock, Moment, read_moment
from gateway.kinds import describe as describe_kind
from gateway.reports import Problem, Reporter
from gateway.sentences import ADD_AGAIN, BOND_LOST, CLOCK_UNSURE, NOT_HEARD
from gateway.sessions import Outcome, Sessions
from gateway.setup import SetupWindow
from uplink.outbox import Outbox
from uplink.standing import Standing

Facts = dict[str, Any]

SILENT_S = 24 * 60 * 60
OFFICE_HINT = "Readings are kept; nothing to do in the home."
QUARANTINE_HINT = "`vitalpost outbox stats` says why; once mended, `vitalpost outbox requeue`."
NO_TROUBLE = {"ok", "device-away"}  # a device may leave whenever it likes


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a running hub that are asked or told.

    `counts` are the control socket's own, `send_again` says that rows wait again.
    """

    hub: str
    software: str
    clock: Clock
    outbox: Outbox
    standing: Standing
    sessions: Sequence[Sessions]
    setup: SetupWindow
    counts: Counter[str]
    send_again: Callable[[], None]
    reporters: Sequence[Reporter] = ()


async def describe(parts: Parts, started: Moment) -> Facts:
    """How all of it stands at this moment."""
    stats = await parts.outbox.stats()
    now = read_moment(parts.clock)
    return {
        "running_s": since(started, now),
        "clock": {"utc_ms": now.utc_ms, "quality": now.quality},
        "uplink": _describe_uplink(parts.standing),
        "outbox": {
            "waiting": stats.waiting,
            "oldest_s": round(stats.oldest_s) if stats.waiting else None,
            "quarantined": sum(stats.quarantined.values()),
        },
        "devices": describe_devices(parts),
        "setup": describe_setup(parts.setup),
        "control": dict(parts.counts),
        **{each.name: each.facts() for each in parts.reporters},
        "problems": [problem._asdict() for problem in find_problems(parts, now)],
    }


def describe_devices(parts: Parts) -> list[Facts]:
    """The enrolled devices, as far as they were met since the start."""
    now = read_moment(parts.clock)
    return [_describe_device(sessions, now) for sessions in parts.sessions]


def describe_setup(setup: SetupWindow) -> Facts:
    """Whether the window is open, and for how long."""
    return {"open": setup.is_open, "left_s": round(setup.left_s)}


def since(moment: Moment | None, now: Moment) -> int | None:
    """Whole seconds since then: BOOTTIME goes on where UTC is set."""
    return (now.boottime_ms - moment.boottime_ms) // 1000 if moment else None


def find_problems(parts: Parts, now: Moment) -> Iterator[Problem]:
    """What is amiss, in a sentence each, with what to do about it."""
    standing = parts.standing
    if standing.trouble:
        yield Problem(f"broker not reached: {standing.trouble}", standing.trouble.hint)
    if standing.is_office_silent:
        yield Problem("the office does not answer", OFFICE_HINT)
    if standing.refusal:
        yield Problem(f"the broker refuses records: {standing.refusal}", standing.refusal.hint)
    if parts.outbox.quarantined:
        yield Problem(f"records in quarantine: {parts.outbox.quarantined}", QUARANTINE_HINT)
    if not now.quality:
        yield Problem("the hub's clock is not synchronised", CLOCK_UNSURE)
    for each in parts.reporters:
        yield from each.problems()
    for sessions in parts.sessions:
        yield from _find_problems_with(sessions, now)


def _describe_uplink(standing: Standing) -> Facts:
    return {
        "connected": standing.is_connected,
        "office_silent": standing.is_office_silent,
        "last_receipt_ms": standing.last_receipt_ms,
        "last_receipt_s": standing.last_receipt_s,
        "trouble": str(standing.trouble) if standing.trouble else None,
        "refusal": str(standing.refusal) if standing.refusal else None,
        "counts": dict(standing.counts),
    }


def _describe_device(sessions: Sessions, now: Moment) -> Facts:
    device = sessions.device
    return {
        "name": device.name,
        "driver": device.driver.info.id,
        "bond": device.is_bonded,
        "bonded": device.has_bond,
        "heard_s": since(device.heard_at, now),
        "reading_s": since(device.reading_at, now),
        "battery": device.battery,
        "last_session": sessions.last.event if sessions.last else None,
        "failures": sessions.failures,
    }


def _find_problems_with(sessions: Sessions, now: Moment) -> Iterator[Problem]:
    device, last = sessions.device, sessions.last or Outcome("ok")
    words = {"noun": describe_kind(device.driver).noun, "address": device.address}
    if device.bond_lost:
        yield Problem(f"{device.name}: {BOND_LOST.format(**words)}", ADD_AGAIN.format(**words))
    elif last.event not in NO_TROUBLE:
        yield Problem(f"{device.name}: {last.event}", last.hint)
    elif (since(device.heard_at, now) or 0) > SILENT_S:
        what, hint = NOT_HEARD.format(**words).split(". ", 1)
        yield Problem(f"{device.name}: {what}.", hint)

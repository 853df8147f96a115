"""What the hub answers on the control socket. No values, no serials, no addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from gateway.clock import Clock, Moment, read_moment
from gateway.errors import RequestRefused
from gateway.requests import (
    ASK_FOR,
    PROTOCOL,
    REQUESTS,
    Devices,
    Hello,
    Request,
    SetupClose,
    SetupOpen,
    SetupStatus,
    Status,
)
from gateway.sessions import Outcome, Sessions
from gateway.setup import SetupWindow
from uplink.outbox import Outbox
from uplink.standing import REFUSED_HINT, Standing

Facts = dict[str, Any]

CLOCK_HINT = "Readings are kept; the hub is getting the time from the network."
OFFICE_HINT = "Readings are kept; nothing to do in the home."
NO_TROUBLE = {"ok", "device-away"}  # a device may leave whenever it likes

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a running hub that are asked or told; `counts` are the socket's own."""

    hub: str
    software: str
    clock: Clock
    outbox: Outbox
    standing: Standing
    sessions: Sequence[Sessions]
    setup: SetupWindow
    counts: Counter[str]


class Answers:
    """Answers one request at a time, from the parts as they are at that moment."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._started = read_moment(parts.clock)

    async def answer(self, request: Request, uid: int) -> Mapping[str, Any]:
        """The facts that were asked for; `uid` is the user who asks. Raises RequestRefused."""
        match request:
            case Hello():
                return {**self._introduce(), "requests": list(REQUESTS)}
            case Status():
                return self._status()
            case Devices():
                return {"devices": self._describe_devices()}
            case SetupOpen():
                return self._open_setup(uid)
            case SetupClose():
                self._parts.setup.close()
                log.info("setup-closed", uid=uid)
                return self._describe_setup()
            case SetupStatus():
                return self._describe_setup()
        raise RequestRefused("this cannot be asked", ASK_FOR)

    def _introduce(self) -> Facts:
        return {"protocol": PROTOCOL, "hub": self._parts.hub, "software": self._parts.software}

    def _status(self) -> Facts:
        parts = self._parts
        now = read_moment(parts.clock)
        return {
            **self._introduce(),
            "running_s": _since(self._started, now),
            "clock": {"utc_ms": now.utc_ms, "quality": now.quality},
            "uplink": _describe_uplink(parts.standing),
            "outbox": {"waiting": parts.outbox.depth, "quarantined": parts.outbox.quarantined},
            "devices": self._describe_devices(),
            "setup": self._describe_setup(),
            "control": dict(parts.counts),
            "problems": [{"what": what, "hint": hint} for what, hint in self._find_problems(now)],
        }

    def _describe_devices(self) -> list[Facts]:
        now = read_moment(self._parts.clock)
        return [_describe_device(sessions, now) for sessions in self._parts.sessions]

    def _open_setup(self, uid: int) -> Facts:
        self._parts.setup.open()
        log.info("setup-opened", uid=uid)
        for sessions in self._parts.sessions:
            sessions.hasten()
        return self._describe_setup()

    def _describe_setup(self) -> Facts:
        setup = self._parts.setup
        return {"open": setup.is_open, "left_s": round(setup.left_s)}

    def _find_problems(self, now: Moment) -> Iterator[tuple[str, str]]:
        """What is amiss, in a sentence each, with what to do about it."""
        parts = self._parts
        standing = parts.standing
        if standing.trouble:
            yield f"broker not reached: {standing.trouble}", standing.trouble.hint
        if standing.is_office_silent:
            yield "the office does not answer", OFFICE_HINT
        if standing.refusal:
            yield f"the broker refuses records: {standing.refusal}", standing.refusal.hint
        if parts.outbox.quarantined:
            yield f"records in quarantine: {parts.outbox.quarantined}", REFUSED_HINT
        if not now.quality:
            yield "the hub's clock is not synchronised", CLOCK_HINT
        for sessions in parts.sessions:
            last = sessions.last or Outcome("ok")
            if last.event not in NO_TROUBLE:
                yield f"{sessions.device.name}: {last.event}", last.hint


def _describe_uplink(standing: Standing) -> Facts:
    return {
        "connected": standing.is_connected,
        "office_silent": standing.is_office_silent,
        "last_receipt_ms": standing.last_receipt_ms,
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
        "heard_s": _since(device.heard_at, now),
        "reading_s": _since(device.reading_at, now),
        "battery": device.battery,
        "last_session": sessions.last.event if sessions.last else None,
        "failures": sessions.failures,
    }


def _since(moment: Moment | None, now: Moment) -> int | None:
    """Whole seconds since then: BOOTTIME goes on where UTC is set."""
    return (now.boottime_ms - moment.boottime_ms) // 1000 if moment else None

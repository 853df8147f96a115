"""What the hub does when it is asked on the control socket, and what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from gateway.clock import read_moment
from gateway.control.outbox_answers import OutboxRequest, answer_for
from gateway.errors import RequestRefused
from gateway.logs.ring import RECENT
from gateway.requests import (
    ASK_FOR,
    PROTOCOL,
    REQUESTS,
    DeviceRequest,
    Devices,
    Hello,
    LogLines,
    Metrics,
    OutboxRequeue,
    OutboxStats,
    OutboxVerify,
    Request,
    RoundTrip,
    SetupClose,
    SetupOpen,
    SetupStatus,
    Status,
)
from gateway.round_trip import Prober
from gateway.status import Facts, Parts, describe, describe_devices, describe_setup
from gateway.visit.desk import Desk

BUSY_HINT = "Wait until the other command has its answer."

log = structlog.get_logger()


class Answers:
    """Answers from the parts of the hub as they are at that moment."""

    def __init__(
        self, parts: Parts, desk: Desk | None = None, prober: Prober | None = None
    ) -> None:
        self._parts = parts
        self._desk = desk
        self._prober = prober
        self._looking = asyncio.Lock()
        self._started = read_moment(parts.clock)

    async def answer(self, request: Request, uid: int) -> Mapping[str, Any]:
        """The facts that were asked for; `uid` is the user who asks. Raises RequestRefused."""
        match request:
            case Hello() | Status() | Metrics() | Devices() | LogLines():
                return await self._tell(request)
            case RoundTrip() if self._prober:
                return await self._prober.probe()
            case SetupOpen() | SetupClose() | SetupStatus():
                return self._set_up(request, uid)
            case OutboxStats() | OutboxVerify() | OutboxRequeue():
                return await self._look_after(request, uid)
        if isinstance(request, DeviceRequest) and self._desk:
            return await self._desk.answer(request, uid)
        raise RequestRefused("this cannot be asked", ASK_FOR)

    def _introduce(self) -> Facts:
        return {"protocol": PROTOCOL, "hub": self._parts.hub, "software": self._parts.software}

    async def _tell(self, request: Hello | Status | Metrics | Devices | LogLines) -> Facts:
        match request:
            case Hello():
                return {**self._introduce(), "requests": list(REQUESTS)}
            case Status():
                return await self._describe()
            case Metrics():
                from gateway.metrics import expose  # noqa: PLC0415  few hubs are scraped

                text = expose(await self._describe(), await self._parts.outbox.stats())
                return {"text": text}
            case Devices():
                return {"devices": describe_devices(self._parts)}
            case LogLines():
                return {"lines": RECENT.tell()}

    async def _describe(self) -> Facts:
        return {**self._introduce(), **await describe(self._parts, self._started)}

    def _set_up(self, request: SetupOpen | SetupClose | SetupStatus, uid: int) -> Facts:
        setup = self._parts.setup
        match request:
            case SetupOpen():
                setup.open()
                log.info("setup-opened", uid=uid)
                for sessions in self._parts.sessions:
                    sessions.hasten()
            case SetupClose():
                setup.close()
                if self._desk:
                    self._desk.set_up_closed()
                log.info("setup-closed", uid=uid)
        return describe_setup(setup)

    async def _look_after(self, request: OutboxRequest, uid: int) -> Facts:
        if self._looking.locked():
            raise RequestRefused("the outbox is being looked after already", BUSY_HINT)
        async with self._looking:
            facts = await answer_for(self._parts.outbox, request)
        if isinstance(request, OutboxRequeue):
            log.info("quarantine-requeued", uid=uid, rows=facts["rows"])
            self._parts.send_again()
        return facts

"""What a technician asks of the running hub: who is in range, add, try out, swap, remove.

One job at a time. What takes its time is a job: its progress is asked for by its number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from gateway.clock import read_moment
from gateway.devices import Socket
from gateway.drafts import RecordName
from gateway.enrolments import Ending
from gateway.errors import GatewayError, RequestRefused
from gateway.kinds import describe
from gateway.requests import (
    DeviceAdd,
    DeviceConfirm,
    DeviceJob,
    DeviceNotPatient,
    DeviceRemove,
    DeviceRequest,
    DeviceTest,
    Scan,
)
from gateway.sentences import CRASHED, DECLINED, SOMEONE_ELSE, WINDOW_CLOSED, Sentence
from gateway.visit.adding import add, retire
from gateway.visit.jobs import Premises, Progress, Stage, Stop, Wanted
from gateway.visit.scanning import scan
from gateway.visit.trial import mark, try_out
from uplink.records import EventRecord

Facts = dict[str, Any]
NO_JOB_HINT = "`vitalpost devices add` begins one."

log = structlog.get_logger()


class Desk:
    """Serves one technician after another."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises
        self._progress: Progress | None = None
        self._task: asyncio.Task[None] | None = None
        self._number = 0
        self._tested: dict[str, tuple[RecordName, str]] = {}

    async def answer(self, request: DeviceRequest, uid: int) -> Facts:
        """What was asked for. Raises RequestRefused and other errors of the gateway."""
        match request:
            case Scan():
                return {"found": await scan(self._premises)}
            case DeviceAdd():
                return await self._add(request, uid)
            case DeviceTest(name=name, visit=visit):
                self._premises.fleet.find(name)
                return self._begin(self._try(name, visit), name, visit)
            case DeviceJob() | DeviceConfirm():
                return self._follow(request)
            case DeviceRemove(name=name, why=why):
                return await self._remove(name, why, uid)
            case DeviceNotPatient(name=name):
                return await self._mark_not_patient(name)

    async def close(self) -> None:
        """End what is under way; a device that is enrolled by then stays so."""
        if self._task:
            self._task.cancel()
            await asyncio.wait({self._task})

    def set_up_closed(self) -> None:
        """Set-up was closed: whoever comes next need not wait for who has gone."""
        if self._task and self._progress and self._progress.stage is not Stage.SENDING:
            self._progress.asked_at = float("-inf")

    async def _add(self, asked: DeviceAdd, uid: int) -> Facts:
        if asked.consent == "no":
            await self._decline(asked.visit)
            progress = Progress(self._next_number(), Stage.FAILED, error=DECLINED)
            return progress.describe()
        if not asked.consent and asked.test:
            raise RequestRefused(
                "consent comes before the test reading", "Say consent: spoken, signed or no."
            )
        if not self._premises.setup.is_open:
            raise RequestRefused(WINDOW_CLOSED.what, WINDOW_CLOSED.hint)
        if asked.driver and asked.driver not in self._premises.drivers:
            raise RequestRefused(
                f"no driver {asked.driver!r}", "`vitalpost drivers list` names them."
            )
        log.info("device-add-asked", uid=uid)
        wanted = _understand(asked)
        return self._begin(self._run_add(wanted), "", wanted.visit)

    def _begin(self, work: Coroutine[Any, Any, None], name: str, visit: str) -> Facts:
        if self._task and not self._task.done():
            work.close()
            raise RequestRefused(SOMEONE_ELSE.what, SOMEONE_ELSE.hint)
        stage = Stage.TESTING if name else Stage.LOOKING
        progress = self._progress = Progress(self._next_number(), stage, name=name, visit=visit)
        progress.asked_at = asyncio.get_running_loop().time()
        self._task = asyncio.create_task(self._run(progress, work))
        return progress.describe()

    async def _run(self, progress: Progress, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Stop as stop:
            progress.error = stop.sentence
        except GatewayError as error:
            progress.error = Sentence(type(error).__name__, str(error), error.hint)
        except Exception as error:  # noqa: BLE001  the edge of a job: no technician stops the hub
            log.error("job-crashed", error=type(error).__name__)  # noqa: TRY400  a trace may show values
            progress.error = CRASHED
        finally:
            test = progress.test
            if test and test.name and progress.name:
                self._tested[progress.name] = (test.name, progress.visit)
            progress.stage = Stage.FAILED if progress.error else Stage.DONE
            log.info("device-job-ended", event_of_error=progress.error and progress.error.event)

    async def _run_add(self, wanted: Wanted) -> None:
        assert self._progress is not None
        await add(self._progress, wanted, self._premises)

    async def _try(self, name: str, visit: str) -> None:
        progress = self._progress
        assert progress is not None
        sessions = self._premises.fleet.find(name)
        progress.kind = describe(sessions.device.driver)
        sessions.hasten()
        await try_out(progress, sessions, self._premises, visit)

    async def _decline(self, visit: str) -> None:
        now = read_moment(self._premises.clock)
        facts = {"visit": visit} if visit else {}
        await self._premises.recorder.record(
            [lambda place: EventRecord(place.stamp(now), "consent-declined", facts=facts)]
        )

    def _find(self, number: int) -> Progress:
        progress = self._progress
        if progress is None or progress.number != number:
            raise RequestRefused(f"there is no job {number} any more", NO_JOB_HINT)
        progress.asked_at = asyncio.get_running_loop().time()
        return progress

    def _follow(self, request: DeviceJob | DeviceConfirm) -> Facts:
        progress = self._find(request.job)
        if isinstance(request, DeviceJob):
            return progress.describe()
        if progress.question is None or progress.confirmed is None or progress.confirmed.done():
            raise RequestRefused("nothing is asked", "Ask for the job, and answer its question.")
        progress.confirmed.set_result(request.yes)
        return progress.describe()

    async def _remove(self, name: str, why: str, uid: int) -> Facts:
        if self._task and not self._task.done():
            raise RequestRefused(SOMEONE_ELSE.what, SOMEONE_ELSE.hint)
        premises = self._premises
        premises.enrolments.find(name)
        ending = Ending(read_moment(premises.clock).utc_ms, why)
        premises.enrolments.end(name, ending)
        log.info("device-removed", device=name, uid=uid)
        device = premises.fleet.find(name).device
        await retire(premises, name, why)
        premises.memory.forget(device)
        await premises.memory.save()
        return {"name": name, "why": why}

    async def _mark_not_patient(self, name: str) -> Facts:
        sessions = self._premises.fleet.find(name)
        if name not in self._tested:
            hint = "Only the last one since the hub's start is known; tell the office its time."
            raise RequestRefused(f"{name}: no test reading is known", hint)
        reading, visit = self._tested[name]
        await mark(self._premises, sessions, "not-the-patient", reading, visit)
        return {"name": name, "kid": reading.kid.hex(), "sequence": reading.sequence}

    def _next_number(self) -> int:
        self._number += 1
        return self._number


def _understand(asked: DeviceAdd) -> Wanted:
    is_wired = asked.port or asked.usb
    return Wanted(
        kind=asked.kind,
        name=asked.name,
        driver=asked.driver,
        address=asked.address,
        ends=asked.ends,
        socket=Socket(asked.port, asked.usb, asked.usb_serial) if is_wired else None,
        maker=asked.maker,
        model=asked.model,
        serial=asked.serial,
        is_open=asked.open,
        passkey=asked.passkey,
        history=asked.history,
        is_confirmed=asked.yes,
        consent=asked.consent,
        visit=asked.visit,
        instead_of=asked.instead_of,
        why=asked.why,
        wants_test=asked.test,
    )

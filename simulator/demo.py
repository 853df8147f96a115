"""`vitalpost demo`: a patient's month through radio, hub, flash, broker and ledger, with faults.

It plays a script on a stage, then holds the ledger against the cuff's own log.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from simulator import history, journals, report
from simulator.judged import Judged, judge
from simulator.kinds import is_wired
from simulator.measured import Measured, read_log, tell_log
from simulator.practice import is_physiologic
from simulator.processes import Program
from simulator.script import Captured, Event, Fault, Measure, Script
from simulator.stage import DELIVERY_TIMEOUT_S, HUB, Say, Stage

ARRIVAL_TIMEOUT_S = 40
ANSWER_TIMEOUT_S = 6
LOOKS = 3  # at the box, until it says what is so: each may cost its timeout


class Demo:
    """One run of one script on one stage."""

    def __init__(self, script: Script, stage: Stage, say: Say) -> None:
        self.script = script
        self.stage = stage
        self.say = say
        self.kills: list[str] = []
        self.is_broker_up = True
        self.looks = LOOKS
        self.answer = ""

    async def play(self) -> report.Outcome:
        """Play the script to its end and compare. Raises RuntimeError where a part fell over."""
        started = time.monotonic()
        stage = self.stage
        self.say("making keys, enrolling the hub, starting broker, backend, home and hub")
        await stage.install()
        for _, together in groupby(self.script.events(), lambda event: event.when):
            await self._happen(list(together))
        stage.at(self.script.instant(self.script.days, "23:50"))
        measured = read_log(stage.log, self.script)
        self.say("waiting until the office has everything")
        await self._arrived(measured.count)
        await self._end_in_order()
        return await self._compare(measured, time.monotonic() - started)

    async def _end_in_order(self) -> None:
        """Stop the hub; started once more, it hands over how its last epoch ended.

        Cables are pulled before: what it found on them would begin another epoch.
        """
        await self.stage.hub.stop()
        for device in self.script.devices:
            if is_wired(device.kind):
                await self.stage.home.ask("plug", device=device.name, value=False)
        await self.stage.hub.start()
        deadline = time.monotonic() + ARRIVAL_TIMEOUT_S
        while time.monotonic() < deadline and (await self._ask_hub())["state"] != "complete":
            self.stage.assert_alive()
            await asyncio.sleep(0.3)
        await self.stage.hub.stop()

    async def _ask_hub(self) -> dict[str, Any]:
        """What the office says of the hub."""
        [hub] = (await self.stage.ask_office("hubs"))["hubs"]
        found: dict[str, Any] = hub
        return found

    async def _compare(self, measured: Measured, elapsed_s: float) -> report.Outcome:
        stage = self.stage
        verified = await stage.ask_office("verify")
        days = {name: await stage.ask_office("days", name) for name in self.script.patients}
        hub = await self._ask_hub()
        steps = (
            *tell_log(stage.log, self.script),
            *journals.read(stage.journal),
            *journals.ask_ledger(verified, *days.values()),
        )
        wire_bytes = stage.proxy.bytes_up + stage.proxy.bytes_down
        judged = await self._judge(measured)
        return report.compare(
            measured,
            verified,
            days,
            hub,
            judged=judged,
            history=history.judge(steps, {HUB}),
            killed=self.kills,
            wire_bytes=wire_bytes,
            flash_bytes=stage.hub.written_bytes,
            elapsed_s=elapsed_s,
        )

    async def _judge(self, measured: Measured) -> dict[str, Judged]:
        """Two weeks later: what the practice may bill for each, and the evidence for it."""
        stage = self.stage
        self.say("two weeks later: the practice states what it has on file, the ledger judges")
        stage.at(self.script.instant(self.script.days + 14, "12:00"))
        await stage.state_facts()
        kinds = {device.name: device.kind for device in self.script.devices}
        judged = {}
        for patient in self.script.patients:
            days = {
                one.day
                for one in measured.made
                if one.patient == patient and one.day and is_physiologic(kinds[one.device])
            }
            verdict = await stage.ask_office("verdict", patient, "--period", "1")
            package = await stage.pack_evidence(patient)
            judged[patient] = judge(verdict, package, len(days))
        return judged

    async def _happen(self, together: Sequence[Event]) -> None:
        """What happens at one instant: faults first, then all who measure."""
        when = together[0].when
        self.stage.at(when)
        measured = [event for event in together if isinstance(event.what, Measure)]
        for event in together:
            match event.what:
                case Captured(clock=clock) as captured:
                    self._tell(when, f"a captured frame, the clock set to {clock:%Y-%m-%d}")
                    await self._replay(captured)
                case Fault():
                    self._tell(when, event.what.do.replace("-", " "))
                    await self._break(event.what)
        if measured:
            names = ", ".join(self._name(event) for event in measured)
            self._tell(when, names if self.is_broker_up else f"{names}, no network")
            self.stage.box.skip()
            for event in measured:
                await self._measure(event)
            await self.stage.delivered()
            await self._watch_box()

    async def _watch_box(self) -> None:
        """What the box says to a measuring, at first and after the network has changed."""
        if not self.looks:
            return
        self.looks -= 1
        answer = await self.stage.box.answer(ANSWER_TIMEOUT_S)
        if answer and answer != self.answer:
            self.say(f"  the box: {answer}")
            self.answer = answer
        if self.is_broker_up == answer.startswith("at-the-office"):
            self.looks = 0

    async def _measure(self, event: Event) -> None:
        assert isinstance(event.what, Measure)
        what = {"failed": True} if event.what.failed else {"values": event.values}
        device = self.script.device(event.what.device).name
        await self.stage.home.ask("measure", device=device, **what)

    async def _replay(self, captured: Captured) -> None:
        device = self.script.device(captured.device).name
        clock = captured.clock.isoformat()
        await self.stage.home.ask("set-clock", device=device, device_time=clock)
        await self.stage.measure(device=device, frame=captured.frame)

    def _tell(self, when: datetime, what: str) -> None:
        self.say(f"{when:%a %d %b %H:%M}  {what}")

    def _name(self, event: Event) -> str:
        """Who measures: the device, and which of its users."""
        name = self.script.device(event.what.device).name
        user = f" user {event.values['user']}" if "user" in event.values else ""
        has_failed = isinstance(event.what, Measure) and event.what.failed
        return f"{name}{user}{' fails to measure' if has_failed else ''}"

    async def _break(self, fault: Fault) -> None:
        stage, device = self.stage, self.script.device(fault.device).name
        match fault.do:
            case "broker-stops":
                self.is_broker_up, self.looks = False, LOOKS
                await stage.broker.stop()
            case "broker-returns":
                self.is_broker_up, self.looks = True, LOOKS
                await stage.broker.start()
            case "kill-broker":
                await self._kill(stage.broker)
                await stage.broker.start()
            case "kill-backend":
                await self._kill(stage.backend)
                await stage.backend.start()
            case "kill-hub":
                # In the middle of a session: it has measured, the hub has connected to it.
                await stage.home.ask("measure", device=device, values=fault.values)
                await stage.home.ask("wait-connected", device=device, timeout_s=DELIVERY_TIMEOUT_S)
                await self._kill(stage.hub)
                # Its last confirmation may still be on the air.
                await stage.home.ask("wait-alone", device=device, timeout_s=DELIVERY_TIMEOUT_S)
                if not (await stage.home.ask("memory", device=device))["frames"]:
                    # Confirmed before the hub could keep it (docs/threat-model.md): ask again.
                    self.say(f"  the {device} had handed it over already and is asked again")
                    await stage.home.ask("resend", device=device, count=1)
                await stage.hub.start()
                await stage.delivered()
            case "clear-memory":
                await stage.home.ask("clear", device=device)
            case "change-battery":
                await stage.home.ask("reset-clock", device=device)
            case "send-history-again":
                await stage.home.ask("resend", device=device, count=fault.count)
                await stage.delivered()

    async def _kill(self, part: Program) -> None:
        await self.stage.kill(part)
        self.kills.append(part.name)

    async def _arrived(self, expected: int) -> None:
        deadline = time.monotonic() + ARRIVAL_TIMEOUT_S
        while time.monotonic() < deadline:
            self.stage.assert_alive()
            hubs = await self.stage.ask_office("hubs")
            has_all = sum(hub["measurements"] for hub in hubs["hubs"]) >= expected
            if has_all and self.stage.note_drained():
                return
            await asyncio.sleep(0.3)


async def main(script: Script, *, as_json: bool, keep: bool) -> int:
    """Run the demonstration; 0 when nothing was lost, doubled or miscounted."""

    def say(words: str) -> None:
        if not as_json:
            print(f"  {words}", file=sys.stderr, flush=True)

    try:
        folder = folder_on_disk()
    except RuntimeError as fault:
        print(fault, file=sys.stderr)
        return 1
    say(f"{script.title}: {script.starts} to {script.ends}, {script.zone}")
    try:
        async with Stage(script, folder) as stage:
            outcome = await Demo(script, stage, say).play()
            if as_json:
                print(json.dumps(outcome.facts()))
            else:
                for patient in script.patients:
                    print(await stage.show_days(patient))
                for patient in script.patients:
                    print(await stage.show_verdict(patient))
                print(outcome.table())
    except RuntimeError as fault:
        print(f"The demonstration could not be finished: {fault}", file=sys.stderr)
        print(f"What every part wrote is in {folder}", file=sys.stderr)
        return 1
    if keep or not outcome.is_good:
        print(f"What every part wrote is in {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder)
    return 0 if outcome.is_good else 1


def folder_on_disk(prefix: str = "vitalpost-demo-") -> Path:
    """A fresh folder on a real file system: bytes written to a tmpfs reach no flash."""
    for parent in (tempfile.gettempdir(), "/var/tmp"):  # noqa: S108  a fresh folder is made in it
        if file_system(Path(parent)) not in ("tmpfs", "ramfs"):
            return Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    raise RuntimeError("every temporary folder is in memory: set TMPDIR to one on a disk")


def file_system(path: Path) -> str:
    """The type of the file system that holds `path`, by /proc/self/mountinfo."""
    found = ("", "")
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        mount, kind = fields[4], fields[fields.index("-") + 1]
        if path.resolve().is_relative_to(mount) and len(mount) >= len(found[0]):
            found = (mount, kind)
    return found[1]

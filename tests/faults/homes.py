"""30 days of a home with nobody to help, in virtual time, under faults of every kind.

The whole hub as `gateway.app.run` composes it: its radio with the ladder, its clock, its outbox of
the smallest quota, its socket. What it stands between is ours: the machine's clock, the air, the
way to the broker, the office. Nothing repairs the hub: the network comes back by itself, somebody
plugs the adapter in again, systemd starts what has ended, and all else is its own doing.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Coroutine, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any, ClassVar

from drivers.blood_pressure import BloodPressure
from drivers.glucose import Glucose
from drivers.scale import Scale as ScaleDriver
from drivers.spi import Driver
from gateway.config import parse_settings
from gateway.identity.provision import install_answer, make_request
from simulator.history import Step, Verdict
from tests.fakes.hub_folder import Office
from tests.faults.air import LINKS, POWER, SCAN, SERVICE, Air, Gadget, Link
from tests.faults.clocks import YEAR_S, WildClock
from tests.faults.cord import AcknowledgingCuff
from tests.faults.gadgets import (
    BABBLER,
    LIVE_CUFF,
    METER,
    SCALE,
    Babbler,
    KeepingCuff,
    LiveCuff,
    Meter,
    Scale,
)
from tests.faults.lives import HUB
from tests.faults.quarter import DAY_S, Quarter, live_all
from tests.faults.run import Result, Run
from tests.faults.whole_life import WholeHouse, WholeLife, break_card, mend_card
from tests.faults.world import CUFF, Identity
from uplink.keys import Signer

HOUR_S = 3600.0
NEIGHBOURS = tuple(f"F0:00:00:00:01:{n:02X}" for n in range(3))
SETTINGS = """\
[hub]
id = "hub-1"
site_zone = "America/New_York"
state = "{folder}/state"
credentials = "{folder}/credentials"
suite = "x25519"
[broker]
host = "broker"
[outbox]
quota_mb = 1
[radio]
backend = "air"
[network]
watch = false
[control]
socket = "{folder}/control.sock"
"""
DEVICE = """\
[[devices]]
name = "{name}"
driver = "{driver}"
address = "{address}"
maker = "{maker}"
model = "{model}"
serial = "{serial}"
bond = {bond}
"""
# hour, how often, spread in hours
HABITS = {
    "cuff": ((8.2, 0.9, 0.4), (20.7, 0.7, 0.6), (23.98, 0.1, 0.03)),
    "live": ((9.0, 0.6, 0.5), (21.5, 0.5, 0.5)),
    "scale": ((7.5, 0.8, 0.3),),
    "meter": ((7.0, 0.8, 0.3), (13.0, 0.6, 0.5), (22.5, 0.5, 0.5)),
}
RADIO_TROUBLES = {
    "scan deaf until begun anew": ("deaf", SCAN),
    "scan deaf until the power goes": ("deaf", POWER),
    "scan deaf until the service goes": ("deaf", SERVICE),
    "adapter busy until the power goes": ("busy", POWER),
    "bluetoothd hung": ("hung", SERVICE),
    "link stale": None,
    "adapter unplugged": None,
    "bluetoothd restarted": None,
}
NET_TROUBLES = ("broker away", "broker restarted", "broker refusing", "modem dead")
OWN_TROUBLES = (
    "hub killed",
    "hub stopped",
    "hub rebooted",
    "office away",
    "card failed",
    "outbox full",
    "clock stepped by years",
    "clock not synchronised for days",
    "clock synchronised late",
    "device clock jumped",
)
FATES = (
    "radio link lost",
    "link left by a killed process",
    "message lost",
    "message twice",
    "message late",
    "receipt lost",
    "receipt twice",
    "receipt late",
    "receipt retained",
    "receipt forged",
    "link silent",
    "cut before the PUBACK",
    "worker killed after its commit",
)
MENDED = tuple(f"mended by {rung}" for rung in (SCAN, LINKS, POWER, SERVICE))


class Home(Quarter):
    """One seed."""

    days = 30
    devices: ClassVar = {
        CUFF: AcknowledgingCuff(),
        LIVE_CUFF: BloodPressure(),
        SCALE: ScaleDriver(),
        METER: Glucose(),
        BABBLER: BloodPressure(),
    }
    kinds: ClassVar = (*RADIO_TROUBLES, *NET_TROUBLES, *OWN_TROUBLES, *FATES, *MENDED)

    house: WholeHouse
    life: WholeLife

    def _furnish(self, folder: Path) -> None:
        dice = self.dice
        random.seed(dice.random())  # what the hub draws
        self.air = Air(dice)
        note = self.steps.append
        self.cuff = KeepingCuff(dice, note)
        self.live = LiveCuff(dice, note, self._vouch)
        self.scale = Scale(dice, note, self._vouch)
        self.meter = Meter(dice, note)
        self.babbler = Babbler(dice)
        gadgets = (self.cuff, self.live, self.scale, self.meter, self.babbler)
        for gadget in gadgets:
            self.air.add(gadget)
        self.is_lively = dice.random() < 0.7
        self.fills_at_s = dice.uniform(2, 12) * DAY_S if dice.random() < 0.4 else None
        self.problem: str | None = None
        self.is_tight = False  # the outbox may refuse
        self._appearing: set[asyncio.Task[None]] = set()
        text = SETTINGS.format(folder=folder)
        for gadget, identity in zip(gadgets, self.devices, strict=True):
            text += _describe(gadget, identity, self.devices[identity])
        clock = WildClock(dice)
        clock.boot()
        self.house = WholeHouse(
            parse_settings(text.encode()), dice, note, self.net, clock, self.air
        )
        self._world = [
            asyncio.create_task(each) for each in (self._be_heard_next_door(), self._show_cuff())
        ]

    def _make_signer(self, folder: Path) -> Signer:
        credentials = folder / "credentials"
        request = make_request(credentials, HUB)
        office = Office()
        office.receipt_key, office.opening_keys = self.receipt_key, [self.opening_key]
        install_answer(credentials, HUB, json.dumps(office.answer(request)).encode())
        return Signer.from_text((credentials / "hub.sign.key").read_text())

    def _begin_life(self, mortal: int | None) -> None:
        self.life = WholeLife(self.house, mortal)

    def _troubles(self) -> Iterator[Coroutine[Any, Any, None]]:
        yield from super()._troubles()
        yield from (self._break_air(), self._break_device())

    def _vouch(self, link: Link) -> Callable[[], bool]:
        """What came over the link is on flash soon, if its process lives and has room."""
        return lambda: (
            not (
                link.radio.is_dead or self.house.is_card_bad or self.babbler.talks or self.is_tight
            )
        )

    def _is_empty(self) -> bool:
        # A radio that refuses to connect is noticed only where something wants to be met.
        if not self.meter.is_read or self.air.amiss:
            self._appear(self.meter, self.meter.wake)
        return self.meter.is_read and not self.cuff.cuff.memory and not self.air.amiss

    async def _conclude(self) -> None:
        """Nothing is left that needs a hand."""
        self.steps.append(Step("meter", "confirmed", readings=self.meter.names))
        status = await self.life.ask("status")
        if "problems" not in status:
            self.problem = f"the hub does not answer: {status or self.house.ends}"
            return
        needs_help = [each["what"] for each in status["problems"] if each["needs_help"]]
        if needs_help:
            self.problem = f"the hub still needs help: {needs_help}"
        elif self.air.amiss:
            self.problem = f"the radio still waits for the rung {self.air.amiss}"
        self.injected += self.air.fates
        self.injected.update({f"mended by {rung}": n for rung, n in self.air.mended.items()})

    def judge(self) -> Verdict:
        """What the history says, then what else must not have been."""
        verdict = super().judge()
        ends = dict(self.house.ends)
        ends.pop("card failed", None)
        if ends:
            self.problem = f"the hub ended of its own accord: {ends}"
        if self.air.removed_bonds or self.cuff.address not in self.air.bonds:
            self.problem = f"{self.air.removed_bonds} bonds were removed"
        return verdict._replace(violation=self.problem or verdict.violation)

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        for at_s, name in self._plan():
            await asyncio.sleep(max(0, at_s - loop.time()))
            match name:
                case "cuff":
                    self.cuff.cuff.measure()
                case "live":
                    self._appear(self.live, self.live.measure)
                case "scale":
                    self._appear(self.scale, self.scale.measure)
                case "meter":
                    self._appear(self.meter, self.meter.measure)

    def _plan(self) -> list[tuple[float, str]]:
        dice = self.dice
        plan = [
            ((day * 24 + hour + dice.uniform(-spread, spread)) * HOUR_S, name)
            for day in range(self.days)
            for name, habits in HABITS.items()
            for hour, often, spread in habits
            if dice.random() < often
        ]
        return sorted(plan, key=itemgetter(0))

    def _appear(self, gadget: Gadget, do: Callable[[], None]) -> None:
        """Have it do that, and advertise for as long as it is on the air."""
        do()
        task = asyncio.create_task(self._advertise(gadget))
        self._appearing.add(task)
        task.add_done_callback(self._appearing.discard)

    async def _advertise(self, gadget: Gadget) -> None:
        while gadget.is_on_air():
            self.air.advertise(gadget.address, gadget.name)
            await asyncio.sleep(self.dice.uniform(1, 6))

    async def _show_cuff(self) -> None:
        cuff = self.cuff
        while True:
            await cuff.cuff.has_some.wait()
            await asyncio.sleep(self.dice.uniform(5, 60))
            self.air.advertise(cuff.address, cuff.name)

    async def _be_heard_next_door(self) -> None:
        dice = self.dice
        while self.is_lively:
            await asyncio.sleep(dice.expovariate(1 / 60))
            self.air.advertise(dice.choice(NEIGHBOURS), "")

    async def _break_air(self) -> None:
        dice, air = self.dice, self.air
        while True:
            await asyncio.sleep(dice.expovariate(1 / (1.2 * DAY_S)))
            kind = dice.choice(tuple(RADIO_TROUBLES))
            if air.amiss:
                continue
            self.injected[kind] += 1
            if trouble := RADIO_TROUBLES[kind]:
                setattr(air, *trouble)
            elif kind == "link stale":
                air.stale.add(dice.choice((self.cuff, self.meter)).address)
            elif kind == "adapter unplugged":
                air.unplug()
                try:  # what the last of the days interrupts is plugged in again all the same
                    await asyncio.sleep(dice.expovariate(1 / (5 * HOUR_S)))
                finally:
                    air.plug_in()
            else:
                air.is_served = False
                air.lose()
                try:
                    await asyncio.sleep(dice.uniform(1, 60))
                finally:
                    air.is_served = True

    async def _break_net(self) -> None:
        dice, net = self.dice, self.net
        loop = asyncio.get_running_loop()
        while True:
            pause_s = dice.expovariate(1 / (4 * DAY_S))
            if self.fills_at_s is not None and self.fills_at_s < loop.time() + pause_s:
                await self._fill()
                continue
            await asyncio.sleep(pause_s)
            kind = dice.choice(NET_TROUBLES)
            self.injected[kind] += 1
            if kind == "broker restarted":
                net.empty()
                continue
            net.is_refusing = kind == "broker refusing"
            if not net.is_refusing:
                net.cut()
            await asyncio.sleep(dice.expovariate(1 / (0.8 * DAY_S)))
            net.is_up, net.is_refusing = True, False

    async def _fill(self) -> None:
        """A week without network, in which a device babbles until the outbox is full."""
        assert self.fills_at_s is not None
        await asyncio.sleep(max(0, self.fills_at_s - asyncio.get_running_loop().time()))
        self.fills_at_s = None
        self.injected["broker away"] += 1
        self.net.cut()
        self.is_tight = self.babbler.talks = True
        for _ in range(24 * 7):
            await asyncio.sleep(HOUR_S)
            self.air.advertise(self.babbler.address, self.babbler.name)
            status = await self.life.ask("status")
            if status and status["storage"].get("room") == "full":
                self.injected["outbox full"] += 1
                break
        self.babbler.talks = False
        await asyncio.sleep(self.dice.uniform(1, 3) * DAY_S)
        self.net.is_up = True
        await asyncio.sleep(DAY_S)
        self.is_tight = False

    async def _break_office(self) -> None:
        """The office is away for hours; for minutes of that, sometimes, the card of the hub."""
        dice, net = self.dice, self.net
        while True:
            await asyncio.sleep(dice.expovariate(1 / (5 * DAY_S)))
            net.is_office_up = False
            self.injected["office away"] += 1
            if dice.random() < 0.5:
                await self._break_card()
            await asyncio.sleep(dice.expovariate(1 / (0.6 * DAY_S)))
            net.open_office()

    async def _break_card(self) -> None:
        self.injected["card failed"] += 1
        self.house.is_card_bad = True
        break_card()
        try:
            await asyncio.sleep(self.dice.expovariate(1 / 300))
        finally:
            mend_card()
        await asyncio.sleep(60)
        self.house.is_card_bad = False

    async def _break_clock(self) -> None:
        dice, clock, net = self.dice, self.house.clock, self.net
        assert isinstance(clock, WildClock)
        loop = asyncio.get_running_loop()
        blocked_until_s = 0.0
        while True:
            await asyncio.sleep(dice.expovariate(1 / HOUR_S))
            if loop.time() < blocked_until_s:
                if dice.random() < 0.05:
                    clock.show(clock.utc_ns() / 1e9 + dice.choice((-10, 10)) * YEAR_S)
                    self.injected["clock stepped by years"] += 1
            elif not clock.quality():
                if net.is_up:
                    clock.synchronise()
                    self.injected["clock synchronised late"] += 1
            elif dice.random() < 0.004:
                clock.lose()
                blocked_until_s = loop.time() + dice.expovariate(1 / (6 * DAY_S))
                self.injected["clock not synchronised for days"] += 1

    async def _break_device(self) -> None:
        while True:
            await asyncio.sleep(self.dice.expovariate(1 / (4 * DAY_S)))
            self.injected["device clock jumped"] += self.cuff.jump()


def _describe(gadget: Gadget, identity: Identity, driver: Driver) -> str:
    maker, model, serial = identity
    facts = {"maker": maker, "model": model, "serial": serial, "driver": driver.info.id}
    bond = str(gadget.is_bonded).lower()
    return DEVICE.format(name=gadget.name, address=gadget.address, bond=bond, **facts)


async def homes(run: Run) -> Result:
    """2 or 100 seeds from the run's own up; the first violation names its seed."""
    return await live_all(run, Home)

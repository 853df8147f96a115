"""A Bluetooth LE peripheral on the air of a home: radio, visits, bonds and clock.

What it measures and when it sends is said by the device that is made of it (simulator/devices).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from bumble.device import Connection, Device

from simulator.air import Air
from simulator.bonding import JUST_WORKS, by_passkey
from simulator.clock import DeviceClock, ScriptClock
from simulator.device import Log
from simulator.gatt import INDICATE, Table, serve
from simulator.shown import attach, label
from simulator.visit import Visit

SECOND_NS = 1_000_000_000
ON_AIR_NS = 60 * SECOND_NS  # after measuring, and again from a connection on
LEAVES_AFTER_S = 0.5  # assumed: of those that talk
POLL_S = 0.05  # how soon a jump of the script's clock is noticed
DEFAULT_DATE = datetime(2016, 1, 1)  # noqa: DTZ001  assumed; the device states no zone


class Peripheral(ABC):
    """A device that is on the air for a minute after measuring, and serves one hub at a time."""

    maker: ClassVar = "Vitalpost"
    model: ClassVar[str]
    prefix: ClassVar[str]
    services: ClassVar[tuple[str, ...]]  # in its advertisement
    bonds: ClassVar = True

    def __init__(  # noqa: PLR0913  each is a fact of one device
        self,
        air: Air,
        script: ScriptClock,
        log: Log,
        *,
        address: str,
        serial: str,
        ppm: float = 0,
        passkey: int | None = None,
    ) -> None:
        self.name = self.prefix + address.replace(":", "")[-6:]
        self.address = address
        self.serial = serial
        self.clock = DeviceClock(script, DEFAULT_DATE, ppm)
        self.powered = asyncio.Event()
        self.visited = asyncio.Event()  # set while a hub is connected
        self.alone = asyncio.Event()  # set while none is
        self.idle = asyncio.Event()  # set while none is and nothing waits for one
        self._script = script
        self._log = log
        self._visit: Visit | None = None
        self._off_at_ns: int | None = None  # None while the radio is off
        self._changed = asyncio.Event()
        self._device = attach(air, self.name, address, self.services)
        self._device.on(Device.EVENT_CONNECTION, self._on_connection)
        pairing = JUST_WORKS if passkey is None else by_passkey(passkey, shows=True)
        self._device.pairing_config_factory = lambda _: pairing
        table = {**self._table(), **label(self.maker, self.model, serial)}
        self._served = serve(self._device, table, bonds=self.bonds)
        for uuid, served in self._served.items():
            served.on(served.EVENT_SUBSCRIPTION, partial(self._on_subscription, uuid))

    @abstractmethod
    def _table(self) -> Table:
        """Its own services."""

    @abstractmethod
    def _has_news(self) -> bool:
        """Whether anything waits for a hub."""

    def _settle_visit(self, visit: Visit) -> None:  # noqa: B027  not every device does
        """A hub has come, subscribed or written: do what is to be done now."""

    def _leave(self, visit: Visit) -> None:  # noqa: B027  not every device does
        """A hub has gone."""

    def _settle_power(self, *, is_on: bool) -> None:  # noqa: B027  not every device does
        """Time has passed."""

    async def run(self) -> None:
        """Be there until cancelled."""
        # Shielded: wait_for, inside Bumble, swallows a cancellation that comes with its result
        # (Python 3.11), and a command that is cancelled leaves Bumble's host confused.
        await asyncio.shield(self._device.power_on())
        self._note()
        self.powered.set()
        while True:
            await asyncio.shield(self._settle())
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._changed.wait()
            self._changed.clear()

    def where(self) -> Mapping[str, str]:
        """Its address."""
        return {"address": self.address}

    def switch_on(self) -> None:
        """Be on the air for a minute, as after measuring and in pairing mode."""
        self._off_at_ns = self._script.boottime_ns() + ON_AIR_NS
        self._note()

    def set_clock(self, at: datetime, by: str) -> None:
        """Set its clock; `by` says in the log who did. Raises ValueError as DeviceClock."""
        was = self.clock.now()
        self.clock.set(at)
        self._log("clock-set", by=by, device_time=at.isoformat(), was=was.isoformat())

    def reset_clock(self) -> None:
        """Change the battery: the clock starts again at its default date."""
        was = self.clock.now()
        self.clock.set(DEFAULT_DATE)
        self._log("reset", device_time=DEFAULT_DATE.isoformat(), was=was.isoformat())

    async def lose_bonds(self) -> None:
        """Know no hub any more, as after a reset to the factory's settings."""
        assert self._device.keystore
        await self._device.keystore.delete_all()
        self._log("bonds-lost")

    async def send(self, visit: Visit, uuid: str, data: bytes) -> None:
        """Indicate and wait for the confirmation, or notify. Raises TimeoutError.

        Forced: Bumble returns as if confirmed where the hub has just unsubscribed.
        """
        served = self._served[uuid]
        does = INDICATE in served.properties
        how = self._device.indicate_subscriber if does else self._device.notify_subscriber
        await how(visit.connection, served, data, force=True)

    def _wait_for_words(self, visit: Visit) -> None:
        """Leave when nothing is left and the hub says nothing for a while, counted from now."""

        async def wait() -> None:
            await asyncio.sleep(LEAVES_AFTER_S)
            visit.is_over = not self._has_news()
            self._note()

        if silence := visit.works.get("silence"):
            silence.cancel()
        visit.start("silence", wait())

    async def obey(self, do: str, fact: Any) -> dict[str, Any]:
        """Carry out what every peripheral can. Raises ValueError."""
        match do:
            case "set-clock":
                self.set_clock(fact, by="home")
            case "reset-clock":
                self.reset_clock()
            case "pair":
                self.switch_on()
            case "lose-bonds":
                await self.lose_bonds()
            case _:
                raise ValueError(f"no command of a {self.model}")
        return {}

    async def _settle(self) -> None:
        """Bring the radio to what script time asks for."""
        if self._off_at_ns is not None and self._script.boottime_ns() >= self._off_at_ns:
            self._off_at_ns = None
        is_on = self._off_at_ns is not None
        if self._visit and (self._visit.is_over or not is_on):
            await self._visit.connection.disconnect()
        elif not self._visit and is_on != self._device.is_advertising:
            await (self._device.start_advertising() if is_on else self._device.stop_advertising())
        self._settle_power(is_on=is_on)

    def _on_connection(self, connection: Connection) -> None:
        now = self._script.boottime_ns()
        self._off_at_ns = now + ON_AIR_NS
        self._visit = visit = Visit(connection, now)
        connection.on(Connection.EVENT_DISCONNECTION, self._on_disconnection)
        self._settle_visit(visit)
        self._note()

    def _on_disconnection(self, _reason: int) -> None:
        visit, self._visit = self._visit, None
        if visit:
            visit.end()
            self._leave(visit)
        self._note()

    def _on_subscription(self, uuid: str, _: Connection, notify: bool, indicate: bool) -> None:  # noqa: FBT001  Bumble's event
        if visit := self._visit:
            (visit.subscribed.add if notify or indicate else visit.subscribed.discard)(uuid)
            self._settle_visit(visit)

    def _note(self) -> None:
        for event, is_so in (
            (self.visited, self._visit is not None),
            (self.alone, self._visit is None),
            (self.idle, not self._visit and not self._has_news()),
        ):
            (event.set if is_so else event.clear)()
        self._changed.set()

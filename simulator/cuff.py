"""Blood pressure cuffs that behave as real ones do, faults included.

Devices: A&D UA-651BLE; a cuff without clock and memory
Source:  two public Android drivers, one verified on UA-651BLE hardware, and the captures of
         HEADS-project/ThingML-BLE; what has no source is marked as assumed
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from bumble.device import Connection, Device

from simulator import frames, gatt
from simulator.air import Air
from simulator.clock import DeviceClock, ScriptClock

SECOND_NS = 1_000_000_000
ON_AIR_NS = 60 * SECOND_NS  # after measuring, and again from a connection on
CLOCK_WITHIN_NS = 5 * SECOND_NS  # the UA-651BLE sends nothing unless its clock was written by then
MEMORY_SIZE = 30  # assumed; the capture holds 30 records
POLL_S = 0.05  # how soon a jump of the script's clock is noticed
LINGER_S = 0.05  # assumed: from the last confirmation to the cuff's own disconnection
DEFAULT_DATE = datetime(2016, 1, 1)  # noqa: DTZ001  assumed; the device states no zone
CLOSE = timedelta(minutes=1)  # a measurement lasts about as long

Log = Callable[..., None]  # (event, **facts): a line of the device's own log


@dataclass(eq=False, slots=True)
class Record:
    """One measurement in a cuff's memory."""

    frame: bytes


@dataclass(eq=False, slots=True)
class Visit:
    """One connection, and how far the hub has come in it."""

    connection: Connection
    clock_by_ns: int
    has_set_clock: bool
    is_subscribed: bool = False
    is_over: bool = False
    delivery: asyncio.Task[None] | None = None

    def end(self) -> None:
        """Send no more."""
        if self.delivery:
            self.delivery.cancel()
            self.delivery = None


class Cuff:
    """An A&D UA-651BLE that lives on the script's clock.

    It is on the air for a minute after measuring, sends nothing to a hub that does not set its
    clock in time, indicates the oldest record first and forgets it when it is confirmed.
    """

    maker: ClassVar = "A&D Medical"
    model: ClassVar = "UA-651BLE"
    prefix: ClassVar = "A&D_UA-651BLE_"
    is_live_only: ClassVar = False

    def __init__(  # noqa: PLR0913  each is a fact of one device
        self, air: Air, script: ScriptClock, log: Log, *, address: str, serial: str, ppm: float
    ) -> None:
        self.name = self.prefix + address.replace(":", "")[-6:]
        self.clock = DeviceClock(script, DEFAULT_DATE, ppm)
        self.memory: deque[Record] = deque()
        self.powered = asyncio.Event()
        self.visited = asyncio.Event()  # set while a hub is connected
        self.alone = asyncio.Event()  # set while none is
        self.idle = asyncio.Event()  # set while none is and the memory is empty
        self._delivered: deque[Record] = deque(maxlen=0 if self.is_live_only else MEMORY_SIZE)
        self._script = script
        self._log = log
        self._visit: Visit | None = None
        self._off_at_ns: int | None = None  # None while the radio is off
        self._changed = asyncio.Event()
        self._device = gatt.attach(air, self.name, address)
        self._measurement = gatt.serve(
            self._device,
            maker=self.maker,
            model=self.model,
            serial=serial,
            clock=None if self.is_live_only else gatt.DateTime(self._read_time, self._write_time),
        )
        self._measurement.on(self._measurement.EVENT_SUBSCRIPTION, self._on_subscription)
        self._device.on(Device.EVENT_CONNECTION, self._on_connection)
        self._note()

    async def run(self) -> None:
        """Be a cuff until cancelled."""
        # Shielded: wait_for, inside Bumble, swallows a cancellation that comes with its result
        # (Python 3.11), and a command that is cancelled leaves Bumble's host confused.
        await asyncio.shield(self._device.power_on())
        self.powered.set()
        while True:
            await asyncio.shield(self._settle())
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._changed.wait()
            self._changed.clear()

    def build(self, values: frames.Values) -> bytes:
        """The frame of these values, measured now."""
        return frames.build_timed(values, self.clock.now())

    def keep(self, frame: bytes) -> None:
        """Measure this frame. Raises ValueError where this cuff could not make it now."""
        own = self.build(frames.FAILED)
        if (len(frame), frame[:1]) != (len(own), own[:1]):
            raise ValueError(
                f"a {self.model} frame has {len(own)} bytes and the flags {own[0]:02x}"
            )
        at = frames.device_time(frame)
        if at and abs(at - self.clock.now()) > CLOSE:
            raise ValueError(f"the frame says {at}, the cuff's clock {self.clock.now()}")
        self._log(
            "measured",
            frame=frame.hex(),
            failed=frames.is_failed(frame),
            device_time=at and at.isoformat(),
        )
        self.memory.append(Record(frame))
        if len(self.memory) > (1 if self.is_live_only else MEMORY_SIZE):
            self._drop()
        self.switch_on()

    def resend(self, count: int) -> int:
        """Put the last delivered records back into memory, at most `count`; returns how many."""
        count = min(count, len(self._delivered), MEMORY_SIZE - len(self.memory))
        for _ in range(count):
            self.memory.appendleft(self._delivered.pop())
        self.switch_on()
        return count

    def switch_on(self) -> None:
        """Be on the air for a minute, as after measuring and in pairing mode."""
        self._off_at_ns = self._script.boottime_ns() + ON_AIR_NS
        self._note()

    def set_clock(self, at: datetime, by: str) -> None:
        """Set the cuff's clock; `by` says in the log who did. Raises ValueError as DeviceClock."""
        was = self.clock.now()
        self.clock.set(at)
        self._log("clock-set", by=by, device_time=at.isoformat(), was=was.isoformat())

    def reset_clock(self) -> None:
        """Change the battery: the clock starts again at its default date."""
        was = self.clock.now()
        self.clock.set(DEFAULT_DATE)
        self._log("reset", device_time=DEFAULT_DATE.isoformat(), was=was.isoformat())

    async def _settle(self) -> None:
        """Bring the radio to what script time asks for."""
        if self._off_at_ns is not None and self._script.boottime_ns() >= self._off_at_ns:
            self._off_at_ns = None
        is_on = self._off_at_ns is not None
        if self._visit and (self._visit.is_over or not is_on):
            await self._visit.connection.disconnect()
        elif not self._visit and is_on != self._device.is_advertising:
            await (self._device.start_advertising() if is_on else self._device.stop_advertising())
        if self.is_live_only and not is_on and self.memory:
            self._drop()

    def _on_connection(self, connection: Connection) -> None:
        now = self._script.boottime_ns()
        self._off_at_ns = now + ON_AIR_NS
        self._visit = Visit(connection, now + CLOCK_WITHIN_NS, has_set_clock=self.is_live_only)
        connection.on(Connection.EVENT_DISCONNECTION, self._on_disconnection)
        self._note()

    def _on_disconnection(self, _reason: int) -> None:
        visit, self._visit = self._visit, None
        if visit:
            if visit.delivery and not self.memory:
                self._off_at_ns = None
            visit.end()
        self._note()

    def _on_subscription(self, _hub: Connection, _notify: bool, indicate: bool) -> None:  # noqa: FBT001  Bumble's event
        if self._visit:
            self._visit.is_subscribed = indicate
            self._settle_delivery(self._visit)

    def _read_time(self) -> bytes:
        return frames.pack_time(self.clock.now())

    def _write_time(self, data: bytes) -> None:
        self.set_clock(frames.unpack_time(data), by="hub")
        if self._visit and self._script.boottime_ns() <= self._visit.clock_by_ns:
            self._visit.has_set_clock = True
            self._settle_delivery(self._visit)

    def _settle_delivery(self, visit: Visit) -> None:
        if not visit.is_subscribed:
            visit.end()
        elif visit.has_set_clock and not visit.delivery:
            visit.delivery = asyncio.create_task(self._deliver(visit))

    async def _deliver(self, visit: Visit) -> None:
        """Indicate until nothing is left, then leave; what is not confirmed stays."""
        with suppress(TimeoutError):  # a silent hub: the ATT transaction failed
            while self._visit is visit and not visit.is_over:
                while self._visit is visit and self.memory:
                    record = self.memory[0]
                    # Forced: Bumble returns as if confirmed where the hub has just unsubscribed.
                    await self._device.indicate_subscriber(
                        visit.connection, self._measurement, record.frame, force=True
                    )
                    self._confirm(record)
                await asyncio.sleep(LINGER_S)
                visit.is_over = not self.memory
        visit.is_over = True
        self._note()

    def _confirm(self, record: Record) -> None:
        self._log("confirmed", frame=record.frame.hex())
        if record in self.memory:
            self.memory.remove(record)
            self._delivered.append(record)
        self._note()

    def _drop(self) -> None:
        self._log("dropped", frame=self.memory.popleft().frame.hex())
        self._note()

    def _note(self) -> None:
        for event, is_so in (
            (self.visited, self._visit is not None),
            (self.alone, self._visit is None),
            (self.idle, not self._visit and not self.memory),
        ):
            (event.set if is_so else event.clear)()
        self._changed.set()


class ClocklessCuff(Cuff):
    """A cuff without clock and memory: the same values make the same bytes on every day.

    What is not delivered within its minute on the air, or before it measures again, is lost.
    """

    maker: ClassVar = "Vitalpost"
    model: ClassVar = "Clockless"
    prefix: ClassVar = "CLOCKLESS_"
    is_live_only: ClassVar = True

    def build(self, values: frames.Values) -> bytes:
        """The frame of these values."""
        return frames.build_untimed(values)

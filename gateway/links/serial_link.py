"""One open serial port: what a driver is lent, on the event loop and without a thread."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from datetime import datetime, tzinfo
from types import TracebackType
from typing import NamedTuple, Self

from serial.tools.list_ports import comports
from serial.tools.list_ports_common import ListPortInfo

from drivers.errors import LinkError, LinkFlooded, LinkLost, LinkTimeout, PortUnusable
from drivers.spi import Chunk, Line
from gateway.clock import Clock, Moment, read_moment, site_time
from gateway.devices import Device
from gateway.link import Exchange
from gateway.links.serial_port import GONE, Port

READ_BYTES = 4096  # what the kernel holds of a terminal
BURST_BYTES = 64 * 1024  # above what the line carries; and the most that waits for a driver
SPARE = 2  # a USB cable hands over in bursts, and its clock is not ours
BITS_PER_BYTE = 10
TOGETHER_MS = 100  # while a driver commits, what comes so close together is one chunk
WRITE_S = 5.0


class Bench(NamedTuple):
    """What all serial links of a hub share."""

    clock: Clock
    site_zone: tzinfo
    look_s: float = 3.0
    silence_s: float = 2.0
    list_ports: Callable[[], Iterable[ListPortInfo]] = comports


class PortLink:
    """Opens the port when entered, and no one else may. Raises LinkLost or PortUnusable then.

    What comes faster than twice the line's speed, or waits for longer than the burst allows, ends
    the session with LinkFlooded: a source of noise must not eat the hub.
    """

    security = 0  # a cable

    def __init__(
        self,
        bench: Bench,
        device: Device,
        path: str,
        on_first_byte: Callable[[], None] = lambda: None,
    ) -> None:
        line = device.driver.info.line
        assert line is not None
        self.name = device.name
        self._bench = bench
        self._on_first_byte = on_first_byte
        self._device = device
        self._commands = device.driver.info.commands
        self._line: Line = line
        self._port = Port(path, line)
        self._arrivals: deque[tuple[bytearray, Moment]] = deque()
        self._waiting = 0
        self._level = 0.0
        self._leaked_at = 0.0
        self._has_come = asyncio.Event()
        self._fault: LinkError | None = None
        self._has_spoken = False
        self._has_asked = False
        self._is_over = False
        self._is_ended = False
        self._is_closed = False
        self._last: Exchange | None = None

    async def __aenter__(self) -> Self:
        try:
            self._port.open()
        except OSError as error:
            if error.errno in GONE:
                raise LinkLost(self.name) from error
            raise PortUnusable(self.name, error.strerror or "") from error
        loop = asyncio.get_running_loop()
        self._leaked_at = loop.time()
        loop.add_reader(self._port.fd, self._on_readable)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        self._hang_up()
        self._port.close()

    def close(self) -> None:
        """From here on nothing that a driver does reaches the device."""
        self._is_closed = True

    @property
    def bookmark(self) -> str:
        """What the driver left in an earlier session."""
        return self._device.bookmark

    def end(self) -> None:
        """The hub stops: the driver gets the bytes that wait, and its session ends."""
        self._is_ended = True
        self._hang_up()

    def exchange(self, source: str) -> Exchange:
        """When the chunk came that the driver was handed last, whatever its source."""
        del source
        if self._last is None:
            now = read_moment(self._bench.clock)
            return Exchange(now, now)
        return self._last

    async def receive(self) -> AsyncIterator[Chunk]:
        """Chunks until the device is unplugged; an empty one when it falls silent.

        What the driver asks then has its own silence: a device that sleeps may be asked again.

        Raises LinkLost where it is unplugged before a byte came, and LinkFlooded.
        """
        while await self._wait():
            if not self._arrivals:
                self._has_asked = False
                yield Chunk(b"", read_moment(self._bench.clock).boottime_ms)
                if not self._has_asked:
                    await self._has_come.wait()
                continue
            data, moment = self._arrivals.popleft()
            self._waiting -= len(data)
            self._last = Exchange(moment, moment)
            yield Chunk(bytes(data), moment.boottime_ms)
        if self._fault:
            raise self._fault
        if not self._has_spoken and not self._is_ended:
            raise LinkLost(self.name)

    async def write(self, command: bytes) -> None:
        """Send what the driver declared. Raises LinkError."""
        if not any(command.startswith(allowed) for allowed in self._commands if allowed):
            raise LinkError(self.name, "its driver may not write this")
        self._has_asked = True
        left = memoryview(command)
        try:
            async with asyncio.timeout(WRITE_S):
                while left:
                    if self._is_closed or self._is_over:
                        raise LinkLost(self.name)
                    with suppress(BlockingIOError):
                        left = left[os.write(self._port.fd, left) :]
                    if left:
                        await self._wait_writable()
        except TimeoutError as error:
            raise LinkTimeout(self.name, WRITE_S) from error
        except OSError as error:
            raise LinkLost(self.name) from error

    def local_time(self) -> datetime | None:
        """Naive time at the site; None while the hub's own clock is not synchronised."""
        return site_time(self._bench.clock, self._bench.site_zone)

    async def _wait(self) -> bool:
        """Whether there may be more; with nothing there, the device is silent."""
        if not self._arrivals and not self._is_over:
            self._has_come.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._bench.silence_s):
                    await self._has_come.wait()
        return bool(self._arrivals) or not self._is_over

    async def _wait_writable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_writer(self._port.fd, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_writer(self._port.fd)

    def _on_readable(self) -> None:
        try:
            data = os.read(self._port.fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hang_up()
            return
        moment = read_moment(self._bench.clock)
        if not self._has_spoken:
            self._has_spoken = True
            self._on_first_byte()
        if self._is_flood(len(data)):
            self._fault = LinkFlooded(self.name)
            self._arrivals.clear()
            self._hang_up()
            return
        self._waiting += len(data)
        if self._arrivals:
            waiting, since = self._arrivals[-1]
            if moment.boottime_ms - since.boottime_ms < TOGETHER_MS:
                waiting += data
                return
        self._arrivals.append((bytearray(data), moment))
        self._has_come.set()

    def _hang_up(self) -> None:
        if self._port.is_open and not self._is_over:
            asyncio.get_running_loop().remove_reader(self._port.fd)
        self._is_over = True
        self._has_come.set()

    def _is_flood(self, size: int) -> bool:
        now = asyncio.get_running_loop().time()
        carried = (now - self._leaked_at) * self._line.baud / BITS_PER_BYTE * SPARE
        self._level = max(0.0, self._level - carried) + size
        self._leaked_at = now
        return max(self._level, self._waiting + size) > BURST_BYTES

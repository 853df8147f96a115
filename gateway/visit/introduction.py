"""The first meeting with a device that is being added: it is paired, and says what it is.

No reading is fetched and nothing is recorded: whose device it is is not yet confirmed.
"""

from __future__ import annotations

import asyncio
from typing import cast

from drivers import device_information
from drivers.spi import GattLink
from gateway.devices import Device
from gateway.link import Connection
from gateway.recorder import Recorder
from gateway.sessions import Outcome, Sessions
from uplink.journal import Journal


class Introduction(Sessions):
    """Sessions that end once the device has said what it is; `changed` after each attempt."""

    def __init__(self, device: Device, recorder: Recorder, journal: Journal) -> None:
        super().__init__(device, recorder, journal)
        self.name = ""
        self.is_done = False
        self.changed = asyncio.Event()

    def claim(self) -> bool:
        """Whether to connect: not again, once it is done."""
        return not self.is_done and super().claim()

    async def hold(self, connection: Connection) -> None:
        """Pair and read what the device says of itself; raises nothing."""
        try:
            async with connection as link:
                self.name = link.name
                async for said in device_information.read(cast(GattLink, link)):
                    self.device.information = said
        except Exception as error:  # noqa: BLE001  the edge of a session: no device stops the hub
            self._note_failure(error)
        else:
            self.is_done = True
            self.last = Outcome("ok")
        finally:
            self._is_busy = False
            self.changed.set()

"""What every device of a home is, on the air or on a cable, and what its own log says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol

Log = Callable[..., None]
"""(event, **facts): a line of the device's own log, the truth that a ledger is held against."""


class Told(NamedTuple):
    """What a frame says beside its values: the device's time, a record number, who measured.

    One with neither time nor number has no name of its own. `undated`: it comes from a memory and
    nobody can tell of which day it is.
    """

    device_time: datetime | None = None
    number: int | None = None
    user: int | None = None
    failed: bool = False
    undated: bool = False

    def facts(self) -> dict[str, Any]:
        """For the log."""
        facts = self._asdict()
        return facts | {"device_time": self.device_time and self.device_time.isoformat()}


class Device(Protocol):
    """A device of the home. `idle` is set while nobody is connected and nothing waits."""

    powered: asyncio.Event
    visited: asyncio.Event
    alone: asyncio.Event
    idle: asyncio.Event

    def where(self) -> Mapping[str, str]:
        """How a hub finds it: an address or a port."""

    async def run(self) -> None:
        """Be that device until cancelled."""

    async def obey(self, do: str, fact: Any) -> dict[str, Any]:
        """Carry out a command; returns the facts of its answer. Raises ValueError."""

"""What the gateway asks of a link to a device, whatever carries it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import NamedTuple, Protocol

from gateway.clock import Moment


class Exchange(NamedTuple):
    """When something was asked of a device and when it answered; the same for what it sends."""

    asked: Moment
    answered: Moment


class Link(Protocol):
    """A GattLink or a SerialLink as the gateway sees it: how what it brings came."""

    @property
    def name(self) -> str:
        """What the device calls itself; the enrolled name if nothing."""

    @property
    def security(self) -> int:
        """0 open, 1 encrypted, 2 bonded."""

    def exchange(self, source: str) -> Exchange:
        """The last one with a characteristic as handed to the driver; with any if it had none."""

    def local_time(self) -> datetime | None:
        """Naive time at the site; None while the hub's own clock is not synchronised."""

    def close(self) -> None:
        """From here on nothing that a driver does reaches the device."""


Connection = AbstractAsyncContextManager[Link]
"""Connects when entered, disconnects when left."""

"""Drivers that decode raw frames again, from the entry points of `vitalpost.drivers`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

from drivers.spi import Driver

GROUP = "vitalpost.drivers"


def load_drivers() -> Mapping[str, Driver]:
    """Every installed driver by its id."""
    drivers = (point.load()() for point in entry_points(group=GROUP))
    return {driver.info.id: driver for driver in drivers}

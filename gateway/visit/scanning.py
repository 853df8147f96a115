"""Who was heard advertising in the last minutes, as it is told to a technician."""

from __future__ import annotations

from typing import Any

from gateway.clock import read_moment
from gateway.errors import DriverTie
from gateway.kinds import describe
from gateway.matching import find_driver
from gateway.visit.jobs import Premises


async def scan(premises: Premises) -> list[dict[str, Any]]:
    """Each with its driver (two: a tie), how it is heard, and how it stands with this hub."""
    now = read_moment(premises.clock)
    found = []
    for seen in await premises.fleet.central.sightings():
        sessions = premises.fleet.at(seen.address)
        drivers: tuple[str, ...]
        try:
            driver = find_driver(premises.drivers, seen.name, seen.services)
            drivers = (driver.info.id,) if driver else ()
            noun = describe(driver).noun if driver else None
        except DriverTie as tie:
            drivers, noun = tie.drivers, None
        last = sessions.last.event if sessions and sessions.last else None
        found.append(
            {
                "address": seen.address,
                "name": seen.name,
                "noun": noun,
                "drivers": drivers,
                "rssi": seen.rssi,
                "heard_s": (now.boottime_ms - seen.at.boottime_ms) // 1000,
                "enrolled": sessions.device.name if sessions else None,
                "bonded": seen.ties.is_bonded,
                "held": last == "device-held",
            }
        )
    return found

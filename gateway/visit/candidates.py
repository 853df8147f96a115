"""Which of the devices in range may be the one that a technician is adding."""

from __future__ import annotations

from typing import NamedTuple

from drivers.spi import Driver
from gateway.clock import read_moment
from gateway.errors import DriverTie
from gateway.kinds import drivers_of
from gateway.links.sightings import Sighting
from gateway.matching import find_driver
from gateway.visit.jobs import Premises, Wanted

RECENT_MS = 15_000  # who was heard before that may be off by now


class Candidate(NamedTuple):
    """A device in range, with its driver."""

    address: str
    name: str
    driver: Driver


class Looked(NamedTuple):
    """Who may be meant; else whether the one that is meant has no driver, or more than one."""

    found: list[Candidate]
    is_unsupported: bool = False
    tie: DriverTie | None = None


async def find_candidates(premises: Premises, wanted: Wanted) -> Looked:
    """Look once. A device that is enrolled is meant only by its address, or if it lost its bond."""
    now_ms = read_moment(premises.clock).boottime_ms
    found: list[Candidate] = []
    is_unsupported, tie = False, None
    for seen in await premises.fleet.central.sightings():
        if now_ms - seen.at.boottime_ms > RECENT_MS or not _may_be_meant(seen, premises, wanted):
            continue
        try:
            driver = _driver_for(seen, premises, wanted)
        except DriverTie as both:
            tie = both
        else:
            if driver:
                found.append(Candidate(seen.address, seen.name, driver))
            elif wanted.address:
                is_unsupported = True
    return Looked(found, is_unsupported, tie)


def _may_be_meant(seen: Sighting, premises: Premises, wanted: Wanted) -> bool:
    if wanted.address:
        return seen.address == wanted.address.upper()
    if wanted.ends and not any(
        text.upper().endswith(wanted.ends.upper())
        for text in (seen.name, seen.address.replace(":", ""))
    ):
        return False
    known = premises.fleet.at(seen.address)
    return known is None or known.device.bond_lost


def _driver_for(seen: Sighting, premises: Premises, wanted: Wanted) -> Driver | None:
    if wanted.driver:
        named = premises.drivers[wanted.driver]
        # By its address the technician means it; else it must be one of this driver's.
        return (
            named
            if wanted.address
            else find_driver({wanted.driver: named}, seen.name, seen.services)
        )
    driver = find_driver(premises.drivers, seen.name, seen.services)
    if driver is None:
        return None
    return driver if driver.info.id in drivers_of(wanted.kind, premises.drivers) else None

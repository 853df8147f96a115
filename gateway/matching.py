"""Which driver is for a device, by what it advertises.

The longest prefix of the advertised name that a driver declares decides; then a service with a
vendor's own UUID; then one of the Bluetooth SIG's; then a driver that names no devices, which is
for all of a kind, before one that is for others by name. What is left is a tie: nobody guesses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

from drivers.spi import Driver, DriverInfo
from gateway.errors import DriverTie

Rank = tuple[int, bool, bool, bool]

# Core Specification, vol. 3, part B, 2.5.1: the Bluetooth base UUID.
_OF_SIG = re.compile(r"0000([0-9a-f]{4})-0000-1000-8000-00805f9b34fb")


def find_driver(drivers: Mapping[str, Driver], name: str, services: Iterable[str]) -> Driver | None:
    """The driver for who advertises this name and these services (short or full UUIDs).

    None where no driver is for it. Raises DriverTie.
    """
    offered = {_short(service) for service in services}
    ranks = {id_: _rank(driver.info, name, offered) for id_, driver in drivers.items()}
    fitting = {id_: rank for id_, rank in ranks.items() if rank}
    if not fitting:
        return None
    best = max(fitting.values())
    found = sorted(id_ for id_, rank in fitting.items() if rank == best)
    if len(found) > 1:
        raise DriverTie(found, f"a device called {name!r}")
    return drivers[found[0]]


def refuse_ties(drivers: Mapping[str, Driver]) -> None:
    """Raise DriverTie where two drivers can never be told apart, whatever a device advertises."""
    over_air = [driver.info for driver in drivers.values() if driver.info.transport == "ble"]
    for one, other in combinations(over_air, 2):
        for what in _shared(one, other):
            raise DriverTie(sorted((one.id, other.id)), what)


def _rank(info: DriverInfo, name: str, offered: set[str]) -> Rank | None:
    if info.transport != "ble":
        return None
    prefixes = [len(prefix) for prefix in info.names if _begins(name, prefix)]
    known = {_short(service) for service in info.match} & offered
    if not prefixes and not known:
        return None
    sigs = {service for service in known if len(service) == len("1810")}
    return (max(prefixes, default=0), bool(known - sigs), bool(sigs), not info.names)


def _shared(one: DriverInfo, other: DriverInfo) -> Iterator[str]:
    names = {prefix.casefold() for prefix in one.names}
    for prefix in sorted(names & {prefix.casefold() for prefix in other.names}):
        yield f"a name that begins with {prefix!r}"
    if not one.names and not other.names:
        for service in sorted(set(map(_short, one.match)) & set(map(_short, other.match))):
            yield f"the service {service}"


def _begins(name: str, prefix: str) -> bool:
    return name.casefold().startswith(prefix.casefold())


def _short(uuid: str) -> str:
    """A UUID of the SIG by its four digits, in capitals; any other in full, in lower case."""
    match = _OF_SIG.fullmatch(uuid.lower())
    if match:
        return match[1].upper()
    return uuid.upper() if len(uuid) == len("1810") else uuid.lower()

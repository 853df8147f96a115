"""What was heard advertising of late, enrolled or not: for whoever looks for a device."""

from __future__ import annotations

from typing import NamedTuple

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from gateway.clock import Clock, Moment, read_moment
from gateway.links.radio import Radio, Ties

MOST = 64
KEPT_MS = 5 * 60 * 1000


class Sighting(NamedTuple):
    """What a device says of itself on the air, and how it stands with this hub.

    `address` is the one behind a rotating one where the hub holds the device's key. `services` are
    UUIDs of 36 characters, in lower case, `makers` the company identifiers of manufacturer data.
    BlueZ adds to the services what it found in earlier connections.
    """

    address: str
    name: str
    rssi: int
    services: tuple[str, ...]
    makers: tuple[int, ...]
    at: Moment
    ties: Ties

    def __repr__(self) -> str:
        return f"Sighting(rssi={self.rssi})"


class Seen(NamedTuple):
    """The last advertisement of one device."""

    found: BLEDevice
    advertised: AdvertisementData
    at: Moment


class Sightings:
    """The newest 64 of the last five minutes: a street full of phones costs no more."""

    def __init__(self, radio: Radio, clock: Clock) -> None:
        self._radio = radio
        self._clock = clock
        self._seen: dict[str, Seen] = {}

    def note(self, address: str, found: BLEDevice, advertised: AdvertisementData) -> None:
        """Remember an advertisement by a device of this address."""
        self._seen.pop(address, None)  # the newest stands last
        self._seen[address] = Seen(found, advertised, read_moment(self._clock))
        if len(self._seen) > MOST:
            del self._seen[next(iter(self._seen))]

    async def list(self) -> list[Sighting]:
        """The newest first, each device once. Raises what the radio raises."""
        oldest_ms = read_moment(self._clock).boottime_ms - KEPT_MS
        self._seen = {key: seen for key, seen in self._seen.items() if _is_new(seen, oldest_ms)}
        listed: dict[str, Sighting] = {}
        for seen in reversed(list(self._seen.values())):
            # As it is known by now: a bond may have shown the address behind a rotating one.
            address = self._radio.address(seen.found)
            if address not in listed:
                ties = Ties(*await self._radio.ties(seen.found))
                listed[address] = _describe(address, seen, ties)
        return list(listed.values())


def _describe(address: str, seen: Seen, ties: Ties) -> Sighting:
    found, advertised, at = seen
    return Sighting(
        address=address,
        name=advertised.local_name or found.name or "",
        rssi=advertised.rssi,
        services=tuple(advertised.service_uuids),
        makers=tuple(advertised.manufacturer_data),
        at=at,
        ties=ties,
    )


def _is_new(seen: Seen, oldest_ms: int) -> bool:
    return seen.at.boottime_ms >= oldest_ms

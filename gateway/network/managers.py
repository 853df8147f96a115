"""ModemManager and NetworkManager over D-Bus: what they have, and what they are asked to do."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.clock import Clock
from gateway.errors import NotAnswered
from gateway.network import network_time, remedies
from gateway.network.bus import SystemBus
from gateway.network.ladder import Rung
from gateway.network.modem import find_modem
from gateway.network.picture import Picture
from gateway.network.preference import Preference
from gateway.network.routes import NETWORKS, read_networks
from gateway.network.values import Objects
from gateway.timekeeping.sources import Believe

MODEMS_PATH = "/org/freedesktop/ModemManager1"
NETWORKS_ROOT = "/org/freedesktop"  # where NetworkManager has its ObjectManager


class Managers:
    """Either may be missing, and the bus itself."""

    def __init__(self, prefer: Sequence[str]) -> None:
        self._bus = SystemBus()
        self._preference = Preference(prefer)

    async def look(self) -> Picture:
        """What they have now; one that does not answer counts as missing."""
        modems = await self._find(remedies.MODEMS, MODEMS_PATH)
        networks = await self._find(NETWORKS, NETWORKS_ROOT)
        return Picture(
            has_modemmanager=modems is not None,
            modem=find_modem(modems or {}),
            networks=None if networks is None else read_networks(networks),
        )

    async def climb(self, rung: Rung, picture: Picture) -> None:
        """Do what this rung of the modem's ladder says. Raises NotAnswered."""
        if picture.modem:
            await remedies.apply(rung, self._bus, picture.modem, picture.networks)

    async def prefer(self, picture: Picture) -> None:
        """Have the routes in the order of the settings. Raises NotAnswered."""
        if picture.networks:
            await self._preference.apply(self._bus, picture.networks)

    async def tell_time(self, picture: Picture, clock: Clock, believe: Believe) -> bool:
        """Hand on the time of the mobile network; whether it was believed. Raises NotAnswered."""
        modem = picture.modem
        if not modem or not modem.knows_time or not modem.is_registered:
            return False
        return await network_time.tell(self._bus, modem, clock, believe)

    def close(self) -> None:
        """Let go of the bus."""
        self._bus.close()

    async def _find(self, service: str, path: str) -> Objects | None:
        try:
            return await self._bus.find_objects(service, path)
        except NotAnswered:
            return None

"""What each rung of the modem's ladder does, on D-Bus.

NetworkManager connects and has the way in its keeping (APN, addresses, routes); without it there is
nothing to connect again, and that rung is passed over.
"""

from __future__ import annotations

from gateway.network.bus import SystemBus
from gateway.network.ladder import Rung
from gateway.network.modem import MODEM, Modem
from gateway.network.routes import NETWORKS, NETWORKS_PATH, Networks

MODEMS = "org.freedesktop.ModemManager1"
SWITCH_S = 90.0  # a modem takes its time to be switched on


async def apply(rung: Rung, bus: SystemBus, modem: Modem, networks: Networks | None) -> None:
    """Do what the rung says. Raises NotAnswered where it is refused or fails."""
    if rung is Rung.RECONNECT:
        await _reconnect(bus, networks)
    elif rung is Rung.RESTART:
        for is_on in (False, True):
            await bus.ask(
                MODEMS, modem.path, MODEM, "Enable", "b", [is_on], answer="", seconds=SWITCH_S
            )
    elif rung is Rung.RESET:
        await bus.ask(MODEMS, modem.path, MODEM, "Reset", answer="", seconds=SWITCH_S)


async def _reconnect(bus: SystemBus, networks: Networks | None) -> None:
    device = networks.mobile if networks else None
    if device and device.connections:
        way = [device.connections[0], device.path, "/"]
        await bus.ask(NETWORKS, NETWORKS_PATH, NETWORKS, "ActivateConnection", "ooo", way)

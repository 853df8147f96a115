"""Which network is taken where there are several: by the metrics of their routes.

NetworkManager takes Ethernet before Wi-Fi before cellular. Where the settings prefer another order,
the connections that are up get lower metrics (Device.Reapply), not the stored ones: that needs no
right to change anybody's connections, and nothing of it outlives the connection.
"""

from __future__ import annotations

from collections.abc import Sequence

from dbus_fast.signature import Variant

from gateway.errors import NotAnswered
from gateway.network.bus import SystemBus
from gateway.network.routes import DEVICE, NETWORKS, NetDevice, Networks

FIRST_METRIC, STEP = 20, 10  # below NetworkManager's own: Ethernet 100, Wi-Fi 600, cellular 700
APPLIED = "a{sa{sv}}t"


class Preference:
    """The order of the settings, the first kind before all others; empty: NetworkManager's."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self._metrics: dict[str, int] = {}
        for at, kind in enumerate(kinds):
            self._metrics.setdefault(kind, FIRST_METRIC + STEP * at)
        self._settled: set[str] = set()

    async def apply(self, bus: SystemBus, networks: Networks) -> None:
        """Give each connection its metric, once while it lasts.

        Raises NotAnswered, the first of those of several devices.
        """
        refusals = []
        up = [device for device in networks.devices if device.is_up and device.active]
        self._settled &= {device.active for device in up}
        for device in up:
            if device.kind in self._metrics and device.active not in self._settled:
                try:
                    await _reapply(bus, device, self._metrics[device.kind])
                except NotAnswered as error:
                    refusals.append(error)
                else:
                    self._settled.add(device.active)
        if refusals:
            raise refusals[0]


async def _reapply(bus: SystemBus, device: NetDevice, metric: int) -> None:
    settings, version = await bus.ask(
        NETWORKS, device.path, DEVICE, "GetAppliedConnection", "u", [0], answer=APPLIED
    )
    wanted = Variant("x", metric)
    families = [settings[name] for name in ("ipv4", "ipv6") if name in settings]
    if any(family.get("route-metric") != wanted for family in families):
        for family in families:
            family["route-metric"] = wanted
        body = [settings, version, 0]
        await bus.ask(NETWORKS, device.path, DEVICE, "Reapply", "a{sa{sv}}tu", body)

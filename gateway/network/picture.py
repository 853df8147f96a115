"""What was seen of modem and networks at one look."""

from __future__ import annotations

from typing import NamedTuple

from gateway.network.modem import Modem
from gateway.network.routes import Networks


class Picture(NamedTuple):
    """`networks` is None without NetworkManager; without ModemManager there is no modem."""

    has_modemmanager: bool = False
    modem: Modem | None = None
    networks: Networks | None = None

    @property
    def mobile_interfaces(self) -> frozenset[str]:
        """Interfaces that are the modem's, whatever the kernel takes them for."""
        ports = self.modem.interfaces if self.modem else frozenset[str]()
        device = self.networks.mobile if self.networks else None
        return ports | device.interfaces if device else ports

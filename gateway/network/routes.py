"""The networks as NetworkManager shows them, and the route that the kernel takes.

Source: NetworkManager 1.42, org.freedesktop.NetworkManager, .Device, .Connection.Active and
nm-dbus-types; proc(5) for /proc/net/route, Linux net/ipv6/route.c for /proc/net/ipv6_route
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from gateway.network import values
from gateway.network.values import Objects

NETWORKS = "org.freedesktop.NetworkManager"
NETWORKS_PATH = "/org/freedesktop/NetworkManager"
DEVICE = "org.freedesktop.NetworkManager.Device"
ACTIVE = "org.freedesktop.NetworkManager.Connection.Active"

KINDS = {1: "ethernet", 2: "wifi", 8: "cellular"}  # NMDeviceType
ACTIVATED = 100  # NM_DEVICE_STATE_ACTIVATED
ANYWHERE_6 = "0" * 32
PROC = Path("/proc/net")


class NetDevice(NamedTuple):
    """One device of NetworkManager; `active` and `connections` are paths of its objects."""

    path: str
    kind: str
    interfaces: frozenset[str]
    is_up: bool
    active: str
    connections: tuple[str, ...]


class Networks(NamedTuple):
    """What NetworkManager has at one moment."""

    devices: tuple[NetDevice, ...]
    is_mobile_on: bool

    @property
    def mobile(self) -> NetDevice | None:
        """The modem's device: the one that has a connection to make, else any."""
        modems = [device for device in self.devices if device.kind == "cellular"]
        return max(modems, key=lambda device: bool(device.connections), default=None)


def read_networks(objects: Objects) -> Networks:
    """Ethernet, Wi-Fi and mobile devices; others are left out."""
    found = [_read(objects, path) for path, _ in values.having(objects, DEVICE)]
    networks = objects.get(NETWORKS_PATH, {}).get(NETWORKS, {})
    return Networks(
        tuple(device for device in found if device.kind),
        values.flag(networks, "WwanEnabled", default=True),
    )


def _read(objects: Objects, path: str) -> NetDevice:
    device = objects[path][DEVICE]
    active = values.path(device, "ActiveConnection")
    in_use = values.path(objects.get(active, {}).get(ACTIVE, {}), "Connection")
    offered = values.paths(device, "AvailableConnections")
    names = {values.text(device, "Interface"), values.text(device, "IpInterface")}
    return NetDevice(
        path,
        KINDS.get(values.number(device, "DeviceType"), ""),
        frozenset(names - {""}),
        values.number(device, "State") == ACTIVATED,
        active,
        tuple(dict.fromkeys([in_use, *offered] if in_use else offered)),
    )


def read_route(proc: Path = PROC) -> str:
    """The interface to anywhere else, of IPv4 if there is one; "" without one."""
    for name, read in (("route", _read_v4), ("ipv6_route", _read_v6)):
        try:
            lines = (proc / name).read_text("ascii").splitlines()
        except (OSError, ValueError):  # IPv6 may be switched off
            continue
        ways = [way for line in lines if (way := read(line.split()))]
        if ways:
            return min(ways)[1]
    return ""


def _read_v4(row: list[str]) -> tuple[int, str] | None:
    match row:
        case [name, "00000000", _, _, _, _, metric, "00000000", *_] if metric.isdecimal():
            return int(metric), name
    return None


def _read_v6(row: list[str]) -> tuple[int, str] | None:
    match row:
        case [to, "00", _, _, _, metric, _, _, _, name] if to == ANYWHERE_6 and name != "lo":
            return int(metric, 16), name
    return None

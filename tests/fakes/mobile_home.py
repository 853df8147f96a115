"""A hub with a modem, an Ethernet socket and Wi-Fi, as far as D-Bus and the kernel tell of them."""

from __future__ import annotations

import shutil

from dbus_fast import Variant

from gateway.network.managers import MODEMS_PATH
from gateway.network.meter import Roots
from gateway.network.modem import MODEM, MODEM_3GPP, TIME, State
from gateway.network.remedies import MODEMS
from gateway.network.routes import DEVICE, NETWORKS, NETWORKS_PATH
from gateway.network.watch import Network
from gateway.settings import BrokerSettings, HubSettings, NetworkSettings, Settings
from tests.fakes.dbus_daemon import DbusDaemon
from tests.fakes.dbus_mock import MockService
from tests.fakes.hand_clock import HandClock

AT = f"{MODEMS_PATH}/Modem/0"
GSM = f"{NETWORKS_PATH}/Settings/1"
ACTIVE = f"{NETWORKS_PATH}/ActiveConnection/"
DEVICES = f"{NETWORKS_PATH}/Devices/"
WELL = {
    "State": Variant("i", State.CONNECTED),
    "StateFailedReason": Variant("u", 0),
    "UnlockRequired": Variant("u", 1),
    "SignalQuality": Variant("(ub)", [72, True]),
    "AccessTechnologies": Variant("u", 1 << 14),
    "Ports": Variant("a(su)", [["cdc-wdm0", 6], ["wwan0", 2]]),
}
LET_IN = {"RegistrationState": Variant("u", 1), "OperatorName": Variant("s", "Example Mobile")}
APPLIED = """
first = {family: {"method": "auto"} for family in ("ipv4", "ipv6")} | {"gsm": {"apn": "internet"}}
ret = (getattr(self, "applied", dbus.Dictionary(first, signature="sa{sv}")), dbus.UInt64(7))
"""
REFUSE = 'raise dbus.exceptions.DBusException("no", name="{}")'


class MobileHome:
    """`modems` and `networks` are the mocked services; `is_reached` is what the uplink says."""

    def __init__(self, folder) -> None:
        self.daemon = DbusDaemon(folder)
        self.modems = MockService(
            self.daemon.address, MODEMS, "--is-object-manager", MODEMS, MODEMS_PATH, MODEMS
        )
        self.networks = MockService(self.daemon.address, NETWORKS, "--template", "networkmanager")
        self.clock = HandClock()
        self.is_reached = False
        self.believed = []
        self.trusts_modem = True
        self.best = None
        self.roots = Roots(folder / "sys", folder / "proc")
        self._state = folder / "state"
        self._networks = []
        for each in self.roots:
            each.mkdir()

    async def __aexit__(self, *_):
        for network in self._networks:
            await network.aclose()
        for service in (self.modems, self.networks):
            await service.stop()
        self.daemon.kill()

    async def __aenter__(self):
        self.daemon.start()
        return self

    async def start_modem(self, **methods: str) -> None:
        """ModemManager with one modem that is connected; `methods` say otherwise in Python."""
        await self.modems.start()
        told = {"Enable": ("b", ""), "Reset": ("", ""), "GetNetworkTime": ("", "s")}
        does = {"GetNetworkTime": 'ret = ""', **methods}
        await self.modems.add(
            AT,
            {MODEM: WELL, MODEM_3GPP: LET_IN, TIME: {"NetworkTimezone": Variant("a{sv}", {})}},
            [
                (TIME if name == "GetNetworkTime" else MODEM, name, *way, does.get(name, ""))
                for name, way in told.items()
            ],
        )

    async def start_networks(self, **methods: str) -> None:
        """NetworkManager with a connection up on each of three devices."""
        await self.networks.start()
        await self.networks.change(NETWORKS_PATH, NETWORKS, WwanEnabled=Variant("b", True))
        await self.networks.mock("/", "AddEthernetDevice", "ssi", "eth0", "eth0", 100)
        await self.networks.mock("/", "AddWiFiDevice", "ssi", "wlan0", "wlan0", 100)
        of_modem = {
            "DeviceType": Variant("u", 8),
            "State": Variant("u", 100),
            "Interface": Variant("s", "cdc-wdm0"),
            "IpInterface": Variant("s", "wwan0"),
            "ActiveConnection": Variant("o", ACTIVE + "wwan0"),
            "AvailableConnections": Variant("ao", [GSM]),
        }
        await self.networks.add(DEVICES + "wwan0", {DEVICE: of_modem})
        for name in ("eth0", "wlan0", "wwan0"):
            await self.activate(name, "1")
            for member, into, out, does in (
                ("GetAppliedConnection", "u", "a{sa{sv}}t", APPLIED),
                ("Reapply", "a{sa{sv}}tu", "", "self.applied = args[0]"),
            ):
                way = (DEVICE, member, into, out, methods.get(member, does))
                await self.networks.mock(DEVICES + name, "AddMethod", "sssss", *way)
        does = methods.get("ActivateConnection", f'ret = dbus.ObjectPath("{ACTIVE}2")')
        way = (NETWORKS, "ActivateConnection", "ooo", "o", does)
        await self.networks.mock(NETWORKS_PATH, "AddMethod", "sssss", *way)

    async def activate(self, name: str, number: str) -> None:
        """A connection has come up on this device."""
        up = Variant("o", ACTIVE + name + number)
        await self.networks.change(DEVICES + name, DEVICE, ActiveConnection=up)

    async def ail(self, state: State, registration: int = 1, **values: Variant) -> None:
        """The modem is not well."""
        await self.modems.change(AT, MODEM, State=Variant("i", state), **values)
        await self.modems.change(AT, MODEM_3GPP, RegistrationState=Variant("u", registration))

    async def heal(self) -> None:
        """The modem is connected again."""
        await self.ail(State.CONNECTED, **{each: WELL[each] for each in WELL if each != "State"})

    def network(self, **settings) -> Network:
        told = Settings(
            hub=HubSettings(id="g-4f2a", site_zone="America/New_York", state=str(self._state)),
            broker=BrokerSettings(host="localhost"),
            network=NetworkSettings(**settings),
        )
        network = Network(
            told,
            self.clock,
            lambda: self.is_reached,
            believe=self._believe,
            best=lambda now: self.best or now,
            timer=lambda: self.clock.boottime_s,
            roots=self.roots,
        )
        self._networks.append(network)
        return network

    async def live(self, network: Network, minutes: int) -> None:
        """So long, a look each minute."""
        for _ in range(minutes):
            self.clock.wait(60)
            await network.look()

    def _believe(self, *said) -> bool:
        self.believed.append(said)
        return self.trusts_modem

    def unplug(self, name: str) -> None:
        shutil.rmtree(self.roots.sys / name)

    def plug(self, name: str, received: int, sent: int, *, uevent: str = "", number: int = 2):
        """An interface as the kernel shows it."""
        folder = self.roots.sys / name
        (folder / "statistics").mkdir(parents=True, exist_ok=True)
        (folder / "device").mkdir(exist_ok=True)
        (folder / "type").write_text("1\n")
        (folder / "uevent").write_text(uevent or f"INTERFACE={name}\n")
        (folder / "ifindex").write_text(f"{number}\n")
        (folder / "statistics/rx_bytes").write_text(f"{received}\n")
        (folder / "statistics/tx_bytes").write_text(f"{sent}\n")

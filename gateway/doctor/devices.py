"""What the hub listens with, and to whom: adapter, bluetoothd, bonds, serial ports."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from gateway.doctor.finding import Finding, Term, fail, ok, warn
from gateway.doctor.site import Site
from gateway.enrolments import FILE, Enrolments
from gateway.settings import DeviceSettings

ANY_ADAPTER = "hci*"
PLUG_ADAPTER = "Plug the Bluetooth adapter in, or name another one under [radio] adapter."
UNBLOCK = "`rfkill unblock bluetooth`."
START_BLUEZ = "`apt install bluez`, then `systemctl enable --now bluetooth`."
ADD_AGAIN = "`vitalpost setup open`, then `vitalpost devices add`: nothing is lost."
PLUG_IN = "Plug the cable in; where it is, add the device again: `vitalpost devices add`."
MAY_READ = "Give the hub's user the group dialout."
BLUEZ = "bluez"


def look_at_adapter(site: Site) -> Finding:
    """Whether the adapter of the settings is there and may send."""
    radio = site.settings_read.radio if site.settings_read else None
    if radio and radio.backend != BLUEZ:
        return ok("the radio {0} needs none", Term(radio.backend))
    # By its address the kernel shows none: whether it is that one is in the hub's own reports.
    named = radio and radio.adapter.startswith("hci")
    wanted = radio.adapter if radio and named else ANY_ADAPTER
    if not any((site.machine / "sys/class/bluetooth").glob(wanted)):
        return fail("there is no Bluetooth adapter {0}", PLUG_ADAPTER, Term(wanted))
    if any(_blocked(site.machine)):
        return fail("Bluetooth is switched off by rfkill", UNBLOCK)
    return ok("{0} is there", Term(wanted))


def look_at_bluetoothd(site: Site) -> Finding:
    """Whether bluetoothd runs."""
    radio = site.settings_read.radio if site.settings_read else None
    if radio and radio.backend != BLUEZ:
        return ok("the radio {0} needs none", Term(radio.backend))
    for name in (site.machine / "proc").glob("[0-9]*/comm"):
        try:
            if name.read_text().strip() == "bluetoothd":
                return ok("it runs")
        except OSError:
            continue  # that process has just ended
    return fail("it does not run", START_BLUEZ)


def look_at_bonds(site: Site) -> Finding:
    """Whether a device that was paired has forgotten it."""
    devices = [each for each in site.status["devices"] if each["bond"]]
    lost = [each["name"] for each in devices if each["last_session"] == "bond-lost"]
    without = [each["name"] for each in devices if each["bonded"] is False]
    if lost:
        return fail("{0}: its bond is lost", ADD_AGAIN, lost[0])
    if without:
        return warn("{0} is not paired with this hub", ADD_AGAIN, without[0])
    return ok("no bond is lost, of {0} devices with one", len(devices))


def look_at_ports(site: Site) -> Finding:
    """Whether each serial device is plugged in and may be opened."""
    wired = [each for each in _find_devices(site) if each.port or each.usb]
    for each in wired:
        port = site.machine / each.port.lstrip("/")
        if each.usb and not _is_plugged(site.machine, each.usb):
            return warn("{0}: no cable {1} is plugged in", PLUG_IN, each.name, each.usb)
        if each.port and not port.exists():
            return warn("{0}: {1} is not there", PLUG_IN, each.name, each.port)
        if each.port and os.geteuid() and not os.access(port, os.R_OK | os.W_OK):
            return warn("{0}: you may not open {1}", MAY_READ, each.name, each.port)
    unusable = [
        told["name"]
        for told in (site.status_told or {}).get("devices", ())
        if told["last_session"] == "port-unusable"
    ]
    if unusable:
        return fail("{0}: its port cannot be opened", MAY_READ, unusable[0])
    return ok("{0} serial devices, all plugged in", len(wired))


def _find_devices(site: Site) -> list[DeviceSettings]:
    settings = site.settings
    state = Path(settings.hub.state)
    if not os.access(state / FILE, os.R_OK):
        return list(settings.devices)
    return [*settings.devices, *Enrolments(state, settings.devices).devices]


def _blocked(machine: Path) -> Iterator[bool]:
    for switch in (machine / "sys/class/rfkill").glob("rfkill*"):
        if (switch / "type").read_text("ascii").strip() == "bluetooth":
            yield from (
                (switch / kind).read_text("ascii").strip() == "1" for kind in ("soft", "hard")
            )


def _is_plugged(machine: Path, usb: str) -> bool:
    found = (machine / "sys/bus/usb/devices").glob("*/idVendor")
    return any(
        f"{vendor.read_text('ascii').strip()}:{product.read_text('ascii').strip()}" == usb
        for vendor in found
        if (product := vendor.with_name("idProduct")).exists()
    )

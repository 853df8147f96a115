"""What each interface of this machine has carried since it came up, by the kernel's counters.

Source: Linux Documentation/ABI/testing/sysfs-class-net and sysfs-class-net-statistics; the DEVTYPE
of wlan and wwan in net/wireless/core.c and drivers/net/usb/qmi_wwan.c
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

SYS = Path("/sys/class/net")
PPP = "512"  # ARPHRD_PPP: has no device of its own
CELLULAR, WIFI, ETHERNET = "cellular", "wifi", "ethernet"


class Counter(NamedTuple):
    """Bytes both ways; `number` is another whenever the interface was made anew."""

    kind: str
    received: int
    sent: int
    number: int


def read_counters(sys: Path = SYS) -> dict[str, Counter]:
    """Of each interface that leads out of this machine; bridges, tunnels and lo are left out."""
    try:
        names = sorted(each.name for each in sys.iterdir())
    except OSError:
        return {}
    return {name: counter for name in names if (counter := _read(sys / name))}


def _read(interface: Path) -> Counter | None:
    try:
        hardware = (interface / "type").read_text("ascii").strip()
        if not (interface / "device").exists() and hardware != PPP:
            return None
        return Counter(
            CELLULAR if hardware == PPP else _kind((interface / "uevent").read_text("utf-8")),
            int((interface / "statistics/rx_bytes").read_text("ascii")),
            int((interface / "statistics/tx_bytes").read_text("ascii")),
            int((interface / "ifindex").read_text("ascii")),
        )
    except (OSError, ValueError):  # unplugged while it was read
        return None


def _kind(uevent: str) -> str:
    told = uevent.splitlines()
    return CELLULAR if "DEVTYPE=wwan" in told else WIFI if "DEVTYPE=wlan" in told else ETHERNET

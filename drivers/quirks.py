"""What the devices of some makers do, by the name they advertise."""

from __future__ import annotations

from drivers.device_clock import Setting
from drivers.spi import Origin

A_AND_D = "A&D"
OMRON = "blesmart_"


def setting_of(name: str) -> Setting:
    """When to set the clock: an A&D sends nothing unless that is done within 5 s of connecting."""
    if name.startswith(A_AND_D):
        return Setting.ALWAYS
    if name.casefold().startswith(OMRON):  # these must not be written to
        return Setting.NEVER
    return Setting.WHEN_WRONG


def origin_of(name: str, *, has_time: bool) -> Origin:
    """Whether a measurement was made just now.

    The services want a time stamp on what comes from a memory: what has none is live. An A&D whose
    clock was never set stores measurements, and sends them without.
    """
    is_live = not has_time and not name.startswith(A_AND_D)
    return Origin.LIVE if is_live else Origin.UNKNOWN

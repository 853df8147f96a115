"""The machine under the hub: its clock, its heat, its power."""

from __future__ import annotations

from pathlib import Path

from gateway.clock import SystemClock
from gateway.doctor.finding import Finding, fail, ok, warn
from gateway.doctor.site import Site
from gateway.sentences import CLOCK_UNSURE

WARM_C = 75
HOT_C = 82  # from 80 on a Pi slows down, at 85 it all but stops
COOL = "Move the hub out of the sun and off the heater; leave air around it."
SUPPLY = "Use the power supply and the cable that came with the hub."
# What the firmware of a Pi tells, raspberrypi.com's "get_throttled": now, and since it was started.
UNDER_VOLTAGE, THROTTLED = 1 << 0, 1 << 1 | 1 << 2 | 1 << 3
HAD_UNDER_VOLTAGE = 1 << 16


def look_at_clock(site: Site) -> Finding:
    """How far the hub's clock can be trusted, by the hub that runs or by the kernel."""
    quality = read_quality(site)
    if not quality:
        return warn("it is not synchronised", CLOCK_UNSURE)
    return ok("synchronised to less than {0} ms", 2**quality)


def read_quality(site: Site) -> int:
    """As the hub tells it, or else the kernel: 0 while the clock is not synchronised."""
    told = site.status_told
    return int(told["clock"]["quality"]) if told else SystemClock().quality()


def look_at_temperature(site: Site) -> Finding:
    """How hot the hottest part is that is measured."""
    zones = site.machine.glob("sys/class/thermal/thermal_zone*/temp")
    told = [int(text) // 1000 for zone in zones if (text := _read(zone)).lstrip("-").isdecimal()]
    if not told:
        return ok("not told by this machine")
    hottest = max(told)
    if hottest >= HOT_C:
        return fail("{0} °C", COOL, hottest)
    if hottest >= WARM_C:
        return warn("{0} °C", COOL, hottest)
    return ok("{0} °C", hottest)


def look_at_power(site: Site) -> Finding:
    """Whether a Pi has, or had, too little voltage, or slows down."""
    devices = site.machine / "sys/devices/platform/soc"
    flags = next((_hex(path) for path in devices.glob("*firmware/get_throttled")), None)
    alarms = [
        _read(folder / "in0_lcrit_alarm")
        for folder in site.machine.glob("sys/class/hwmon/hwmon*")
        if _read(folder / "name") == "rpi_volt"
    ]
    if flags is None and not any(alarms):
        return ok("not told by this machine")
    if "1" in alarms or (flags or 0) & UNDER_VOLTAGE:
        return fail("too little voltage: cards are lost that way", SUPPLY)
    if (flags or 0) & THROTTLED:
        return warn("the processor is slowed down", COOL)
    if (flags or 0) & HAD_UNDER_VOLTAGE:
        return warn("there was too little voltage since the hub was started", SUPPLY)
    return ok("enough voltage")


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except OSError:
        return ""  # a sensor that is off, or another driver's


def _hex(path: Path) -> int | None:
    text = _read(path)
    return int(text, 16) if text else None

"""Which devices a home can hold, by the words that its command line and its scripts use."""

from __future__ import annotations

import random
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bumble.hci import Address

from simulator.air import Air
from simulator.cable import Cable
from simulator.clock import ScriptClock
from simulator.device import Device, Log
from simulator.devices.cuff import ClocklessCuff, Cuff, SharedCuff
from simulator.devices.dispenser import DispenserOnAir, DispenserOnCable
from simulator.devices.glucose_meter import GlucoseMeter
from simulator.devices.health_sensor import HealthSensor
from simulator.devices.nonin_ble import Nonin
from simulator.devices.pulse_oximeter import PulseOximeter
from simulator.devices.scale import Scale
from simulator.devices.taidoc_ble import TaiDoc
from simulator.devices.thermometer import Thermometer
from simulator.peripheral import Peripheral


class Kind(NamedTuple):
    """What the device is, and the id of the driver that reads it."""

    make: type[Peripheral | DispenserOnCable]
    driver: str


KINDS: Mapping[str, Kind] = {
    "ua-651ble": Kind(Cuff, "sig-blood-pressure"),
    "shared-cuff": Kind(SharedCuff, "sig-blood-pressure"),
    "clockless": Kind(ClocklessCuff, "sig-blood-pressure"),
    "dispenser": Kind(DispenserOnCable, "vitalpost-dispenser-serial"),
    "dispenser-ble": Kind(DispenserOnAir, "vitalpost-dispenser-ble"),
    "glucose-meter": Kind(GlucoseMeter, "sig-glucose"),
    "health-sensor": Kind(HealthSensor, "generic-health-sensor"),
    "nonin-ble": Kind(Nonin, "nonin-ble"),
    "pulse-oximeter": Kind(PulseOximeter, "sig-pulse-oximeter"),
    "scale": Kind(Scale, "sig-scale"),
    "taidoc-ble": Kind(TaiDoc, "taidoc-ble"),
    "thermometer": Kind(Thermometer, "sig-thermometer"),
}
PPM = 20


class Wanted(NamedTuple):
    """A device as somebody asks for it; what is empty is made up from the seed."""

    name: str
    kind: str
    serial: str = ""
    address: str = ""
    ppm: float = PPM
    passkey: int | None = None

    @classmethod
    def parse(cls, text: str) -> Wanted:
        """From `NAME=KIND [serial=S] [address=A] [ppm=N] [passkey=N]`. Raises ValueError."""
        (name, kind), *facts = (word.partition("=")[::2] for word in shlex.split(text))
        given = dict(facts)
        address, passkey = given.get("address"), given.get("passkey")
        if kind not in KINDS or not given.keys() <= set(cls._fields[2:]):
            raise ValueError(f"wanted NAME=KIND …, a kind of {', '.join(KINDS)}")
        return cls(
            name,
            kind,
            given.get("serial", ""),
            # As bleak writes it.
            Address(address).to_string(with_type_qualifier=False) if address else "",
            float(given["ppm"]) if "ppm" in given else PPM,
            int(passkey) if passkey else None,
        )

    def text(self) -> str:
        """What `parse` takes."""
        facts = {name: value for name, value in self._asdict().items() if value not in {"", None}}
        name, kind = facts.pop("name"), facts.pop("kind")
        words = [f"{name}={kind}", *(f"{fact}={value}" for fact, value in facts.items())]
        return shlex.join(words)


class Place(NamedTuple):
    """Where devices are: on this air, or with their cables ending in this folder."""

    air: Air
    clock: ScriptClock
    folder: Path
    seed: int


def make(wanted: Wanted, place: Place, log: Log) -> Device:
    """The device; two of one name and seed are twins."""
    dice = random.Random(f"{place.seed} {wanted.name}")  # noqa: S311  names of a simulated device
    serial = wanted.serial or f"5{dice.randrange(10**9):09}"
    static = ":".join(["F0", *(f"{dice.randrange(256):02X}" for _ in range(5))])
    made = KINDS[wanted.kind].make
    if issubclass(made, Cable):
        return made(place.folder / f"{wanted.name}.tty", place.clock, log, serial=serial)
    return made(
        place.air,
        place.clock,
        log,
        address=wanted.address or static,
        serial=serial,
        ppm=wanted.ppm,
        passkey=wanted.passkey,
    )


def identity(kind: str, serial: str) -> tuple[str, str, str]:
    """Maker, model and serial of such a device."""
    made = KINDS[kind].make
    return made.maker, made.model, serial


def is_wired(kind: str) -> bool:
    """Whether it is on a cable."""
    return issubclass(KINDS[kind].make, Cable)


def bonds(kind: str) -> bool:
    """Whether a hub bonds with such a device."""
    made = KINDS[kind].make
    return issubclass(made, Peripheral) and made.bonds

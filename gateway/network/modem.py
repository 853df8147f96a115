"""A modem as ModemManager shows it: SIM, registration, operator, signal.

Source: ModemManager 1.20, org.freedesktop.ModemManager1.Modem and .Modem.Modem3gpp; the numbers are
those of ModemManager-enums.h
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

from gateway.network import values
from gateway.network.values import Interfaces, Objects

MODEM = "org.freedesktop.ModemManager1.Modem"
MODEM_3GPP = "org.freedesktop.ModemManager1.Modem.Modem3gpp"
TIME = "org.freedesktop.ModemManager1.Modem.Time"

PORT_NET = 2  # MM_MODEM_PORT_TYPE_NET
LOCK_PIN, LOCK_PUK = 2, 4  # MM_MODEM_LOCK_SIM_PIN, MM_MODEM_LOCK_SIM_PUK
FAILED_SIM_MISSING, FAILED_SIM_ERROR, FAILED_ESIM_EMPTY = 2, 3, 5  # MMModemStateFailedReason
TECHNOLOGIES = (  # MMModemAccessTechnology, the newest first
    (1 << 15, "5G"),
    (1 << 14 | 1 << 16 | 1 << 17, "LTE"),
    (0b11_1111 << 5 | 0b111 << 11, "3G"),
    (0b1111 << 1, "2G"),
)
BARS = 5
STRENGTHS = ("none", "very weak", "weak", "fair", "good", "strong")


class State(IntEnum):
    """MMModemState."""

    FAILED = -1
    UNKNOWN = 0
    INITIALIZING = 1
    LOCKED = 2
    DISABLED = 3
    DISABLING = 4
    ENABLING = 5
    ENABLED = 6
    SEARCHING = 7
    REGISTERED = 8
    DISCONNECTING = 9
    CONNECTING = 10
    CONNECTED = 11


class Sim(StrEnum):
    """How the SIM card stands."""

    READY = "ready"
    MISSING = "missing"
    PIN = "asks for its PIN"
    PUK = "asks for its PUK"
    LOCKED = "locked"
    FAILED = "failed"


class Registration(StrEnum):
    """How the network has taken the modem in; `limited` is for emergency calls or texts alone."""

    NONE = "none"
    SEARCHING = "searching"
    HOME = "home"
    ROAMING = "roaming"
    DENIED = "denied"
    LIMITED = "limited"


REGISTRATIONS = {  # MMModem3gppRegistrationState
    1: Registration.HOME,
    2: Registration.SEARCHING,
    3: Registration.DENIED,
    5: Registration.ROAMING,
    6: Registration.LIMITED,
    7: Registration.LIMITED,
    8: Registration.LIMITED,
    9: Registration.HOME,
    10: Registration.ROAMING,
    11: Registration.LIMITED,
}


class Modem(NamedTuple):
    """One modem at one moment; `percent` of the signal is what ModemManager makes of it."""

    path: str
    state: State
    sim: Sim
    registration: Registration
    operator: str
    percent: int | None
    technology: str
    interfaces: frozenset[str]
    knows_time: bool

    @property
    def bars(self) -> int | None:
        """Of the signal, 0 to 5; None while there is nothing to measure."""
        return None if self.percent is None else -(-self.percent * BARS // 100)

    @property
    def is_registered(self) -> bool:
        """Whether the network has let it in."""
        return self.registration in (Registration.HOME, Registration.ROAMING)


def find_modem(objects: Objects) -> Modem | None:
    """The modem that has come furthest, of all that ModemManager has."""
    modems = [_read(path, interfaces) for path, interfaces in values.having(objects, MODEM)]
    return max(modems, key=lambda modem: modem.state, default=None)


def _read(path: str, interfaces: Interfaces) -> Modem:
    modem, in_3gpp = interfaces[MODEM], interfaces.get(MODEM_3GPP, {})
    number = values.number(modem, "State")
    state = State(number) if number in State._value2member_map_ else State.UNKNOWN
    registration = values.number(in_3gpp, "RegistrationState")
    return Modem(
        path,
        state,
        _read_sim(state, modem),
        REGISTRATIONS.get(registration, Registration.NONE),
        values.text(in_3gpp, "OperatorName") or values.text(in_3gpp, "OperatorCode"),
        _read_percent(state, values.rows(modem, "SignalQuality")),
        _read_technology(values.number(modem, "AccessTechnologies")),
        frozenset(_read_interfaces(values.rows(modem, "Ports"))),
        TIME in interfaces,
    )


def _read_sim(state: State, modem: Mapping[str, Any]) -> Sim:
    lock, failed = values.number(modem, "UnlockRequired"), values.number(modem, "StateFailedReason")
    if state is State.LOCKED:
        return {LOCK_PIN: Sim.PIN, LOCK_PUK: Sim.PUK}.get(lock, Sim.LOCKED)
    if state is State.FAILED and failed in (FAILED_SIM_MISSING, FAILED_ESIM_EMPTY):
        return Sim.MISSING
    return Sim.FAILED if state is State.FAILED and failed == FAILED_SIM_ERROR else Sim.READY


def _read_percent(state: State, quality: list[object]) -> int | None:
    match quality:
        case [int(percent), bool()] if state >= State.ENABLED and not isinstance(percent, bool):
            return min(max(percent, 0), 100)
    return None


def _read_technology(bits: int) -> str:
    return next((name for mask, name in TECHNOLOGIES if bits & mask), "")


def _read_interfaces(ports: list[object]) -> Iterator[str]:
    for port in ports:
        match port:
            case [str(name), int(kind)] if kind == PORT_NET:
                yield name

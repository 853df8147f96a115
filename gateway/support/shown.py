"""Which facts go into a support bundle, and as what. What no table names does not go.

A new fact of the status is left out until somebody adds it here.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from hashlib import sha256
from secrets import token_bytes
from typing import Any

HASH_DIGITS = 10
SALT_BYTES = 32
WORD = re.compile(r"[a-z0-9_-]{1,32}")
ADDRESS = r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){2}"  # the beginning of one, anywhere
TERM = re.compile(rf"(?!.*{ADDRESS})[A-Za-z][A-Za-z0-9 ._:()+-]{{0,79}}")


class Kind(Enum):
    """How a fact is shown."""

    NUMBER = auto()
    """A number, true, false or nothing; whatever else stands there is left out."""
    TERM = auto()
    """A word of ours: of the settings' closed lists, of a version, of an event."""
    NAME = auto()
    """Whatever people or devices call themselves: hashed."""


NUMBER, TERM_, NAME = Kind.NUMBER, Kind.TERM, Kind.NAME

Table = Mapping[str, Kind]

SETTINGS: Table = {
    "hub.id": NAME,
    "hub.suite": TERM_,
    "broker.host": NAME,
    "broker.port": NUMBER,
    "broker.keepalive_s": NUMBER,
    "outbox.quota_mb": NUMBER,
    "outbox.keep_days": NUMBER,
    "radio.backend": TERM_,
    "radio.adapter": NAME,
    "radio.quiet_s": NUMBER,
    "clock.source": TERM_,
    "network.watch": NUMBER,
    "network.recover": NUMBER,
    "network.prefer.*": TERM_,
    "network.budget_mb": NUMBER,
    "light.panel": TERM_,
    "light.sound": NUMBER,
    "light.active_low": NUMBER,
    "devices.*.name": NAME,
    "devices.*.driver": TERM_,
    "devices.*.bond": NUMBER,
    "devices.*.history": TERM_,
}
STATUS: Table = {
    "protocol": NUMBER,
    "hub": NAME,
    "software": TERM_,
    "running_s": NUMBER,
    "clock.quality": NUMBER,
    "uplink.connected": NUMBER,
    "uplink.office_silent": NUMBER,
    "uplink.last_receipt_ms": NUMBER,
    "uplink.counts.*": NUMBER,
    "outbox.waiting": NUMBER,
    "outbox.oldest_s": NUMBER,
    "outbox.quarantined": NUMBER,
    "devices.*.name": NAME,
    "devices.*.driver": TERM_,
    "devices.*.bond": NUMBER,
    "devices.*.bonded": NUMBER,
    "devices.*.heard_s": NUMBER,
    "devices.*.last_session": TERM_,
    "devices.*.failures": NUMBER,
    "setup.open": NUMBER,
    "settings.last_good": NUMBER,
    "clock.source": TERM_,
    "clock.source_quality": NUMBER,
    "clock.synchronised_s": NUMBER,
    "clock.utc_ms": NUMBER,
    "clock.floor_ms": NUMBER,
    "clock.floor_writes": NUMBER,
    "radio.symptoms.*": TERM_,
    "radio.silent_s": NUMBER,
    "radio.expected_s": NUMBER,
    "radio.rungs.*": NUMBER,
    "radio.failed.*": NUMBER,
    "light.shows": TERM_,
    "light.day": NUMBER,
    "storage.room": TERM_,
    "storage.used_bytes": NUMBER,
    "storage.quota_bytes": NUMBER,
    "storage.card_bytes": NUMBER,
    "storage.written.*": NUMBER,
    "network.signal": TERM_,
    "network.bars": NUMBER,
    "network.modemmanager": NUMBER,
    "network.networkmanager": NUMBER,
    "network.modem.state": TERM_,
    "network.modem.sim": TERM_,
    "network.modem.registration": TERM_,
    "network.modem.technology": TERM_,
    "network.recovery.trouble": TERM_,
    "network.recovery.rung": TERM_,
    "network.recovery.left_s": NUMBER,
    "network.recovery.climbs.*": NUMBER,
    "network.route": TERM_,
    "network.prefer.*": TERM_,
    "network.mobile_mb": NUMBER,
    "network.budget_mb": NUMBER,
    "network.writes": NUMBER,
    "control.*": NUMBER,
}
OUTBOX: Table = {
    "waiting": NUMBER,
    "oldest_s": NUMBER,
    "released": NUMBER,
    "used_bytes": NUMBER,
    "quota_bytes": NUMBER,
    "epochs": NUMBER,
    "unchecked_epochs": NUMBER,
    "losses.*.what": TERM_,
    "losses.*.amount": NUMBER,
    "losses.*.read_back": NUMBER,
}
UNIT: Table = {
    "LoadState": TERM_,
    "ActiveState": TERM_,
    "SubState": TERM_,
    "Result": TERM_,
    "NRestarts": TERM_,
    "WatchdogUSec": TERM_,
}
DEVICE_OF_A_LINE = "device"
"""The one fact of the log's lines that is a name; gateway/logs/ring.py says which it has."""


class Veil:
    """Hashes names with a salt that is made for one bundle and kept nowhere.

    Within a bundle one name is one hash; nobody can try names against it, or compare two bundles.
    """

    def __init__(self) -> None:
        self._salt = token_bytes(SALT_BYTES)

    def hash(self, name: str) -> str:
        """What stands for a name."""
        digest = hmac.digest(self._salt, name.encode(), sha256)
        return f"#{digest.hex()[:HASH_DIGITS]}"

    def show(self, kind: Kind, fact: object) -> str | None:
        """A fact as it is shown; None where it is not what its kind says."""
        match kind, fact:
            case (_, None):
                return "none"
            case (Kind.NUMBER, bool()):
                return "yes" if fact else "no"
            case (Kind.NUMBER, int() | float()):
                return str(fact)
            case (Kind.TERM, str()) if TERM.fullmatch(fact):
                return fact
            case (Kind.NAME, str()):
                return self.hash(fact) if fact else "none"
        return None


def pick(prefix: str, facts: Any, table: Table, veil: Veil) -> Iterator[str]:
    """A line "path = fact" for each fact that the table names."""
    for path, fact in _flatten(facts, ()):
        named = next((kind for wanted, kind in table.items() if _fits(wanted, path)), None)
        shown = veil.show(named, fact) if named else None
        if shown is not None:
            yield f"{'.'.join((prefix, *path))} = {shown}"


def _flatten(facts: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    match facts:
        case Mapping():
            for name, fact in facts.items():
                yield from _flatten(fact, (*path, str(name)))
        case list() | tuple():
            for at, fact in enumerate(facts, 1):
                yield from _flatten(fact, (*path, str(at)))
        case _:
            yield path, facts


def _fits(wanted: str, path: tuple[str, ...]) -> bool:
    parts = wanted.split(".")
    return len(parts) == len(path) and all(
        part == name or (part == "*" and WORD.fullmatch(name))
        for part, name in zip(parts, path, strict=True)
    )

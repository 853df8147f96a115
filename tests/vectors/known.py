"""What all vectors share: fixed keys, hubs and epochs, and how facts are written in JSON.

The private keys are for tests and stand in docs/vectors/keys.json.
"""

from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from hashlib import sha256

from uplink.keys import X25519, X_WING, DataKey, OpeningKey, Signer, hpke_info
from uplink.records import EpochStart
from uplink.seal import sign_statement
from uplink.statements import KeyRecord, Previous

UTC_MS = 1_790_000_000_000
BOOT = bytes(range(16))
START = EpochStart(BOOT, 61_000, UTC_MS, 7, "vitalpost 1.0.0")


def fixed(name, size=32):
    """Bytes that everyone can make again."""
    return sha256(f"vitalpost test vector: {name}".encode()).digest()[:size]


HUBS = {name: Signer(fixed(name)) for name in ("hub-1", "hub-2", "stranger")}
RECEIPT_KEY = Signer(fixed("receipt key"))
OPENING = {
    suite: OpeningKey(suite, fixed(f"backend key {suite:#06x}")) for suite in (X_WING, X25519)
}
FOREIGN_KEY = OpeningKey(X25519, fixed("a key that is not the backend's"))


class KnownEpoch:
    """An epoch with a fixed kid and data key; `enc` is kept, as HPKE makes it at random."""

    def __init__(self, name, encs, *, hub="hub-1", suite=X25519, to=None, **facts):
        self.name = name
        self.hub = hub
        self.kid = fixed(f"kid of {name}", 16)
        self.data_key = fixed(f"data key of {name}")
        self.base_iv = fixed(f"base IV of {name}", 12)
        self.key = DataKey(hub, self.kid, self.data_key, self.base_iv)
        opening = to or OPENING[suite]
        info = hpke_info(hub, self.kid)
        enc = encs.get(name) or opening.public().seal(self.data_key, info)
        encs[name] = enc
        self.record = KeyRecord(
            hub,
            self.kid,
            suite,
            opening.public().id,
            enc,
            self.base_iv,
            facts.get("start", START),
            facts.get("previous"),
        )
        self.key_record = sign_statement(self.record, HUBS[hub])

    def seal(self, sequence, plaintext):
        """The sealed record that travels."""
        return self.key.seal(sequence, plaintext)


def epochs(encs):
    """All epochs of the vectors, by name; `encs` gains what was sealed anew."""
    first = KnownEpoch("x25519", encs)
    made = [
        first,
        KnownEpoch("x-wing", encs, suite=X_WING),
        KnownEpoch("after-a-clean-one", encs, previous=Previous(first.kid, 12, True)),
        KnownEpoch("after-a-crash", encs, previous=Previous(first.kid, 0, False)),
        KnownEpoch("of-hub-2", encs, hub="hub-2"),
        KnownEpoch("to-another-key", encs, to=FOREIGN_KEY),
    ]
    return {epoch.name: epoch for epoch in made}


def show(value):
    """Any of our facts as JSON: bytes in hex, decimals and times as text."""
    match value:
        case bytes():
            return value.hex()
        case Decimal():
            return str(value)
        case datetime():
            return value.isoformat()
        case IntEnum():
            return value.name.lower()
        case dict():
            return {show(key): show(item) for key, item in value.items()}
        case tuple() if hasattr(value, "_fields"):
            return {name: show(getattr(value, name)) for name in value._fields}
        case tuple() | list():
            return [show(item) for item in value]
        case _ if is_dataclass(value):
            return {field.name: show(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value

"""The devices behind the numbers that an epoch's records use, and what waits to know them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, tuple_

from backend.epochs import Epoch, Opened
from backend.naming import identity_bytes
from backend.tables import device, epoch_device, record, waiting
from uplink.records import DeviceRecord, decode

Key = tuple[int, int]
"""The epoch's number in the ledger, and the device's number in that epoch."""


class Device(NamedTuple):
    """A device by its number in the ledger, and as it names readings."""

    id: int
    identity: bytes


class Bound(NamedTuple):
    """What device records brought: records that waited for them, and contradictions."""

    arrived: Sequence[Opened] = ()
    conflicts: Sequence[str] = ()


def enter_device(connection: Connection, identity: bytes) -> int:
    """The ledger's number of the device, which is entered if it is new."""
    found = connection.scalar(select(device.c.id).where(device.c.identity == identity))
    if found is None:
        entered = insert(device).values(identity=identity).returning(device.c.id)
        found = connection.execute(entered).scalar_one()
    return int(found)


_NAMED = (
    select(epoch_device.c.epoch, epoch_device.c.number, device.c.id, device.c.identity)
    .join(device)
    .where(epoch_device.c.epoch.in_(bindparam("epochs", expanding=True)))
)


def load_devices(connection: Connection, epochs: Iterable[int]) -> Mapping[Key, Device]:
    """The devices that these epochs have named so far."""
    of = list(epochs)
    rows = connection.execute(_NAMED, {"epochs": of}) if of else ()
    return {(epoch, number): Device(*of) for epoch, number, *of in rows}


def bind_devices(connection: Connection, opened: Iterable[Opened]) -> Bound:
    """Enter the devices of device records. A number keeps the first identity that it was given."""
    found: dict[Key, tuple[Epoch, DeviceRecord]] = {}
    for epoch, _, of in opened:
        if isinstance(of, DeviceRecord):
            found.setdefault((epoch.id, of.device), (epoch, of))
    if not found:
        return Bound()
    known = load_devices(connection, {number for number, _ in found})
    rows = []
    conflicts = []
    for key, (epoch, of) in found.items():
        identity = identity_bytes(of.identity)
        if key not in known:
            number = enter_device(connection, identity)
            names = {"device": number, "driver": of.driver, "name": of.name}
            rows.append({"epoch": key[0], "number": key[1]} | names)
        elif known[key].identity != identity:
            conflicts.append(f"device {key[1]} of epoch {epoch.kid.hex()} has two identities")
    if not rows:
        return Bound((), conflicts)
    connection.execute(insert(epoch_device), rows)
    epochs = {epoch.id: epoch for epoch, _ in found.values()}
    keys = [(row["epoch"], row["number"]) for row in rows]
    return Bound(_fetch_waiting(connection, epochs, keys), conflicts)


def _fetch_waiting(
    connection: Connection, epochs: Mapping[int, Epoch], keys: Sequence[object]
) -> list[Opened]:
    those = tuple_(waiting.c.epoch, waiting.c.number).in_(keys)
    same = (record.c.epoch == waiting.c.epoch) & (record.c.sequence == waiting.c.sequence)
    rows = connection.execute(
        select(record.c.epoch, record.c.sequence, record.c.sealed)
        .join(waiting, same)
        .where(those)
        .order_by(record.c.epoch, record.c.sequence)
    ).all()
    connection.execute(delete(waiting).where(those))
    arrived = []
    for number, sequence, sealed in rows:
        epoch = epochs[number]
        plaintext = epoch.key.open(sequence, sealed)
        arrived.append(Opened(epoch, sequence, decode(plaintext, epoch.start)))
    return arrived

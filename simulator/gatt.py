"""GATT tables: from a device's declaration to what Bumble serves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bumble.att import ATT_Error, Attribute, AttributeValue, ErrorCode
from bumble.device import Device
from bumble.gatt import (
    GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR,
    Characteristic,
    Descriptor,
    Service,
)

SILENT = Characteristic.Properties(0)
NOTIFY = Characteristic.Properties.NOTIFY
INDICATE = Characteristic.Properties.INDICATE
NOTHING = Attribute.Permissions(0)
READABLE = Attribute.Permissions.READABLE
WRITEABLE = Attribute.Permissions.WRITEABLE
# Core Vol 3 Part C, 10.3.1: a client without a bond is answered Insufficient Authentication.
READ_BONDED = READABLE | Attribute.Permissions.READ_REQUIRES_AUTHENTICATION
WRITE_BONDED = WRITEABLE | Attribute.Permissions.WRITE_REQUIRES_AUTHENTICATION


@dataclass(frozen=True, slots=True)
class Value:
    """One characteristic: what it gives, what it does when written, how it sends by itself.

    `write` raises ValueError for bytes that mean nothing to it, or Refused. One that is `public`
    is given to whoever asks; the others want a bond, if the device bonds at all.
    """

    uuid: str
    read: bytes | Callable[[], bytes] | None = None
    write: Callable[[bytes], None] | None = None
    sends: Characteristic.Properties = SILENT
    public: bool = False


Table = Mapping[str, Sequence[Value]]
"""The characteristics of each service, by UUID."""


class Refused(Exception):
    """A write that is answered with this error of the Attribute Protocol or of a profile."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{code:#x}")
        self.code = code


def serve(device: Device, table: Table, *, bonds: bool) -> dict[str, Characteristic[bytes]]:
    """Give the device its services; returns the characteristics by UUID."""
    served = {value.uuid: _make(device, value, bonds=bonds) for value in _all(table)}
    device.add_services(
        [Service(uuid, [served[value.uuid] for value in held]) for uuid, held in table.items()]
    )
    return served


def _all(table: Table) -> Iterator[Value]:
    for held in table.values():
        yield from held


def _make(device: Device, value: Value, *, bonds: bool) -> Characteristic[bytes]:
    wants_bond = bonds and not value.public
    properties, permissions = value.sends, NOTHING
    if value.read is not None:
        properties |= Characteristic.Properties.READ
        permissions |= READ_BONDED if wants_bond else READABLE
    if value.write:
        properties |= Characteristic.Properties.WRITE
        permissions |= WRITE_BONDED if wants_bond else WRITEABLE
    content = AttributeValue(lambda _: _read(value), lambda _, data: _write(value, data))
    made = Characteristic[bytes](value.uuid, properties, permissions, content)
    if value.sends:
        made.descriptors = [
            Descriptor(
                GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR,
                READ_BONDED | WRITE_BONDED if wants_bond else READABLE | WRITEABLE,
                device.gatt_server.make_descriptor_value(made),
            )
        ]
    return made


def _read(value: Value) -> bytes:
    return value.read() if callable(value.read) else value.read or b""


def _write(value: Value, data: bytes) -> None:
    assert value.write
    try:
        value.write(data)
    except ValueError as error:
        raise ATT_Error(ErrorCode.VALUE_NOT_ALLOWED) from error
    except Refused as error:
        raise ATT_Error(error.code) from error

"""A Bluetooth device as bluetoothd sees it: its name, its GATT table, its keys."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(eq=False)
class Characteristic:
    """`answer` is sent the moment somebody subscribes; a guarded one wants an encrypted link."""

    uuid: str
    value: bytes = b""
    answer: tuple[bytes, ...] = ()
    is_guarded: bool = False


@dataclass(eq=False)
class FakeDevice:
    """`identity` is the address behind a rotating one, `passkey` what its display shows.

    `asks` is what bluetoothd then asks its agent. Without `has_key` the device has lost its bond.
    A bond is with one adapter, by its address.
    """

    address: str
    name: str
    services: dict[str, list[Characteristic]]
    identity: str = ""
    passkey: int | None = None
    asks: str = "RequestPasskey"
    is_bonded: bool = False
    bonded_with: str = "B8:27:EB:00:00:01"
    has_key: bool = True
    makers: dict[int, bytes] = field(default_factory=dict)

    def find(self, uuid: str) -> Characteristic:
        return next(each for table in self.services.values() for each in table if each.uuid == uuid)

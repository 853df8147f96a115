"""The Bumble host that bleak's virtual backends share, and Bumble's errors as bleak's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import BaseBleakScanner
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakError,
    BleakGATTProtocolError,
)
from bleak.uuids import normalize_uuid_str
from bumble.att import ATT_Error
from bumble.core import UUID, BaseBumbleError, ProtocolError
from bumble.core import TimeoutError as BumbleTimeoutError
from bumble.device import Connection, Device
from bumble.hci import Address, HCI_ErrorCode
from bumble.keys import JsonKeyStore
from bumble.pairing import PairingConfig
from bumble.transport import open_transport
from bumble.transport.common import Transport

from simulator.bonding import JUST_WORKS, by_passkey

KEY_MISSING = "br-connection-key-missing"  # BlueZ 5.83, src/error.h


class Adapter:
    """A hub's host on the home's air: what its scans have seen, its links and its bonds."""

    def __init__(self, hci: str, keystore: str, address: str) -> None:
        self.keys = JsonKeyStore("hub", keystore)
        self.seen: dict[str, BLEDevice] = {}
        self.links: dict[str, Connection] = {}
        self.scanner: BaseBleakScanner | None = None
        self.connecting = asyncio.Lock()  # a controller makes one connection at a time
        self._hci = hci
        self._address = address
        self._passkeys: dict[str, int] = {}
        self._transport: Transport | None = None
        self._device: Device | None = None

    async def start(self) -> None:
        """Attach and power on. Raises BleakBluetoothNotAvailableError where no home listens."""
        try:
            self._transport = await open_transport(self._hci)
        except OSError as error:
            raise self._missing() from error
        self._device = device = Device.with_hci("hub", Address(self._address), *self._transport)
        device.keystore = self.keys
        device.pairing_config_factory = self._pairing
        # Bumble does it too, but not where a command's answer came in the same breath.
        self._transport.source.terminated.add_done_callback(lambda _: device.on_flush())
        with bleak_errors():
            await device.power_on()

    async def stop(self) -> None:
        """Let go of the air; links break. It can be started again."""
        if self._device and self._transport:
            await self._device.power_off()
            await self._transport.close()
        self._device = self.scanner = None

    @property
    def device(self) -> Device:
        """The powered host. Raises BleakBluetoothNotAvailableError while there is none."""
        if not self._device or not self._transport or self._transport.source.terminated.done():
            raise self._missing()
        return self._device

    async def is_bonded(self, address: str) -> bool:
        """Whether a key of this device is kept."""
        return await self.keys.get(address) is not None

    @contextmanager
    def expect(self, address: str, passkey: int | None) -> Iterator[list[str]]:
        """What somebody has read from this device and typed in counts until this is left."""
        if passkey is not None:
            self._passkeys[address] = passkey
        try:
            yield []
        finally:
            self._passkeys.pop(address, None)

    def _pairing(self, link: Connection) -> PairingConfig:
        """How to pair with who is there: by the passkey that is expected, or by Just Works."""
        address = link.peer_address.to_string(with_type_qualifier=False)
        if address in self._passkeys:
            return by_passkey(self._passkeys[address], shows=False)
        return JUST_WORKS

    def _missing(self) -> BleakBluetoothNotAvailableError:
        return BleakBluetoothNotAvailableError(
            f"no radio at {self._hci}", BleakBluetoothNotAvailableReason.NO_BLUETOOTH
        )


@contextmanager
def bleak_errors() -> Iterator[None]:
    """Bumble's errors as those that bleak raises over BlueZ."""
    try:
        yield
    except ATT_Error as error:
        raise BleakGATTProtocolError(error.error_code) from error
    except BumbleTimeoutError as error:
        raise TimeoutError(str(error)) from error
    except ProtocolError as error:
        if error.error_namespace == "smp":
            raise BleakDBusError("org.bluez.Error.AuthenticationFailed", [str(error)]) from error
        if error.error_code == HCI_ErrorCode.PIN_OR_KEY_MISSING_ERROR:
            raise BleakDBusError("org.bluez.Error.Failed", [KEY_MISSING]) from error
        raise BleakError(str(error)) from error
    except BaseBumbleError as error:
        raise BleakError(str(error)) from error


def to_text(uuid: UUID) -> str:
    """A UUID as bleak writes it."""
    return normalize_uuid_str(uuid.to_hex_str("-"))

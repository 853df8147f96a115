"""What bleak and the stack under it raise, as the errors that drivers know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bleak import BleakClient
from bleak.exc import (
    BleakDBusError,
    BleakError,
    BleakGATTProtocolError,
    BleakGATTProtocolErrorCode,
)

from drivers.errors import LinkError, LinkLost, LinkTimeout, PairingRefused, RadioBusy

# What bleak 3 lets through beside its own: D-Bus gone (EOFError, OSError, dbus-fast's ValueErrors),
# and the device gone under its feet.
STACK_ERRORS = (
    BleakError,
    OSError,
    EOFError,
    ValueError,
    LookupError,
    AttributeError,
    AssertionError,
)
SECURITY_CODES = {
    BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION,
    BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHORIZATION,
    BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION,
    BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION_KEY_SIZE,
}
PAIRING_ERRORS = {  # org.bluez.Device1, Pair
    "org.bluez.Error.AuthenticationCanceled",
    "org.bluez.Error.AuthenticationFailed",
    "org.bluez.Error.AuthenticationRejected",
    "org.bluez.Error.AuthenticationTimeout",
}
GONE = {  # BlueZ src/gatt-client.c: before it tells of the drop it fails what is asked in words
    "org.bluez.Error.NotConnected",
    "org.freedesktop.DBus.Error.UnknownObject",
    "Not connected",
}
IN_PROGRESS = "org.bluez.Error.InProgress"
# BlueZ src/error.h: what Connect answers where the link came up and went before it could be used
KEY_MISSING = "br-connection-key-missing"  # since 5.83; before it that was a canceled one as well
CANCELED = "br-connection-canceled"


@contextmanager
def translated(device: str, client: BleakClient, limit_s: float) -> Iterator[None]:
    """Raise LinkTimeout, PairingRefused, RadioBusy, LinkLost; LinkError where the link stands."""
    try:
        yield
    except TimeoutError as error:
        raise LinkTimeout(device, limit_s) from error
    except BleakGATTProtocolError as error:
        if error.code in SECURITY_CODES:
            raise PairingRefused(device, error.code.name) from error
        raise LinkError(device, f"refused with ATT error 0x{error.code:02x}") from error
    except BleakDBusError as error:
        if error.dbus_error in PAIRING_ERRORS or error.dbus_error_details == KEY_MISSING:
            raise PairingRefused(device, error.dbus_error_details or error.dbus_error) from error
        if error.dbus_error == IN_PROGRESS:
            raise RadioBusy(device) from error
        is_gone = error.dbus_error in GONE or error.dbus_error_details in GONE
        if client.is_connected and not is_gone:
            raise LinkError(device, f"refused with {error.dbus_error}") from error
        raise LinkLost(device) from error
    except STACK_ERRORS as error:
        raise LinkLost(device) from error


def was_dropped(error: LinkError) -> bool:
    """Whether the link came up and went again while the device was being connected."""
    cause = error.__cause__
    return isinstance(cause, BleakDBusError) and cause.dbus_error_details == CANCELED

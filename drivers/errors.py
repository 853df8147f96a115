"""What can go wrong between a device and its driver.

DriverError
├── DecodeError       the bytes are not what the standard or the device's document says
├── UnexpectedReply   the device answered, but not what was asked
└── LinkError         the way to the device; itself: it refused one operation
    ├── LinkLost      it went away
    │   └── DeviceHeld  it is there, and takes no connection: another phone has it
    ├── LinkTimeout   it stayed silent
    ├── RadioBusy     the hub's own Bluetooth has not finished with an earlier attempt
    ├── LinkFlooded   more came than the line can carry
    ├── PairingRefused
    │   └── BondLost    there was a bond, and either side has forgotten it
    └── PortUnusable  the serial port cannot be opened
"""

from __future__ import annotations

from enum import Enum


class Retry(Enum):
    """When the same attempt may be made again."""

    NOW = "now"
    LATER = "later"
    NEVER = "never"
    TECHNICIAN = "technician"


class DriverError(Exception):
    """Root of what a driver or its link raises; `hint` is a sentence a technician can act on."""

    retry = Retry.LATER
    hint = "Nothing to do; the hub tries again by itself."


class DecodeError(DriverError):
    """A frame that cannot be decoded: `what` was wrong, at byte `at` of `frame`."""

    retry = Retry.NEVER
    hint = "Nothing is lost: the frame is kept as it came. Report it with the device's model."

    def __init__(self, what: str, frame: bytes, at: int) -> None:
        super().__init__(f"{what} at byte {at} of {len(frame)}")
        self.what = what
        self.frame = frame
        self.at = at


class UnexpectedReply(DriverError):
    """The device answered `got` where `asked` wants something else; empty: it fell silent."""

    def __init__(self, asked: str, got: bytes) -> None:
        answer = f"answered by {len(got)} unexpected bytes" if got else "not answered"
        super().__init__(f"{asked} was {answer}")
        self.asked = asked
        self.got = got


class LinkError(DriverError):
    """An operation on the link to `device`, its name in the settings, failed.

    `link_stands` says whether another one may be tried: the device refused this one, no more.
    """

    link_stands = True

    def __init__(self, device: str, what: str = "the operation was refused") -> None:
        super().__init__(f"{device}: {what}")
        self.device = device


class LinkLost(LinkError):
    """The device went away in the middle of an operation."""

    link_stands = False

    def __init__(self, device: str) -> None:
        super().__init__(device, "the device went away")


class DeviceHeld(LinkLost):
    """It is seen advertising and takes no connection, again and again: something else has it."""

    hint = "Another phone may be using it: turn off Bluetooth there, or remove it there."


class LinkTimeout(LinkError):
    """The device did not answer within `seconds`."""

    link_stands = False

    def __init__(self, device: str, seconds: float) -> None:
        super().__init__(device, f"no answer within {seconds:g} s")
        self.seconds = seconds


class RadioBusy(LinkError):
    """The hub's own Bluetooth has not finished with an earlier attempt to reach the device."""

    link_stands = False

    def __init__(self, device: str) -> None:
        super().__init__(device, "the hub's Bluetooth is busy with an earlier attempt")


class LinkFlooded(LinkError):
    """More bytes come over a serial line than it can carry: this is not the device, or noise."""

    link_stands = False
    hint = "Check the cable, and that port and driver in the settings are those of the device."

    def __init__(self, device: str) -> None:
        super().__init__(device, "more bytes came than its line can carry")


class PortUnusable(LinkError):
    """A serial port is there and cannot be used, for `reason`."""

    link_stands = False
    retry = Retry.TECHNICIAN
    hint = (
        "Stop what else uses the port, give the hub's user the group dialout, "
        "or name `usb_serial` where two cables are alike."
    )

    def __init__(self, device: str, reason: str) -> None:
        super().__init__(device, f"its port cannot be used ({reason})")
        self.reason = reason


class PairingRefused(LinkError):
    """The device does not pair with this hub; `reason` is the stack's own word for it."""

    link_stands = False
    retry = Retry.TECHNICIAN
    hint = "Hold the device's pairing button and pair it again; remove it from other phones first."

    def __init__(self, device: str, reason: str, hint: str = "") -> None:
        super().__init__(device, f"pairing refused ({reason})")
        self.reason = reason
        if hint:
            self.hint = hint


class BondLost(PairingRefused):
    """The device and this hub had a bond, and one of them has forgotten it."""

    hint = "Add it again with `vitalpost devices add`. Nothing is lost."

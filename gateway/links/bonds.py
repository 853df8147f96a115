"""The bond between this hub and one device: made, in force, lost, refused."""

from __future__ import annotations

from drivers.errors import BondLost, DeviceHeld, LinkError, PairingRefused, RadioBusy
from gateway.clock import Clock, read_moment
from gateway.devices import BondNews, Device
from gateway.links.faults import was_dropped
from gateway.links.radio import BONDED, Ties
from gateway.setup import SetupWindow

HELD_AFTER = 3  # failed attempts in a row: each began with an advertisement that was just heard
SETUP_HINT = "Run `vitalpost setup open`, then hold the device's pairing button. Nothing is lost."
PASSKEY_HINT = "Add it again, and give the six digits that its display shows."


class Bonds:
    """What a connection shows of the bond, noted on the device, and refused where it must be."""

    def __init__(self, device: Device, name: str, setup: SetupWindow, clock: Clock) -> None:
        self._device = device
        self._name = name
        self._setup = setup
        self._clock = clock

    def look(self, ties: Ties) -> None:
        """Before connecting: whatever else has the address of an enrolled device gets no link.

        Raises PairingRefused and BondLost.
        """
        device = self._device
        if device.has_bond and not ties.is_bonded:
            self._lose("the hub has no key of it any more")
        device.has_bond = ties.is_bonded and not device.bond_lost
        if device.is_bonded and not ties.is_bonded and not self._setup.is_open:
            if device.bond_lost:
                raise BondLost(device.name, "no bond any more, and set-up is closed")
            raise PairingRefused(device.name, "no bond, and set-up is closed", SETUP_HINT)

    def take(self, before: Ties, after: Ties) -> None:
        """With the link up. Raises PairingRefused where it is not as well protected as it must be.

        A device that has a bond is not listened to without it, even where none was demanded.
        """
        device = self._device
        device.failed_connects = 0
        if after.security == BONDED:
            if not before.is_bonded:
                device.bond_lost = False
                self._tell("bond-made")
            device.has_bond = not device.bond_lost
        elif device.is_bonded or device.has_bond or device.bond_lost:
            raise PairingRefused(device.name, "the link is not encrypted by a bond")

    def prove(self, security: int) -> None:
        """After a session that ended well: a bond that seemed to be lost was not."""
        if security == BONDED:
            self._device.has_bond, self._device.bond_lost = True, False

    def explain_failure(self, error: LinkError, refusals: list[str]) -> LinkError:
        """What it means that the device could not be connected."""
        if isinstance(error, PairingRefused):
            return self.explain_refusal(error, refusals)
        device = self._device
        if isinstance(error, RadioBusy):
            return error
        device.failed_connects += 1
        if device.failed_connects < HELD_AFTER:
            return error
        if (device.has_bond or device.bond_lost) and was_dropped(error):
            # Source: bluez issue 433: the key is missing at the device, and BlueZ does not say so.
            return self._lose("its link drops whenever it is to be encrypted")
        return DeviceHeld(device.name)

    def explain_refusal(self, error: PairingRefused, refusals: list[str]) -> PairingRefused:
        """What it means that the device does not let us in."""
        device = self._device
        if device.has_bond or device.bond_lost:
            return self._lose(error.reason)
        if refusals:
            return PairingRefused(device.name, refusals[-1], PASSKEY_HINT)
        return PairingRefused(device.name, error.reason, error.hint)

    def _lose(self, reason: str) -> BondLost:
        device = self._device
        if not device.bond_lost:
            self._tell("bond-lost", reason)
        device.has_bond, device.bond_lost = False, True
        return BondLost(device.name, reason)

    def _tell(self, event: str, reason: str = "") -> None:
        now = read_moment(self._clock)
        self._device.bond_news.append(BondNews(event, now, self._name, reason))

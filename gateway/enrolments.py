"""The devices that technicians added here: `devices.json` in the hub's state.

Beside those of the settings file, which this never changes. A device that was swapped or removed
stays in the file with when and why; added again, it goes on as the same device.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway import state_file
from gateway.errors import DeviceTaken, DeviceUnknown, EnrolmentsDamaged, FormatNewer
from gateway.settings import DeviceSettings

FILE = "devices.json"
FORMAT = 1


class Ending(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a device was taken out of use here, why, and the name of what replaced it, if any."""

    utc_ms: int
    why: str
    replaced_by: str = ""


class Enrolment(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One device, when it was enrolled by the hub's clock, at which visit, with whose consent."""

    device: DeviceSettings
    enrolled_ms: int
    visit: str = ""
    consent: str = ""
    ended: Ending | None = None


class _Format(Struct, frozen=True):
    format: Annotated[int, Meta(ge=1)]


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    format: Annotated[int, Meta(ge=1)]
    devices: tuple[Enrolment, ...] = ()


class Enrolments:
    """All that were ever added; each change is on flash when its method returns.

    `settled` are the devices of the settings file. Raises EnrolmentsDamaged, FormatNewer, and
    DeviceTaken where both claim one name, place or identity.
    """

    def __init__(self, state: Path, settled: Sequence[DeviceSettings] = ()) -> None:
        self._path = state / FILE
        self._settled = tuple(settled)
        self._all = self._read()
        for at, one in enumerate(self.devices):
            _refuse_clashes(one, [*self._settled, *self.devices[:at]])

    @property
    def devices(self) -> list[DeviceSettings]:
        """Those in use."""
        return [each.device for each in self._all if not each.ended]

    @property
    def ended(self) -> list[Enrolment]:
        """Those that were swapped or removed."""
        return [each for each in self._all if each.ended]

    def find(self, name: str) -> Enrolment:
        """The one in use under this name. Raises DeviceUnknown."""
        for each in self._all:
            if each.device.name == name and not each.ended:
                return each
        raise DeviceUnknown(name)

    def find_same(self, device: DeviceSettings) -> Enrolment | None:
        """What is or was enrolled with the same identity."""
        same = (each for each in self._all if identity_of(each.device) == identity_of(device))
        return next(same, None)

    def find_settled(self, device: DeviceSettings) -> DeviceSettings | None:
        """The device of the settings file with the same identity."""
        same = (one for one in self._settled if identity_of(one) == identity_of(device))
        return next(same, None)

    def in_use(self, name: str) -> DeviceSettings | None:
        """The device of this name, whether of the settings file or added here."""
        return next((one for one in (*self._settled, *self.devices) if one.name == name), None)

    def check(self, device: DeviceSettings, instead_of: str = "") -> None:
        """Raise DeviceTaken where what is in use stands in its way, `instead_of` left aside."""
        same = self.find_same(device)
        others = [
            one
            for one in self.devices
            if one.name != instead_of and not (same and one is same.device)
        ]
        _refuse_clashes(device, [*self._settled, *others])

    def add(self, new: Enrolment, instead_of: str = "", why: str = "") -> None:
        """Enrol a device, in the same step in the place of another. Raises DeviceTaken.

        One that has been enrolled before is the same device, under its present name and address.
        """
        self.check(new.device, instead_of)
        if instead_of:
            self.find(instead_of)
        ending = Ending(new.enrolled_ms, why, replaced_by=new.device.name)
        same = self.find_same(new.device)
        kept = [
            msgspec.structs.replace(each, ended=ending)
            if instead_of and each.device.name == instead_of and not each.ended
            else each
            for each in self._all
            if each is not same
        ]
        self._write([*kept, new])

    def end(self, name: str, ending: Ending) -> None:
        """Take a device out of use; it stays in the file. Raises DeviceUnknown."""
        found = self.find(name)
        ended = msgspec.structs.replace(found, ended=ending)
        self._write([ended if each is found else each for each in self._all])

    def free_name(self, wanted: str) -> str:
        """`wanted`, or where that is in use with the next number behind it."""
        taken = {one.name for one in (*self._settled, *self.devices)}
        numbered = (f"{wanted}-{number}" for number in range(2, len(taken) + 3))
        return next(name for name in (wanted, *numbered) if name not in taken)

    def _read(self) -> tuple[Enrolment, ...]:
        try:
            data = self._path.read_bytes()
            found = msgspec.json.decode(data, type=_Format).format
            if found <= FORMAT:
                return msgspec.json.decode(data, type=_File).devices
        except (FileNotFoundError, NotADirectoryError):
            if state_file.beside(self._path, ".before").exists():
                raise EnrolmentsDamaged(str(self._path), "it is gone") from None
            return ()
        except (OSError, ValueError, RecursionError) as error:
            raise EnrolmentsDamaged(str(self._path), f"it cannot be read ({error})") from error
        raise FormatNewer(str(self._path), found, FORMAT)

    def _write(self, devices: Iterable[Enrolment]) -> None:
        file = _File(FORMAT, tuple(devices))
        state_file.keep_before(self._path)
        text = msgspec.json.format(msgspec.json.encode(file), indent=1) + b"\n"
        state_file.replace(self._path, text)
        self._all = file.devices


def identity_of(device: DeviceSettings) -> tuple[str, str, str] | str:
    """What makes it the same device: its id, or maker, model and serial."""
    return device.id or (device.maker, device.model, device.serial)


def _refuse_clashes(device: DeviceSettings, others: Iterable[DeviceSettings]) -> None:
    for other in others:
        if device.name == other.name:
            raise DeviceTaken("name", other.name)
        if device.address and device.address.upper() == other.address.upper():
            raise DeviceTaken("address", other.name)
        if device.port and device.port == other.port:
            raise DeviceTaken("port", other.name)
        if device.usb and (device.usb, device.usb_serial) == (other.usb, other.usb_serial):
            raise DeviceTaken("USB cable", other.name)
        if identity_of(device) == identity_of(other):
            raise DeviceTaken("id" if device.id else "serial", other.name)

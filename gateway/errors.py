"""What can go wrong in the gateway itself.

GatewayError
├── SettingsError         exit 78: the hub does not start until someone changes something
│   ├── ConfigError       one fault of the settings, by its path
│   ├── ConfigErrors      all of them
│   ├── NameClash         a package is not the one that came with this program
│   ├── DuplicateDriver   two distributions offer one driver
│   ├── DriverTie         two drivers are for one device
│   ├── DeviceTaken       a name, an address, a port or an identity is another device's
│   ├── EnrolmentsDamaged the file of the enrolled devices cannot be read
│   └── FormatNewer       a later version wrote a file of the hub's
├── ControlInUse          another process listens on the control socket
├── HubNotRunning         no hub answers on the control socket
├── NotAllowed            exit 3: this person may not use the control socket
├── RequestRefused        the running hub does not do what it was asked
├── AnswerRefused         the office's answer does not fit this hub
├── NotAnswered           a service of this machine does not do what it was asked on D-Bus
├── BundleRefused         a support bundle cannot be written so
├── DeviceUnknown         no device of that name is enrolled
└── DeviceMismatch        a device is not the one that was enrolled
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers.errors import Retry

# Of the bus, NetworkManager and ModemManager: the last part of the error's name
DENIALS = {"AccessDenied", "PermissionDenied", "Unauthorized"}


class GatewayError(Exception):
    """Root of the gateway's own errors; `hint` is one sentence a technician can act on."""

    retry = Retry.LATER
    hint = "Nothing to do; the hub tries again by itself."


class SettingsError(GatewayError):
    """The hub cannot start as it is set up; exit code 78."""

    retry = Retry.TECHNICIAN
    hint = "Change the settings file and run `vitalpost config check` until it is silent."


class ConfigError(SettingsError):
    """One fault: at `path` of the settings stands `found` where `wanted` should."""

    def __init__(self, path: str, found: str, wanted: str, hint: str | None = None) -> None:
        super().__init__(f"{path}: found {found}, wanted {wanted}")
        self.path = path
        self.found = found
        self.wanted = wanted
        self.faults = (self,)
        if hint is not None:
            self.hint = hint


class ConfigErrors(SettingsError):
    """All faults, one line each."""

    def __init__(self, faults: Sequence[ConfigError]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)
        self.hint = "\n".join(dict.fromkeys(fault.hint for fault in faults))


class NameClash(SettingsError):
    """More than one installed package is called `name`; `owners` says where each lies."""

    hint = "Give vitalpost an environment of its own and install nothing else into it."

    def __init__(self, name: str, owners: Sequence[str]) -> None:
        super().__init__(f"{name}: claimed by {' and '.join(owners)}")
        self.name = name
        self.owners = tuple(owners)


class DuplicateDriver(SettingsError):
    """The driver `id` is offered by more than one of the installed `distributions`."""

    hint = "Uninstall all but one of them."

    def __init__(self, id: str, distributions: Sequence[str]) -> None:  # noqa: A002  the entry point's own word
        super().__init__(f"driver {id}: offered by {' and '.join(distributions)}")
        self.id = id
        self.distributions = tuple(distributions)


class DriverTie(SettingsError):
    """All of these `drivers` are for what advertises `what`, and none more than the others."""

    hint = "Uninstall all but one of them, or name one for the device: `devices add --driver`."

    def __init__(self, drivers: Sequence[str], what: str) -> None:
        super().__init__(f"{' and '.join(drivers)} are both for {what}")
        self.drivers = tuple(drivers)
        self.what = what


class DeviceTaken(SettingsError):
    """A device's `field` (name, address, port, usb, serial or id) is that of the device `owner`."""

    hint = "`vitalpost devices list` shows it; choose another, or swap or remove that device first."

    def __init__(self, field: str, owner: str) -> None:
        super().__init__(f"this {field} is that of the device {owner} already")
        self.field = field
        self.owner = owner


class EnrolmentsDamaged(SettingsError):
    """The file of enrolled devices at `path` cannot be read, for `reason`; it is left as it is."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason
        self.hint = (
            f"Copy {path}.before, as it was before the last change, to {path}; where that cannot be"
            " read either, move both away and add the devices again."
        )


class FormatNewer(SettingsError):
    """The file at `path` is of a later format (`found`) than this version knows (`known`)."""

    hint = "Install the later version again; this one leaves the file as it is."

    def __init__(self, path: str, found: int, known: int) -> None:
        super().__init__(f"{path}: found format {found}, this version knows up to {known}")
        self.path = path
        self.found = found
        self.known = known


class ControlInUse(GatewayError):
    """Another process listens on the control socket at `path`."""

    retry = Retry.TECHNICIAN
    hint = "Stop the other hub, or give each a [control] socket of its own."

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: in use by another process")
        self.path = path


class HubNotRunning(GatewayError):
    """Nobody answers on the control socket at `path`, for `reason`."""

    hint = (
        "Start the hub: `systemctl start vitalpost`; `journalctl -u vitalpost` says why it ended."
    )

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: the hub does not answer ({reason})")
        self.path = path
        self.reason = reason


class NotAllowed(GatewayError):
    """Whoever asks may not use `path`; exit code 3."""

    retry = Retry.TECHNICIAN
    hint = (
        "Add yourself to the group vitalpost (`sudo usermod -aG vitalpost $USER`) and log in again."
    )

    def __init__(self, path: str, hint: str = "") -> None:
        super().__init__(f"{path}: permission denied")
        self.path = path
        if hint:
            self.hint = hint


class RequestRefused(GatewayError):
    """The hub does not do what it was asked: `error` says what is wrong with it."""

    retry = Retry.NEVER
    hint = "Ask for what this version of the hub knows."

    def __init__(self, error: str, hint: str = "") -> None:
        super().__init__(error)
        self.error = error
        if hint:
            self.hint = hint


class AnswerRefused(GatewayError):
    """The office's answer cannot be installed here, for `reason`; nothing was written."""

    retry = Retry.TECHNICIAN
    hint = "Make the request anew with `vitalpost provision request` and have the office enrol it."

    def __init__(self, reason: str) -> None:
        super().__init__(f"the answer is refused: {reason}")
        self.reason = reason


class NotAnswered(GatewayError):
    """On the system bus `service` has not done what it was asked, for `reason`."""

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(f"{service}: {reason}")
        self.service = service
        self.reason = reason

    @property
    def is_denied(self) -> bool:
        """Whether this hub's user lacks the right."""
        return self.reason.rpartition(".")[2] in DENIALS


class BundleRefused(GatewayError):
    """The file at `path` of a support bundle cannot be used, for `reason`; nothing was written."""

    retry = Retry.NEVER

    def __init__(self, path: str, reason: str, hint: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason
        self.hint = hint


class DeviceUnknown(GatewayError):
    """No device called `name` is enrolled here by `vitalpost devices add`."""

    retry = Retry.NEVER
    hint = "`vitalpost devices list` names them; one of the settings file is changed there."

    def __init__(self, name: str) -> None:
        super().__init__(f"{name}: no such device was added here")
        self.name = name


class DeviceMismatch(GatewayError):
    """The device under the name `device` says a serial other than the enrolled one."""

    retry = Retry.TECHNICIAN
    hint = "Bring the enrolled one, or put this one in its place: `vitalpost devices swap`."

    def __init__(self, device: str) -> None:
        super().__init__(f"{device}: its serial is not the enrolled one")
        self.device = device

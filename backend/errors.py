"""What can go wrong in the backend's own house.

What is refused of a hub's messages is no error: it is an incident, counted in the ledger.

    BackendError
    ├── ConfigErrors        one ConfigError(path, found, wanted) per faulty table  -> exit 78
    ├── KeyExists           keys are never overwritten
    ├── KeyUnusable         a key file is missing or is not what it should be
    ├── LedgerMissing
    ├── LedgerNewer         a later version wrote it
    ├── LedgerUnusable      not a ledger, not writable, disk full
    ├── EnrolmentRefused
    ├── HubUnknown
    ├── PatientUnknown
    ├── EpisodeUnknown      no episode has been stated, so nothing says what is billed
    ├── CursorUnknown       the feed does not go so far
    ├── ReadingUnopenable   its key is not here
    ├── SinkRefused         nothing may be relayed there   -> exit 2
    ├── SinkFailed          a relay's sink did not acknowledge
    ├── BrokerRefused       the broker does not let the backend subscribe
    ├── OutputRefused       a file that was asked for cannot be written there
    ├── SealedFileRefused   a sealed file is not whole, not ours, or for another key
    ├── BackupUnsound       a copy of the ledger is not what it should be
    ├── RestoreRefused      a ledger is there already
    ├── HoldRefused         a legal hold that holds already, or that there is not
    ├── CaseFault           at a path of a file of cases something else was found than wanted
    ├── FactsRefused        one FactFault(line, path, found, wanted) each
    ├── RuleSetRefused      it cannot be loaded or signed so
    ├── PolicyRefused       no such switch, or no such value   -> exit 2
    ├── EvidenceRefused     what a package would hold does not bear its verdict out
    ├── PackageUnusable     a file is no package of evidence, or is damaged
    └── SignOffRefused      a package cannot be signed off so   -> exit 2
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from drivers.errors import Retry


class BackendError(Exception):
    """Root of everything the backend raises; `hint` is one sentence the operator can act on."""

    retry = Retry.NEVER
    hint = "Nothing was changed."
    exit_code = 1


class ConfigError(BackendError):
    """One fault of the settings: at `path` something was `found` where `wanted` belongs."""

    hint = "Correct the settings file and start again."
    exit_code = 78  # sysexits.h: EX_CONFIG

    def __init__(self, path: str, found: str, wanted: str) -> None:
        super().__init__(f"{path}: found {found}, wanted {wanted}")
        self.path = path
        self.found = found
        self.wanted = wanted


class ConfigErrors(BackendError):
    """Every faulty table of the settings, each with its first fault."""

    hint = ConfigError.hint
    exit_code = ConfigError.exit_code

    def __init__(self, faults: Sequence[ConfigError]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


class KeyExists(BackendError):
    """`path` is there already, and keys are never overwritten."""

    hint = "Choose an empty folder; keep these keys: without hpke.key no stored record opens again."

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: exists already")
        self.path = path


class KeyUnusable(BackendError):
    """The key file at `path` is missing or `what` is wrong with it."""

    hint = "Run `vitalpost-backend keygen DIR`, or name the folder with the keys under [keys]."

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path
        self.what = what


class LedgerMissing(BackendError):
    """There is no ledger at `path`."""

    hint = "Enroll a hub first, or name the right file under [ledger] in the settings."

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: no ledger here")
        self.path = path


class LedgerNewer(BackendError):
    """The ledger at `path` has format `found`; this version knows up to `known`."""

    hint = "Install the later version again; this one leaves the ledger as it is."

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(f"{path}: found format {found}, this version knows up to {known}")
        self.path = path
        self.found = found
        self.known = known


class LedgerUnusable(BackendError):
    """The file at `path` does not work as a ledger, in the database's own words."""

    retry = Retry.TECHNICIAN
    hint = "Check the disk and the file's owner; hubs keep everything until the ledger is back."

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path
        self.what = what


class LedgerKeyMissing(LedgerUnusable):
    """None of the private HPKE keys is the one that the ledger at `path` was begun with."""

    hint = (
        "Put every hpke*.key back under [keys]; if all are there the ledger is damaged: "
        "`vitalpost-backend restore`."
    )

    def __init__(self, path: Path) -> None:
        super().__init__(path, "none of the keys is the one that it was begun with")


class EnrolmentRefused(BackendError):
    """A hub, patient or device cannot be enrolled so; nothing was changed."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


class HubUnknown(BackendError):
    """No hub of this id is enrolled."""

    hint = "Compare the id with those that `vitalpost-backend hubs` lists."

    def __init__(self, hub: str) -> None:
        super().__init__(f"hub {hub!r} is not enrolled")
        self.hub = hub


class PatientUnknown(BackendError):
    """No patient of this name is enrolled."""

    hint = "Compare the name with the one given to `vitalpost-backend enroll --patient`."

    def __init__(self, patient: str) -> None:
        super().__init__(f"patient {patient!r} is not enrolled")
        self.patient = patient


class EpisodeUnknown(BackendError):
    """Nobody has stated the episode that is asked for, or any."""

    hint = (
        "State it: `vitalpost-backend facts add episode PATIENT program=RPM start=DATE --by ACTOR "
        "--because CAUSE`."
    )

    def __init__(self, patient: str, number: int | None) -> None:
        which = "no episode" if number is None else f"no episode {number}"
        super().__init__(f"patient {patient!r} has {which}")
        self.patient = patient
        self.number = number


class CursorUnknown(BackendError):
    """The feed ends at `last`, before `cursor`: what comes until then would be passed over."""

    hint = "Name a cursor that was emitted, or 0 for everything."

    def __init__(self, cursor: int, last: int) -> None:
        super().__init__(f"cursor {cursor}: the feed ends at {last}")
        self.cursor = cursor
        self.last = last


class ReadingUnopenable(BackendError):
    """A reading of the feed does not open; the relay goes no further, and passes nothing over."""

    retry = Retry.TECHNICIAN
    hint = (
        "Put the HPKE key back that its epoch is sealed to; `vitalpost-backend verify` says more."
    )

    def __init__(self, reading: bytes, what: str) -> None:
        super().__init__(f"reading {reading.hex()}: {what}")
        self.reading = reading
        self.what = what


class SinkRefused(BackendError):
    """Nothing is ever relayed to such a `sink`."""

    hint = "Name another place; see docs/relay.md."
    exit_code = 2

    def __init__(self, sink: str, what: str) -> None:
        super().__init__(f"{sink}: {what}")
        self.sink = sink
        self.what = what


class SinkFailed(BackendError):
    """A relay's sink did not acknowledge; `retry` says whether it heals by itself."""

    def __init__(
        self,
        what: str,
        retry: Retry = Retry.LATER,
        hint: str = "Nothing is lost: what the sink has not got is not receipted, and tried again.",
    ) -> None:
        super().__init__(what)
        self.what = what
        self.retry = retry
        self.hint = hint


class BrokerRefused(BackendError):
    """The broker answered `what` with MQTT 5 `reason_code` (0x80 or more)."""

    retry = Retry.LATER
    hint = "Check that the broker's access list lets the backend read records and write receipts."

    def __init__(self, what: str, reason_code: int) -> None:
        super().__init__(f"{what}: refused with reason code 0x{reason_code:02x}")
        self.what = what
        self.reason_code = reason_code


class OutputRefused(BackendError):
    """Nothing can be written at `path`: what is there is never overwritten."""

    hint = "Name a file that does not exist yet, in a folder that is yours."

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path
        self.what = what


class SealedFileRefused(BackendError):
    """The sealed file at `path` does not open, in whole or in part; nothing was written."""

    hint = "Nothing was written: use the recipient's own private key, and fetch the file again."

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path
        self.what = what


class BackupUnsound(BackendError):
    """The copy of a ledger at `path` is not what it should be; it was not put in any place."""

    hint = "Take another copy; the ledger is as it was."

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path
        self.what = what


class RestoreRefused(BackendError):
    """There is a file at `path`, and a restore overwrites nothing."""

    hint = "Stop every process that uses the ledger, and move it away with its -wal and -shm files."

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: exists already")
        self.path = path


class HoldRefused(BackendError):
    """The legal hold of `patient` is as asked for already."""

    hint = "`vitalpost-backend retention` lists the holds."

    def __init__(self, patient: str, what: str) -> None:
        super().__init__(f"patient {patient!r} {what}")
        self.patient = patient
        self.what = what


class CaseFault(BackendError):
    """One fault of a file of cases: at `path` something was `found` where `wanted` belongs."""

    hint = "Correct the file: docs/billing.md lists what a case holds. No faulty case was judged."

    def __init__(self, path: str, found: str, wanted: str) -> None:
        super().__init__(f"{path}: found {found}, wanted {wanted}")
        self.path = path
        self.found = found
        self.wanted = wanted


class FactFault(BackendError):
    """One fault of what is stated: in `line`, at `path`, was `found` where `wanted` belongs.

    Line 0 is a command's own words.
    """

    hint = "Correct it and enter it again; nothing was entered. docs/commands.md lists the kinds."

    def __init__(self, line: int, path: str, found: str, wanted: str) -> None:
        place = ", ".join(part for part in (f"line {line}" if line else "", path) if part)
        super().__init__(f"{place or 'it'}: found {found}, wanted {wanted}")
        self.line = line
        self.path = path
        self.found = found
        self.wanted = wanted


class FactsRefused(BackendError):
    """The first faults of what is stated, of `count` in all."""

    hint = FactFault.hint

    def __init__(self, faults: Sequence[FactFault], count: int) -> None:
        more = count - len(faults)
        lines = [str(fault) for fault in faults]
        super().__init__("\n".join([*lines, f"and {more} more"] if more else lines))
        self.faults = tuple(faults)
        self.count = count


class RuleSetRefused(BackendError):
    """A rule set cannot be loaded or signed so; nothing was changed."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


class PolicyRefused(BackendError):
    """A policy names `what` does not exist; `choices` are those there are."""

    exit_code = 2

    def __init__(self, what: str, choices: str) -> None:
        super().__init__(what)
        self.hint = f"Choose from: {choices}."
        self.choices = choices


class EvidenceRefused(BackendError):
    """No package was written: `what` is in the ledger does not bear the verdict out."""

    retry = Retry.TECHNICIAN
    hint = "Run `vitalpost-backend verify`: it names what is wrong with the ledger."

    def __init__(self, what: str, hint: str = hint) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


class PackageUnusable(BackendError):
    """The file at `path` is no package of evidence, or is not whole; `what` says how."""

    hint = "Ask for the file again, and compare the SHA-256 that was printed when it was made."

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path
        self.what = what


class SignOffRefused(BackendError):
    """A package is not signed off: `what` forbids it."""

    exit_code = 2

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

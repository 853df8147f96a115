"""The settings of the last start that went well, for a start at which the file is at fault.

A hub in a home has nobody to mend a file that was half written: it collects on as it did, and says
so. This holds where systemd gave the hub its state folder; at a terminal a fault ends the command.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

import structlog

from gateway import state_file
from gateway.config import parse_settings
from gateway.errors import ConfigErrors, SettingsError
from gateway.identity.certificates import as_der, name_owners
from gateway.identity.credentials import TLS_CERTIFICATE
from gateway.reports import Facts, Problem
from gateway.settings import Settings

FILE = "settings.last-good"
MARK = b"# sha256 "
HINT = (
    "Correct the settings file until `vitalpost config check` is silent, then run"
    " `systemctl reload vitalpost`."
)

log = structlog.get_logger()


class LastGood:
    """One file beside the outbox: the text of the settings, under the digest of it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    @classmethod
    def find(cls, environment: Mapping[str, str]) -> Self | None:
        """In the state folder that systemd gives a service; None where it has given none."""
        given = environment.get("STATE_DIRECTORY", "").split(":")[0]
        return cls(Path(given)) if given else None

    def read(self) -> bytes | None:
        """The text; None where none was kept, or not as it was written."""
        try:
            first, _, text = self._path.read_bytes().partition(b"\n")
        except OSError:
            return None
        return text if first == _seal(text) else None

    def keep(self, text: bytes) -> None:
        """Keep these from now on; the same ones are not written again."""
        before = self.read()
        if before == text:
            return
        if before is not None:
            log.info("settings-changed", **_compare(before, text))
        try:
            state_file.replace(self._path, _seal(text) + b"\n" + text)
        except OSError as error:
            log.warning("settings-not-kept", error=error.strerror or type(error).__name__)


class Standing:
    """What the hub says of its settings: whether they are those of the file."""

    name = "settings"

    def __init__(self, refused: SettingsError | None = None) -> None:
        self._faults = name_faults(refused) if refused else []

    def facts(self) -> Facts:
        """`last_good`: the file is not in force; `faults` says where it is at fault."""
        return {"last_good": bool(self._faults), "faults": self._faults}

    def problems(self) -> Iterable[Problem]:
        """A fault of the file; no rung heals it, a person has to."""
        if self._faults:
            places = ", ".join(self._faults)
            what = f"the settings file is at fault ({places}); the last good settings hold"
            yield Problem(what, HINT, needs_help=True)


def tell_refused(error: SettingsError) -> None:
    """Log that the settings of the file do not hold."""
    log.error("settings-refused", faults=name_faults(error), hint=HINT)


def name_faults(error: SettingsError) -> list[str]:
    """Where the faults are, without what was found there: that may be a serial or an address."""
    faults = getattr(error, "faults", ())
    return [fault.path for fault in faults] or [type(error).__name__]


def belongs_here(settings: Settings) -> bool:
    """Whether the installed certificate is of the hub that these settings name.

    A hub that was provisioned anew must not go on under the id that it had before.
    """
    try:
        pem = (settings.credentials / TLS_CERTIFICATE).read_text("utf-8")
        return name_owners(as_der(pem)[0]) == [settings.hub.id]
    except (OSError, ValueError, IndexError):
        return False


def _seal(text: bytes) -> bytes:
    return MARK + hashlib.sha256(text).hexdigest().encode()


def _compare(before: bytes, now: bytes) -> dict[str, int]:
    """How many devices the file had and has: one that was cut between two has lost some."""
    count = {}
    for name, text in (("devices_before", before), ("devices", now)):
        try:
            count[name] = len(parse_settings(text).devices)
        except ConfigErrors:
            count[name] = 0
    return count

"""What the checks look at: the settings, the running hub, and the machine below both."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gateway.config import load_control, load_settings
from gateway.control.client import ask
from gateway.doctor.finding import NotSeen
from gateway.errors import (
    AnswerRefused,
    ConfigError,
    ConfigErrors,
    GatewayError,
    HubNotRunning,
    NotAllowed,
)
from gateway.identity.credentials import SIGN_KEY, Credentials, load_credentials
from gateway.identity.renewal import load_kept
from gateway.settings import ControlSettings, Settings

ASK_S = 5.0
UNIT = "vitalpost.service"
BY_SYSTEMD = "run/credentials/vitalpost.service"
AS_HUB = "Run it as root (`sudo vitalpost doctor`) or as the hub's user."
FIRST_SETTINGS = "Mend the settings first."
FIRST_CREDENTIALS = "Mend the credentials first."
FIRST_HUB = "Start the hub first."

Facts = Mapping[str, Any]
ShowUnit = Callable[[str], Mapping[str, str]]


def show_unit(name: str) -> Mapping[str, str]:
    """What systemd says of a unit. Raises NotSeen where there is none to ask."""
    systemctl = shutil.which("systemctl")
    if not systemctl or not Path("/run/systemd/system").is_dir():
        raise NotSeen("there is no systemd here", "Run the hub under systemd, which restarts it.")
    asked = "LoadState,ActiveState,SubState,Result,NRestarts,WatchdogUSec"
    command = [systemctl, "show", name, f"--property={asked}"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=False)  # noqa: S603  a constant
    return dict(line.split("=", 1) for line in shown.stdout.splitlines() if "=" in line)


@dataclass
class Site:
    """What was found at the door.

    `control` is where the hub is asked, `status_told` and `absence` what it answered or why it did
    not; `machine` is `/`.
    """

    path: Path
    settings_read: Settings | None
    faults: Sequence[ConfigError] = ()
    is_settings_closed: bool = False
    control: ControlSettings | None = None
    status_told: Facts | None = None
    absence: GatewayError | None = None
    machine: Path = Path("/")
    show_unit: ShowUnit = show_unit

    @property
    def settings(self) -> Settings:
        """The settings. Raises NotSeen."""
        if self.settings_read is None:
            raise NotSeen("the settings cannot be read", FIRST_SETTINGS)
        return self.settings_read

    @property
    def status(self) -> Facts:
        """What the running hub tells. Raises NotSeen."""
        if self.status_told is None:
            if self.control is None:
                raise NotSeen("the settings cannot be read", FIRST_SETTINGS)
            if isinstance(self.absence, NotAllowed):
                raise NotSeen("you may not ask the hub", AS_HUB)
            raise NotSeen("the hub does not answer", FIRST_HUB)
        return self.status_told

    def ask(self, do: str, *, answer_s: float = ASK_S) -> Facts:
        """What the running hub answers. Raises NotSeen and what `ask` raises."""
        if self.control is None:
            raise NotSeen("the settings cannot be read", FIRST_SETTINGS)
        return ask(self.control, do, answer_s=answer_s)

    @property
    def is_hub_away(self) -> bool:
        """Whether surely no hub runs: nobody holds its socket."""
        cause = self.absence.__cause__ if isinstance(self.absence, HubNotRunning) else None
        gone = {errno.ENOENT, errno.ECONNREFUSED}
        return isinstance(cause, OSError) and cause.errno in gone

    @cached_property
    def credentials_folder(self) -> Path:
        """Of the settings, or where systemd has put them for the running hub."""
        folder = self.settings.credentials
        given = self.machine / BY_SYSTEMD
        try:
            is_systemds = not self.settings.hub.credentials and (given / SIGN_KEY).exists()
        except PermissionError:
            is_systemds = False
        return given if is_systemds else folder

    @property
    def credentials(self) -> Credentials:
        """What holds now. Raises NotSeen."""
        try:
            return self.credentials_read
        except ConfigErrors as error:
            raise NotSeen("there are no credentials that can be used", FIRST_CREDENTIALS) from error

    @cached_property
    def credentials_read(self) -> Credentials:
        """What holds now: as installed, or by a later answer. Raises ConfigErrors and NotSeen."""
        hub, folder = self.settings.hub, self.credentials_folder
        try:
            for path in (folder, folder / SIGN_KEY):
                path.stat()
            (folder / SIGN_KEY).read_bytes()
        except PermissionError as error:
            raise NotSeen("you may not read the hub's credentials", AS_HUB) from error
        except OSError:
            pass  # it is named below, with all others
        installed = load_credentials(folder)
        try:
            kept = load_kept(installed, hub.id, Path(hub.state), hub.suite)
        except AnswerRefused:
            kept = None
        return kept.credentials if kept else installed


def visit(path: Path) -> Site:
    """Read the settings and ask the hub how it stands."""
    try:
        settings = load_settings(path)
    except ConfigErrors as error:
        is_closed = isinstance(error.__cause__, PermissionError)
        site = Site(path, None, error.faults, is_closed)
        with suppress(ConfigErrors):
            site.control = load_control(path)
    else:
        site = Site(path, settings, control=settings.control)
    try:
        site.status_told = site.ask("status")
    except NotSeen:
        return site
    except GatewayError as absence:
        site.absence = absence
    return site

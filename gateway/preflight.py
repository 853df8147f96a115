"""What would keep a hub from starting, found before it is tried."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gateway.clock import load_clock
from gateway.config import check_end, parse_settings, read_settings
from gateway.control.socket_file import find_group
from gateway.devices import enrol
from gateway.enrolments import FILE, Enrolments
from gateway.errors import ConfigError, ConfigErrors
from gateway.identity.credentials import load_credentials
from gateway.identity.renewal import check_suite
from gateway.links.radio import load_radio
from gateway.matching import refuse_ties
from gateway.registry import load_drivers
from gateway.setup import SetupWindow

T = TypeVar("T")


def find_faults(path: Path) -> list[ConfigError]:
    """Every fault that would keep the hub from starting; credentials only where they are kept."""
    faults: list[ConfigError] = []

    def attempt(check: Callable[[], T]) -> T | None:
        try:
            return check()
        except (ConfigError, ConfigErrors) as error:
            faults.extend(error.faults)
            return None

    text = attempt(lambda: read_settings(path))
    settings = attempt(lambda: parse_settings(text)) if text is not None else None
    if settings and text:
        attempt(lambda: check_end(text))
        attempt(lambda: enrol(settings.devices, load_drivers()))
        attempt(lambda: refuse_ties(load_drivers()))
        if os.access(Path(settings.hub.state) / FILE, os.R_OK):
            attempt(lambda: Enrolments(Path(settings.hub.state), settings.devices))
        attempt(lambda: load_radio(settings.radio, SetupWindow()))
        attempt(lambda: find_group(settings.control.group))
        attempt(lambda: load_clock(settings.clock.source, settings.clock.options))
        if _are_within_reach(settings.credentials):
            hub, installed = settings.hub, attempt(lambda: load_credentials(settings.credentials))
            if installed:
                attempt(lambda: check_suite(installed, hub.id, Path(hub.state), hub.suite))
    return faults


def _are_within_reach(credentials: Path) -> bool:
    """Whether they are kept here: systemd 252 hands them to the daemon, not to its ExecReload=."""
    try:
        return credentials.exists()
    except PermissionError:
        return False

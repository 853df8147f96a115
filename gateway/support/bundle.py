"""A support bundle: lines of text, each of which may be shown, and their sealed file."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from gateway.doctor.examine import Result
from gateway.doctor.finding import NotSeen
from gateway.doctor.site import Site
from gateway.errors import BundleRefused, GatewayError
from gateway.support.shown import (
    DEVICE_OF_A_LINE,
    OUTBOX,
    SETTINGS,
    STATUS,
    TERM,
    UNIT,
    Veil,
    pick,
)
from uplink.keys import SealingKey
from uplink.sealed_file import seal

FORMAT = 1
NAME_KEY = "Name the file with support's public key."
PACKAGES = (
    *("vitalpost", "bleak", "bleak-retry-connector", "cbor2", "cryptography", "dbus-fast"),
    *("msgspec", "paho-mqtt", "pyserial", "structlog"),
)
UNITS = (
    *("vitalpost.service", "bluetooth.service", "systemd-timesyncd.service"),
    *("ModemManager.service", "NetworkManager.service"),
)


def gather(site: Site, results: Sequence[Result], veil: Veil) -> Iterator[str]:
    """Every line, in order. What cannot be told is said so."""
    yield f"bundle = {FORMAT}"
    yield f"python = {platform.python_version()}"
    yield f"kernel = {platform.machine()} {platform.release()}"
    yield from _tell_packages()
    if site.settings_read:
        yield from pick("settings", msgspec.to_builtins(site.settings_read), SETTINGS, veil)
    for name, finding in results:
        yield f"doctor.{name} = {finding.mark}: {finding.tell(veil.hash)[0]}".replace("\n", " ")
    for name in UNITS:
        try:
            yield from pick(f"unit.{name}", site.show_unit(name), UNIT, veil)
        except NotSeen as unseen:
            yield f"unit.{name} = not told: {unseen.why}"
    if site.status_told is None:
        yield "status = not told"
        return
    yield from pick("status", site.status_told, STATUS, veil)
    try:
        yield from pick("outbox", site.ask("outbox-stats"), OUTBOX, veil)
        for line in site.ask("log-lines")["lines"]:
            yield _tell_line(line, veil)
    except GatewayError as error:
        yield f"hub = not told: {type(error).__name__}"


def read_recipient(path: Path) -> SealingKey:
    """Support's public key. Raises BundleRefused, and SealError where it is no such key."""
    try:
        return SealingKey.from_text(path.read_text("ascii"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no key"
        raise BundleRefused(str(path), reason, NAME_KEY) from error


def write(path: Path, lines: Iterable[str], to: SealingKey) -> None:
    """Seal the lines into a new file, for its owner alone. Raises BundleRefused."""
    text = "".join(f"{line}\n" for line in lines).encode()
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.writelines(seal([text], to))
    except OSError as error:
        reason = error.strerror or str(error)
        raise BundleRefused(str(path), reason, "Name a new file in a folder of yours.") from error


def _tell_packages() -> Iterator[str]:
    for name in PACKAGES:
        try:
            yield f"package.{name} = {version(name)}"
        except PackageNotFoundError:
            yield f"package.{name} = none"


def _tell_line(line: dict[str, object], veil: Veil) -> str:
    words = [f"log {line.pop('ago_s')} s ago", str(line.pop("level"))]
    event = str(line.pop("event"))
    words.append(event if TERM.fullmatch(event) else "another event")
    for name, fact in line.items():
        if name == DEVICE_OF_A_LINE:
            words.append(f"{name}={veil.hash(str(fact))}")
        elif isinstance(fact, int | float) or TERM.fullmatch(str(fact)):
            words.append(f"{name}={fact}")
    return " ".join(words)

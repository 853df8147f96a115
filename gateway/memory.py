"""What the hub remembers of its devices: bookmarks, whom it has met, which had a bond.

`memory.json` in the hub's state, kept apart from the enrolments since it changes with sessions. To
lose it costs a device's history being read once more; then everybody counts as met, so that
nothing is left out by mistake. What cannot be read, a later format among it, is kept as
`memory.json.before`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import msgspec
import structlog
from msgspec import Meta, Struct

from gateway import state_file
from gateway.clock import Moment
from gateway.devices import Device
from gateway.first_contact import Since

FILE = "memory.json"
FORMAT = 2  # the first one was the devices alone
HINT = "Nothing to do: what devices still hold is read once more, and counted once."

log = structlog.get_logger()


class Remembered(Struct, frozen=True, omit_defaults=True):
    """Of one device: see the fields of the same names in `Device`; `left_out` until it is told."""

    bookmark: str = ""
    is_met: bool = False
    left_out: int = 0
    had_bond: bool = False
    since: tuple[int, int, int] | None = None
    boot: str = ""


class _File(Struct, frozen=True):
    format: Annotated[int, Meta(ge=FORMAT, le=FORMAT)]
    devices: dict[str, Remembered]


class Memory:
    """Read when it is made; each change is on flash when `keep` returns."""

    def __init__(self, state: Path, *, is_new_hub: bool = True) -> None:
        self._path = state / FILE
        self._is_certain = True
        self._is_older = False
        self._known = self._read(is_new_hub=is_new_hub)
        self._written: dict[str, Remembered] | None = dict(self._known)
        if self._is_older:
            self._written = None
        self._writing = asyncio.Lock()

    def recall(self, devices: Iterable[Device], now: Moment, boot: bytes) -> None:
        """Tell devices what is known of them; one that is not known was enrolled just now."""
        for device in devices:
            begun = Remembered(is_met=not self._is_certain, since=now, boot=boot.hex())
            known = self._known.setdefault(_name(device), begun)
            device.bookmark, device.is_met = known.bookmark, known.is_met
            device.left_out = known.left_out
            device.has_bond = True if known.had_bond else None
            if known.since and not device.wants_all:
                device.since = Since(Moment(*known.since), known.boot == boot.hex())
            device.remember = self.keep

    async def keep(self, device: Device) -> None:
        """Remember the device as it is now, if it has changed."""
        before = self._known.get(_name(device), Remembered())
        known = msgspec.structs.replace(
            before,
            bookmark=device.bookmark,
            is_met=device.is_met,
            left_out=device.left_out,
            had_bond=bool(device.has_bond),
        )
        self._known[_name(device)] = known
        await self.save()

    async def save(self) -> None:
        """Write what is remembered, if that has changed."""
        async with self._writing:
            if self._known != self._written:
                written = dict(self._known)
                data = msgspec.json.encode(_File(FORMAT, written))
                await asyncio.to_thread(state_file.replace, self._path, data)
                self._written = written

    def forget(self, device: Device) -> None:
        """Remember nothing of a device: added again, it is met first. `save` makes it last."""
        self._known.pop(_name(device), None)

    def _read(self, *, is_new_hub: bool) -> dict[str, Remembered]:
        try:
            data = self._path.read_bytes()
            if b'"format":' in data:
                return msgspec.json.decode(data, type=_File).devices
            self._is_older = True
            return msgspec.json.decode(data, type=dict[str, Remembered])
        except (FileNotFoundError, NotADirectoryError):
            self._is_certain = is_new_hub
        except (OSError, ValueError, RecursionError) as error:
            self._is_certain = self._is_older = False
            with suppress(OSError):
                state_file.keep_before(self._path)
            log.warning("memory-lost", error=type(error).__name__, hint=HINT)
        return {}


def _name(device: Device) -> str:
    """A device and its driver: another driver's bookmark would mean nothing."""
    identity = device.identity
    named = identity if isinstance(identity, bytes) else "\0".join(identity).encode()
    return sha256(named + b"\0" + device.driver.info.id.encode()).hexdigest()[:32]

"""gateway.toml to typed settings. Each fault is named by its path, and all of them at once."""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from gateway.errors import ConfigError, ConfigErrors
from gateway.settings import ControlSettings, DeviceSettings, Settings
from gateway.settings_upgrade import upgrade_tables

DEFAULT_PATH = Path("/etc/vitalpost/gateway.toml")
LONGEST_SOCKET_PATH = 107  # unix(7): sun_path holds 108 bytes with the last one zero


def load_settings(path: Path) -> Settings:
    """The settings in the file. Raises ConfigErrors."""
    return parse_settings(read_settings(path))


def load_control(path: Path) -> ControlSettings:
    """Where the running hub is asked. Raises ConfigErrors.

    Where the hub's own file is at fault it runs on with its last good settings: at the usual place.
    """
    try:
        return load_settings(path).control
    except ConfigErrors:
        usual = ControlSettings()
        if path != DEFAULT_PATH or not os.path.exists(usual.socket):  # noqa: PTH110  False if closed
            raise
        return usual


def read_settings(path: Path) -> bytes:
    """The bytes of the file. Raises ConfigErrors."""
    try:
        return path.read_bytes()
    except OSError as error:
        fault = ConfigError(
            str(path),
            error.strerror or str(error),
            "a settings file",
            "Copy config/gateway.toml there and make it readable for the hub's user.",
        )
        raise ConfigErrors([fault]) from error


def check_end(text: bytes) -> None:
    """Raise ConfigErrors where the last line is not ended: `port = 88` may have been `8883`."""
    if not text.endswith(b"\n"):
        found, wanted = "a last line that is not ended", "a file that was written whole"
        hint = "Look whether the file is whole, and end its last line."
        raise ConfigErrors([ConfigError("settings", found, wanted, hint)])


def parse_settings(text: bytes) -> Settings:
    """The settings in the bytes of a TOML file. Raises ConfigErrors."""
    try:
        tables = tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise ConfigErrors([ConfigError("settings", str(error), "TOML in UTF-8")]) from error
    tables = upgrade_tables(tables)
    if faults := list(_find_faults(tables)):
        raise ConfigErrors(faults)
    settings = msgspec.convert(tables, Settings)
    if clashes := list(_find_clashes(settings)):
        raise ConfigErrors(clashes)
    return settings


def make_schema() -> dict[str, Any]:
    """JSON Schema of the settings file."""
    return {"title": "gateway.toml", **msgspec.json.schema(Settings)}


def _find_faults(tables: dict[str, Any]) -> Iterator[ConfigError]:
    fields = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    for name, table in tables.items():
        if name not in fields:
            yield ConfigError(name, _describe(table), f"one of {', '.join(fields)}")
    for name, struct in fields.items():
        if name != "devices":
            yield from _check_table(name, tables.get(name, {}), struct)
    devices = tables.get("devices", [])
    if not isinstance(devices, list):
        yield ConfigError("devices", _describe(devices), "tables under [[devices]]")
        return
    for index, entry in enumerate(devices):
        yield from _check_table(f"devices[{index}]", entry, DeviceSettings)


def _check_table(path: str, table: object, struct: type[msgspec.Struct]) -> Iterator[ConfigError]:
    """Every fault of one table, field by field: msgspec stops at the first and says it in prose."""
    if not isinstance(table, dict):
        yield ConfigError(path, _describe(table), "a table")
        return
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    for name, value in table.items():
        if name not in fields:
            yield ConfigError(f"{path}.{name}", _describe(value), f"one of {', '.join(fields)}")
    for name, field in fields.items():
        wanted = next(meta.description for meta in field.type.__metadata__)
        if name not in table:
            if field.required:
                yield ConfigError(f"{path}.{name}", "nothing", wanted)
            continue
        try:
            msgspec.convert(table[name], field.type)
        except msgspec.ValidationError:
            yield ConfigError(f"{path}.{name}", _describe(table[name]), wanted)


def _find_clashes(settings: Settings) -> Iterator[ConfigError]:
    """What no field shows by itself."""
    if not _is_zone(settings.hub.site_zone):
        found = _describe(settings.hub.site_zone)
        yield ConfigError("hub.site_zone", found, 'a zone of tzdata, such as "America/New_York"')
    if (length := len(os.fsencode(settings.control.socket))) > LONGEST_SOCKET_PATH:
        yield ConfigError(
            "control.socket",
            f"{length} bytes",
            f"a path of at most {LONGEST_SOCKET_PATH} bytes",
            "Choose a shorter folder, such as /run/vitalpost.",
        )
    names = Counter(device.name for device in settings.devices)
    addresses = Counter(device.address.upper() for device in settings.devices)
    sockets = Counter((d.port, d.usb, d.usb_serial) for d in settings.devices)
    for index, device in enumerate(settings.devices):
        path = f"devices[{index}]"
        if names[device.name] > 1:
            yield ConfigError(f"{path}.name", _describe(device.name), "a name of its own")
        places = [name for name in ("address", "port", "usb") if getattr(device, name)]
        if len(places) != 1:
            found = " and ".join(places) or "nothing that finds the device"
            yield ConfigError(path, found, "one of address, port and usb")
        elif device.usb_serial and not device.usb:
            yield ConfigError(f"{path}.usb_serial", places[0], "usb beside it")
        elif device.address and addresses[device.address.upper()] > 1:
            yield ConfigError(f"{path}.address", _describe(device.address), "one device for it")
        elif not device.address and sockets[device.port, device.usb, device.usb_serial] > 1:
            found = _describe(device.port or device.usb)
            yield ConfigError(f"{path}.{places[0]}", found, "one device for it")
        identity = (device.maker, device.model, device.serial)
        if bool(device.id) == any(identity) or (any(identity) and not all(identity)):
            named = [name for name in ("maker", "model", "serial", "id") if getattr(device, name)]
            yield ConfigError(
                path,
                " and ".join(named) or "no identity",
                "maker, model and serial, or an id alone",
            )


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _describe(value: object) -> str:
    match value:
        case dict():
            return "a table"
        case list():
            return "an array"
        case bool():
            return str(value).lower()
        case str() if len(value) > 40:  # noqa: PLR2004  what fits a line of the terminal
            return repr(value[:40]) + "…"
        case str() | int() | float():
            return repr(value)
        case _:
            return f"the time {value}"

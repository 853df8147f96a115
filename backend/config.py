"""backend.toml to typed settings; every fault is named by its path."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from backend.errors import ConfigError, ConfigErrors

DEFAULT = Path("/etc/vitalpost/backend.toml")

Text = Annotated[str, msgspec.Meta(min_length=1)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Prefix = Annotated[str, msgspec.Meta(pattern=r"^[^#+/$]+(/[^#+/$]+)*$")]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the settings: immutable, without unknown keys."""


class Ledger(Table, frozen=True):
    """[ledger]; `journal` is a file to which `run` and `relay` append each step.

    `logs` is the folder of facts.log and access.log, if not the ledger's own.
    """

    path: Text
    journal: Text | None = None
    logs: Text | None = None


class Keys(Table, frozen=True):
    """[keys]: the folder that `keygen` made."""

    dir: Text


class Broker(Table, frozen=True):
    """[broker]; the files default to those of the keys folder.

    `client_id` names the session that the broker keeps: each worker needs its own.
    """

    host: Text
    port: Port = 8883
    prefix: Prefix = "vitalpost"
    client_id: Text = "vitalpost-backend"
    ca: Text | None = None
    cert: Text | None = None
    key: Text | None = None


class Clock(Table, frozen=True):
    """[clock]: "system", or an entry point of `vitalpost.clocks` and what it is called with."""

    source: Text = "system"
    options: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Settings(msgspec.Struct, frozen=True):
    """All of backend.toml."""

    ledger: Ledger
    keys: Keys
    broker: Broker
    clock: Clock

    def log_file(self, name: str) -> Path:
        """Return the path of a log that is kept outside the database."""
        return Path(self.ledger.logs or Path(self.ledger.path).parent) / name

    def key_file(self, name: str) -> Path:
        """Return the path of a file in the keys folder."""
        return Path(self.keys.dir) / name


_TABLES: Mapping[str, type[Table]] = {
    "ledger": Ledger,
    "keys": Keys,
    "broker": Broker,
    "clock": Clock,
}
_OPTIONAL = {"clock"}


def load(path: Path) -> Settings:
    """Return the settings in the file. Raises ConfigErrors with the first fault of each table."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        what = getattr(error, "strerror", None) or "bytes that are not UTF-8"
        raise ConfigErrors([ConfigError(str(path), what, "a settings file")]) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigErrors([ConfigError(str(path), str(error), "TOML")]) from error

    faults = [
        ConfigError(name, "an unknown table", ", ".join(_TABLES)) for name in found.keys() - _TABLES
    ]
    tables: dict[str, Any] = {}
    for name, shape in _TABLES.items():
        if name not in found and name not in _OPTIONAL:
            faults.append(ConfigError(name, "nothing", f"a table [{name}]"))
            continue
        try:
            tables[name] = msgspec.convert(found.get(name, {}), shape)
        except msgspec.ValidationError as error:
            faults.append(_name_fault(name, shape, found[name], str(error)))
    if faults:
        raise ConfigErrors(faults)
    return Settings(**tables)


# msgspec states a fault in words only, in three shapes.
_UNKNOWN = re.compile(r"Object contains unknown field `(.+)`")
_MISSING = re.compile(r"Object missing required field `(.+)`")


def _name_fault(name: str, shape: type[Table], table: Any, words: str) -> ConfigError:
    words, _, at = words.partition(" - at `$")
    at = at.removesuffix("`")
    if match := _UNKNOWN.fullmatch(words):
        return ConfigError(
            f"{name}.{match[1]}", "an unknown key", f"one of {', '.join(shape.__struct_fields__)}"
        )
    if match := _MISSING.fullmatch(words):
        return ConfigError(f"{name}.{match[1]}", "nothing", "a value")
    found = table
    for key in at.split(".")[1:]:
        found = found[key]
    wanted = words.removeprefix("Expected ").partition(", got ")[0].replace("`", "")
    return ConfigError(name + at, repr(found), wanted)

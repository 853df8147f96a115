"""What of a package is evidence, read back: nothing here is a conclusion.

ledger/*.jsonl     who was monitored by which device       stated/*.jsonl   what people stated
sealed/*.jsonl     hubs, key records, data keys, records, checkpoints, what is gone or absent
cover.json         what was asked                           rule_sets.json   by which rules
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Table

from backend import tables
from backend.errors import PackageUnusable
from backend.evidence_package.asked import FORMAT, Asked, Judging
from backend.evidence_package.excerpt import Told
from backend.evidence_package.lines import (
    AbsentLine,
    DataKeyLine,
    HubLine,
    RecordLine,
    RuleSetEntry,
    SignedLine,
)
from backend.evidence_package.rows import RowFault, read_rows
from backend.ranges import Range

Line = TypeVar("Line", bound=msgspec.Struct)


class Parts(NamedTuple):
    """The evidence of a package; `people` are the tables of `rows` that intake does not fill."""

    asked: Asked
    people: Sequence[Table]
    rows: Mapping[str, list[dict[str, Any]]]
    hubs: Sequence[HubLine]
    key_records: Sequence[SignedLine]
    data_keys: Sequence[DataKeyLine]
    records: Sequence[RecordLine]
    checkpoints: Sequence[SignedLine]
    gone: Sequence[SignedLine]
    absent: Sequence[AbsentLine]
    rule_sets: Sequence[RuleSetEntry]

    @property
    def told(self) -> Told:
        """What the package says of records that are not in it."""
        ranges: dict[str, dict[bytes, Sequence[Range]]] = {"withheld": {}, "refused": {}}
        for line in self.absent:
            ranges[line.why][bytes.fromhex(line.kid)] = line.ranges
        return Told(**ranges)


PEOPLE = (tables.patient, tables.patient_zone, tables.device, tables.assignment)


def read_parts(path: Path, files: Mapping[str, bytes], judging: Judging) -> Parts:
    """The evidence in the files of a package. Raises PackageUnusable."""
    reader = _Reader(path, files)
    asked = reader.document("cover.json", Asked)
    if asked.format != FORMAT:
        raise PackageUnusable(path, f"it has format {asked.format}, this version knows {FORMAT}")
    tables = [(f"ledger/{table.name}.jsonl", table) for table in PEOPLE]
    tables += [(f"stated/{table.name}.jsonl", table) for table in judging.tables]
    found = Parts(
        asked,
        PEOPLE,
        {table.name: reader.rows(name, table) for name, table in tables},
        reader.lines("hubs", HubLine),
        reader.lines("key_records", SignedLine),
        reader.lines("data_keys", DataKeyLine),
        reader.lines("records", RecordLine),
        reader.lines("checkpoints", SignedLine),
        reader.lines("gone", SignedLine),
        reader.lines("absent", AbsentLine),
        reader.document("rule_sets.json", list[RuleSetEntry]),
    )
    if not found.rule_sets or not {line.why for line in found.absent} <= set(Told._fields):
        raise PackageUnusable(path, "it names no rule set, or what is absent for no known reason")
    if any(not hub.sign_keys for hub in found.hubs):
        raise PackageUnusable(path, "it has a hub without a key")
    return found


class _Reader:
    def __init__(self, path: Path, files: Mapping[str, bytes]) -> None:
        self._path = path
        self._files = files

    def document(self, name: str, kind: Any) -> Any:
        return self._decode(name, self._take(name), kind)

    def lines(self, name: str, kind: type[Line]) -> list[Line]:
        full = f"sealed/{name}.jsonl"
        return [self._decode(full, line, kind) for line in self._take(full).splitlines()]

    def rows(self, name: str, table: Table) -> list[dict[str, Any]]:
        try:
            return read_rows(table, self._take(name))
        except (RowFault, RecursionError) as error:
            raise PackageUnusable(self._path, str(error)) from error

    def _take(self, name: str) -> bytes:
        if name not in self._files:
            raise PackageUnusable(self._path, f"{name} is missing: it is no package of evidence")
        return self._files[name]

    def _decode(self, name: str, data: bytes, kind: Any) -> Any:
        try:
            return msgspec.json.decode(data, type=kind)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise PackageUnusable(self._path, f"{name}: {error}") from error

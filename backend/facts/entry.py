"""Entering facts: all of them or none, and each of them once, however often it is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, insert, select

from backend.errors import FactFault, FactsRefused
from backend.facts.kinds import KINDS, WITHDRAWAL, FactName, Kind, PatientId, Text
from backend.facts.rows import NAME_BYTES
from backend.facts.words import Fault, convert, show
from backend.feed import tell_of_patient
from backend.tables import fact, patient
from backend.utc import as_ms

FAULTS = 20  # whoever sees so many mends the program that wrote the file


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    patient: PatientId
    kind: Text
    by: Text
    because: Text
    body: dict[str, Any] = {}
    replaces: FactName = ""


class Statement(NamedTuple):
    """What somebody states. `line` is where; `replaces` names the fact that it corrects."""

    line: int
    patient: str
    kind: str
    body: Kind | None
    actor: str
    cause: str
    replaces: str = ""


class Entered(NamedTuple):
    """The names of what is new, and of what the ledger knew already."""

    added: list[str]
    known: list[str]


def parse(line: int, told: object, *, strict: bool = True) -> Statement:
    """One statement, as a line of a file or the words of a command. Raises FactFault."""
    if not isinstance(told, Mapping):
        raise FactFault(line, "", show(told), "one JSON object")
    found = convert(_Line, told, strict=True)
    if isinstance(found, Fault):
        raise FactFault(line, *found)
    return Statement(
        line,
        found.patient,
        found.kind,
        _parse_body(line, found, strict=strict),
        found.by,
        found.because,
        found.replaces,
    )


def _parse_body(line: int, told: _Line, *, strict: bool) -> Kind | None:
    if told.kind == WITHDRAWAL:
        if told.body or not told.replaces:
            wanted = "the fact that is withdrawn, and no body"
            raise FactFault(line, "replaces", show(told.replaces), wanted)
        return None
    if told.kind not in KINDS:
        raise FactFault(line, "kind", show(told.kind), f"one of {', '.join(KINDS)}, {WITHDRAWAL}")
    found = convert(KINDS[told.kind], told.body, strict=strict)
    if isinstance(found, Fault):
        raise FactFault(line, f"body.{found.path}".rstrip("."), found.found, found.wanted)
    return found


def parse_lines(lines: Iterable[bytes]) -> list[Statement]:
    """The statements of a file, one in each line. Raises FactsRefused with the faults."""
    statements, faults = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            statements.append(parse(number, _decode(number, line)))
        except FactFault as fault:
            faults.append(fault)
    _refuse(faults)
    return statements


def enter(connection: Connection, statements: Iterable[Statement], now_ms: int) -> Entered:
    """Enter what is new. Raises FactsRefused; the caller's transaction is then to be left."""
    entered = Entered([], [])
    faults = []
    for one in statements:
        try:
            _enter(connection, one, now_ms, entered)
        except FactFault as fault:
            faults.append(fault)
    _refuse(faults)
    return entered


def _enter(connection: Connection, one: Statement, now_ms: int, entered: Entered) -> None:
    body = {} if one.body is None else msgspec.to_builtins(one.body)
    digest = digest_of(one.patient, one.kind, body, one.actor, one.cause, one.replaces)
    name = digest[:NAME_BYTES].hex()
    if connection.scalar(select(fact.c.id).where(fact.c.digest == digest)) is not None:
        entered.known.append(name)
        return
    is_known = connection.scalar(select(patient.c.id).where(patient.c.id == one.patient))
    if is_known is None:
        if one.kind != "patient":
            wanted = "one who is enrolled, or of whom a fact of kind patient was stated before"
            raise FactFault(one.line, "patient", show(one.patient), wanted)
        connection.execute(insert(patient).values(id=one.patient))
    about = one.body.about if one.body else None
    row = {
        "patient": one.patient,
        "kind": one.kind,
        "body": body,
        "actor": one.actor,
        "at_ms": now_ms,
        "cause": one.cause,
        "replaces": _find_replaced(connection, one) if one.replaces else None,
        "digest": digest,
        "about_ms": None if about is None else as_ms(about),
    }
    connection.execute(insert(fact).values(row))
    entered.added.append(name)
    if one.kind == "patient" or one.replaces:
        tell_of_patient(connection, one.patient)


def _find_replaced(connection: Connection, one: Statement) -> int:
    """The number of the fact that is replaced: of the same patient and kind, and not replaced."""
    later = fact.alias()
    rows = connection.execute(
        select(fact.c.id, fact.c.kind, fact.c.digest, later.c.digest.label("by"))
        .outerjoin(later, later.c.replaces == fact.c.id)
        .where(fact.c.patient == one.patient)
    )
    for row in rows:
        if row.digest[:NAME_BYTES].hex() == one.replaces:
            if row.by is not None:
                wanted = f"a fact that holds: it was replaced by {row.by[:NAME_BYTES].hex()}"
                raise FactFault(one.line, "replaces", one.replaces, wanted)
            if row.kind == WITHDRAWAL or one.kind not in {row.kind, WITHDRAWAL}:
                wanted = f"a fact of kind {one.kind}, where this one is of kind {row.kind}"
                raise FactFault(one.line, "replaces", one.replaces, wanted)
            return int(row.id)
    wanted = "a fact of this patient, as `vitalpost-backend facts list` names it"
    raise FactFault(one.line, "replaces", one.replaces, wanted)


def digest_of(*told: object) -> bytes:
    """What a fact is known by: patient, kind, body, actor, cause, and what it replaces."""
    return sha256(msgspec.json.encode(told, order="sorted")).digest()


def _decode(number: int, line: bytes) -> object:
    try:
        return msgspec.json.decode(line)
    except (ValueError, RecursionError) as error:
        raise FactFault(number, "", str(error), "one JSON object") from error


def _refuse(faults: list[FactFault]) -> None:
    if faults:
        raise FactsRefused(faults[:FAULTS], len(faults))

"""The files of a package, made from a ledger: the same ledger and cover give the same bytes.

What a person reads is made from the same values as what a machine compares. Nothing here asks what
time it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, select

from backend import tables
from backend.billing.facts import Reading
from backend.billing.rule_sets import RuleSets
from backend.billing.verdict import Verdict, judge_every_way
from backend.enrolment.membership import load_sign_keys
from backend.epochs import Opener
from backend.evidence_package.asked import Asked, Judging
from backend.evidence_package.excerpt import Cutter, Excerpt, Told
from backend.evidence_package.lines import (
    AbsentLine,
    DataKeyLine,
    HubLine,
    RecordLine,
    RuleSetEntry,
    SignedLine,
    encode_lines,
)
from backend.evidence_package.listing import list_days, list_devices, list_readings
from backend.evidence_package.page import draw_page
from backend.evidence_package.people import load_people
from backend.evidence_package.rows import as_document, as_lines, spell
from backend.evidence_package.scope import find_hull, select_readings
from backend.evidence_package.standing import Statements, load_statements, tell_completeness
from backend.evidence_package.stated import load_stated_rows
from backend.ranges import Range
from backend.utc import as_ms

README = b"""Evidence for one period of remote monitoring of one patient.

Open evidence.html to read it. It holds patient data, and the keys that open its sealed records:
guard it like the ledger. manifest.json names every file with its SHA-256.
To have a machine check all of it: vitalpost-backend verify FILE.zip (docs/evidence.md).
"""


class Source(NamedTuple):
    """Where a package comes from; `told` is what an excerpt was told of records not in it."""

    connection: Connection
    opener: Opener
    judging: Judging
    told: Told = Told()


class Made(NamedTuple):
    """The files of a package, and the verdict that they bear out."""

    files: dict[str, bytes]
    verdict: Verdict


def make_package(source: Source, asked: Asked) -> Made:
    """Ask the ledger, and tell what it answers from what.

    Raises PatientUnknown, EpisodeUnknown.
    """
    connection, judging = source.connection, source.judging
    facts, looked = judging.load(connection, asked)
    rule_sets = judging.load_rule_sets(connection, asked)
    verdict = judge_every_way(facts, asked.question, asked.policy, rule_sets)
    readings = select_readings(facts, looked)
    names = {name for reading in readings if (name := _as_name(reading))}
    people = load_people(connection, asked.patient, names)
    cutter = Cutter(connection, source.opener, people, asked, source.told)
    hull = find_hull(verdict)
    excerpt = cutter.cut(names, (as_ms(hull[0]), as_ms(hull[1])) if hull else None)
    statements = load_statements(connection, excerpt, asked.as_of_ms)
    told = {
        "cover": spell(asked),
        "verdict": spell(_tell_verdict(verdict)),
        "facts": spell(msgspec.structs.replace(facts, readings=())),
        "days": list_days(verdict, readings),
        "readings": list_readings(connection, verdict, readings, excerpt, asked.as_of_ms),
        "devices": list_devices(people.device, excerpt),
        "completeness": spell(
            list(tell_completeness(connection, excerpt, statements, source.told))
        ),
        "stated": {
            table.name: spell(load_stated_rows(connection, table, asked, looked))
            for table in judging.tables
        },
    }
    files = {
        "readme.txt": README,
        "evidence.html": draw_page(told),
        "rule_sets.json": _tell_rule_sets(rule_sets, verdict),
        **{f"{name}.json": as_document(told[name]) for name in _DOCUMENTS},
        "readings.jsonl": as_lines(told["readings"]),
        "excluded.jsonl": as_lines(_exclude(told["readings"])),
        **{f"stated/{name}.jsonl": as_lines(rows) for name, rows in told["stated"].items()},
        **{f"ledger/{name}.jsonl": as_lines(rows) for name, rows in people._asdict().items()},
        **_seal_files(connection, excerpt, statements, source.told),
    }
    return Made(files, verdict)


_DOCUMENTS = ("cover", "verdict", "facts", "days", "devices", "completeness")


def _tell_verdict(verdict: Verdict) -> dict[str, Any]:
    """The verdict but for the readings, which have files of their own."""
    said = msgspec.structs.asdict(verdict)
    del said["counted"], said["excluded"]
    return said | {"qualifying_days": len(verdict.days)}


def _tell_rule_sets(rule_sets: RuleSets, verdict: Verdict) -> bytes:
    """Every set that is signed, whole: those that the verdict names, and what it chose from."""
    entries = [RuleSetEntry(of.hash, of.id in verdict.rule_sets, of) for of in rule_sets.sets]
    return msgspec.json.format(msgspec.json.encode(entries, order="sorted"), indent=1) + b"\n"


def _exclude(readings: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in readings:
        if one["reason"]:
            names = ("identity", "device", "measured", "received", "reason", "why")
            yield {name: one[name] for name in names}


def _seal_files(
    connection: Connection, excerpt: Excerpt, statements: Statements, told: Told
) -> dict[str, bytes]:
    """The sealed records, what opens them and what hubs signed."""
    refused = {kid: ranges for kid, ranges in told.refused.items() if kid in excerpt.stored}
    lines: dict[str, Sequence[msgspec.Struct]] = {
        "hubs": [_tell_hub(connection, name) for name in excerpt.hubs],
        "key_records": [SignedLine(r.hub, r.key_record, r.received_ms) for r in excerpt.epochs],
        "data_keys": [DataKeyLine(kid.hex(), key) for kid, key in sorted(excerpt.keys.items())],
        "records": [
            RecordLine(of.epoch.kid.hex(), of.sequence, of.received_ms, of.sealed)
            for of in excerpt.records
        ],
        "checkpoints": [SignedLine(*_signed(row)) for row in statements.checkpoints],
        "gone": [SignedLine(*of) for of in dict.fromkeys(map(_signed, statements.gone))],
        "absent": [
            AbsentLine(kid.hex(), why, tuple(ranges))
            for why, of in _absent(excerpt, refused)
            for kid, ranges in sorted(of.items())
        ],
    }
    return {f"sealed/{name}.jsonl": encode_lines(of) for name, of in lines.items()}


def _absent(
    excerpt: Excerpt, refused: Mapping[bytes, Sequence[Range]]
) -> Iterator[tuple[Literal["withheld", "refused"], Mapping[bytes, Sequence[Range]]]]:
    yield "withheld", excerpt.withheld
    yield "refused", refused


def _signed(row: Row[Any]) -> tuple[str, bytes, int]:
    return row.hub, row.signed, row.received_ms


def _tell_hub(connection: Connection, name: str) -> HubLine:
    row = connection.execute(select(tables.hub).where(tables.hub.c.id == name)).one()
    keys = load_sign_keys(connection, name)
    return HubLine(name, keys, row.enrolled_ms, row.retired_ms, row.revoked_ms)


def _as_name(reading: Reading) -> bytes | None:
    """The reading_id; none of what people typed, which is no record."""
    try:
        return bytes.fromhex(reading.identity)
    except ValueError:
        return None

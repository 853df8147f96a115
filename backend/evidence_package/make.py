"""Making a package: asked, made, and checked from its own bytes before anybody gets it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, get_args

import msgspec
from sqlalchemy import Connection, func, select

from backend import tables
from backend.billing.verdict import Verdict, judge
from backend.errors import EvidenceRefused, PackageUnusable
from backend.evidence_package.archive import make_manifest, name_package, pack
from backend.evidence_package.asked import Asked, Judging, Scope
from backend.evidence_package.check import check_files
from backend.evidence_package.contents import Source, make_package
from backend.evidence_package.excerpt import load_refused
from backend.evidence_package.scope import find_hull
from backend.utc import as_instant
from drivers.spi import Driver


class Package(NamedTuple):
    """A package by its name, what it was asked, and what was found."""

    asked: Asked
    verdict: Verdict
    name: str
    data: bytes


def make_evidence(source: Source, asked: Asked, drivers: Mapping[str, Driver]) -> Package:
    """The package. Raises EvidenceRefused where it does not bear its own verdict out.

    It holds the readings that bear on the period; where these alone give another verdict, all of
    the episode.
    """
    told = source.told._replace(refused=load_refused(source.connection))
    problems: Sequence[str] = ()
    for scope in get_args(Scope):
        tried = msgspec.structs.replace(asked, scope=scope)
        made = make_package(source._replace(told=told), tried)
        problems = _check(made.files, source.judging, drivers)
        if not problems:
            name = name_package(make_manifest(made.files))
            return Package(tried, made.verdict, name, pack(made.files))
    raise EvidenceRefused(f"the package does not give itself again: {problems[0]}")


def _check(
    files: Mapping[str, bytes], judging: Judging, drivers: Mapping[str, Driver]
) -> Sequence[str]:
    try:
        return check_files(Path("package"), files, judging, drivers).problems
    except PackageUnusable as error:
        return [error.what]


def find_as_of(source: Source, asked: Asked, now_ms: int) -> datetime:
    """When the last became known of what a package tells: asked later, the answer is the same.

    That is the end of the period or of the month, or what came last, but never later than now.
    """
    now = as_instant(now_ms)
    asked = msgspec.structs.replace(asked, as_of=now)
    facts = source.judging.load(source.connection, asked).facts
    rule_sets = source.judging.load_rule_sets(source.connection, asked)
    hull = find_hull(judge(facts, asked.question, asked.policy, rule_sets))
    known = as_instant(_find_newest(source.connection, asked.patient))
    return min(now, max(known, hull[1])) if hull else min(now, known)


def _find_newest(connection: Connection, patient: str) -> int:
    """When the newest record of the patient's devices came, or the newest statement was made."""
    own = select(tables.assignment.c.device).where(tables.assignment.c.patient == patient)
    came = (
        select(func.max(tables.judgement.c.at_ms))
        .join(tables.reading, tables.reading.c.id == tables.judgement.c.reading)
        .where(tables.reading.c.device.in_(own))
    )
    stated = select(func.max(tables.fact.c.at_ms)).where(tables.fact.c.patient == patient)
    return max(connection.scalar(came) or 0, connection.scalar(stated) or 0)

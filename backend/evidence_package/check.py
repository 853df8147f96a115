"""Is a package right? Its ledger is made anew, asked the same, and every file compared.

A package that is right gives itself again, byte by byte. Whatever was changed in it, by chance or
on purpose and with a manifest made to fit, shows as a signature that does not hold, a record that
does not open, or a file that tells something else than what it is made from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from backend.billing.published import PUBLISHED
from backend.billing.verdict import Verdict
from backend.errors import BackendError, LedgerUnusable, PackageUnusable
from backend.evidence_package.asked import Asked, Judging
from backend.evidence_package.contents import Source, make_package
from backend.evidence_package.parts import Parts, read_parts
from backend.evidence_package.refill import Refill
from backend.ledger import Ledger
from backend.proving.facts import find_changed_facts
from backend.reading_names import ReadingNames
from drivers.spi import Driver
from uplink.keys import X25519, OpeningKey

_SHOWN = 60
# What a value can raise that is of the right type and of no sense: a zone, a kind, a date.
_UNUSABLE = (
    SQLAlchemyError,
    msgspec.MsgspecError,
    LookupError,
    ValueError,
    TypeError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    RecursionError,
)


class Checked(NamedTuple):
    """What is in a package, and what is wrong with it; the verdict as it was made again, if any."""

    asked: Asked
    verdict: Verdict | None
    records: int
    problems: Sequence[str]


def check_files(
    path: Path, files: Mapping[str, bytes], judging: Judging, drivers: Mapping[str, Driver]
) -> Checked:
    """Make everything again. Raises PackageUnusable where there is nothing to make it from."""
    parts = read_parts(path, files, judging)
    problems = list(_find_foreign_rules(parts))
    verdict = None
    with TemporaryDirectory() as folder:
        key = OpeningKey.generate(X25519)  # of this ledger, for as long as it lasts
        ledger = Ledger(Path(folder) / "ledger.db", ReadingNames(lambda: [key]), create=True)
        try:
            with ledger.writing() as connection:
                refill = Refill(connection, parts, judging, drivers)
                refill.fill()
                problems += refill.problems
                problems += find_changed_facts(connection)
                source = Source(connection, refill.opener, judging, parts.told)
                made = make_package(source, parts.asked)
        except LedgerUnusable as error:
            what = str(error).removeprefix(f"{ledger.path}: ")
            raise PackageUnusable(path, f"no ledger can be made of it: {what}") from error
        except _UNUSABLE as error:
            raise PackageUnusable(path, f"no ledger can be made of it: {error}") from error
        except BackendError as error:
            problems.append(str(error))
        else:
            verdict = made.verdict
            problems += _compare(files, made.files)
        finally:
            ledger.close()
    return Checked(parts.asked, verdict, len(parts.records), problems)


def _find_foreign_rules(parts: Parts) -> Iterator[str]:
    """Rule sets whose hash is not theirs, or that are not what this version publishes."""
    published = {one.id: one for one in PUBLISHED.sets}
    for entry in parts.rule_sets:
        one = entry.set
        if entry.hash != one.hash:
            yield f"rule set {one.id}: it does not have the hash that the package names"
        ours = published.get(one.id)
        if ours and ours.version == one.version and ours.hash != one.hash:
            yield f"rule set {one.id}: version {one.version} is not the one that was published"


def _compare(said: Mapping[str, bytes], made: Mapping[str, bytes]) -> Iterator[str]:
    """Each file that is not what the package itself gives, by its first line that differs."""
    for name in sorted(said.keys() | made.keys()):
        if name not in said:
            yield f"{name} is missing"
        elif name not in made:
            yield f"{name} belongs to no package"
        elif said[name] != made[name]:
            yield f"{name}, {_find_line(said[name], made[name])}"


def _find_line(said: bytes, made: bytes) -> str:
    lines = (said.splitlines(), made.splitlines())
    for number, (found, wanted) in enumerate(zip(*lines, strict=False), 1):
        if found != wanted:
            at = next((n for n, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b), 0)
            since = max(0, at - _SHOWN // 2)
            texts = [of[since : since + _SHOWN].decode(errors="replace") for of in (found, wanted)]
            return f"line {number}: it says {texts[0]!a}, made again it is {texts[1]!a}"
    return f"it has {len(lines[0])} lines, made again {len(lines[1])}"

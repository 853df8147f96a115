"""From what each part wrote down to the steps of one history.

A journal is JSON lines, appended to by any number of processes: {"by", "did", "records": {kid:
[[first, last], …]}} and more of a Step; whoever conducts a run writes the kills into it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulator.history import Step

OFFICE = "office"


def note(path: Path, by: str, did: str, **facts: Any) -> None:
    """Write a step that a process of the product cannot write itself."""
    with path.open("a") as journal:
        journal.write(json.dumps({"by": by, "did": did, **facts}) + "\n")


def read(path: Path) -> Iterator[Step]:
    """The steps of a journal, in order. What is cut off at its end was not done."""
    with path.open() as journal:
        for line in journal:
            if line.endswith("\n"):
                found = json.loads(line)
                found.pop("at_ms", None)
                yield Step(**found)


def ask_ledger(verified: dict[str, Any], *calendars: dict[str, Any]) -> Iterator[Step]:
    """What the office's `verify`, and its `days` of each patient, say is stored, counted, held."""
    yield Step(OFFICE, "stored", verified["stored"], verified["reading_ids"])
    for found in calendars:
        for day in found["days"]:
            yield Step(OFFICE, "counted", readings=day["reading_ids"], day=day["date"])
        yield Step(OFFICE, "held", readings=[one["reading"] for one in found["held"]])

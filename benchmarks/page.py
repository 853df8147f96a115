"""docs/performance.md, as the last whole run left it."""

from __future__ import annotations

from pathlib import Path

END = "## What the lines mean"
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
HEAD = """\
# What it costs

`make bench` measures every line below and writes this page ({machine}, two cores, shared and
noisy: read the ratios, which stand in brackets, ours / peer). All are measured in one run, one
behind the other. The reading is a cuff's, with its raw frame and four observations; the JSON peer
carries the same content ([readings.py](../benchmarks/readings.py)). Budgets are those of the
design.

"""


def write_page(table: str, machine: str) -> None:
    """Put the table into the page, whose words below it are kept."""
    page = PAGE.read_text() if PAGE.exists() else ""
    kept = page.partition(END)[2]
    PAGE.write_text(HEAD.format(machine=machine) + table + "\n\n" + END + kept)

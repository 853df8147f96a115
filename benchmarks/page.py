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


DECODING = """\
## Decoding

Golden frames of each driver, run through whole sessions on one core; beside it
[bluetooth-sig](https://pypi.org/project/bluetooth-sig/) 0.6.0, which has no sessions, on those that
it knows. The second table holds its values against those of the golden files, each of which names
its source; shown is the first that differs.

"""


def write_page(table: str, decoding: str, machine: str) -> None:
    """Put the tables into the page, whose words below them are kept."""
    page = PAGE.read_text() if PAGE.exists() else ""
    kept = page.partition(END)[2]
    parts = (HEAD.format(machine=machine) + table, DECODING + decoding, END + kept)
    PAGE.write_text("\n\n".join(parts))

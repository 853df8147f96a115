"""`python -m benchmarks [ROW …]`: measure, print the table, write docs/performance.md.

With no row named all are measured, and only then the page is written.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from benchmarks.claim import Claim, table
from benchmarks.page import write_page

ROWS = (
    "opening",
    "billing",
    "live",
    "drain",
    "slow_link",
    "lone",
    "flash",
    "capacity",
    "idle",
    "memory",
    "silence",
    "sandbox",
    "losses",
)
PEER = "thingsboard"
DECODING = "decode"
ALL = (*ROWS, PEER, DECODING)


def main() -> int:
    """Measure row by row; 1 where one could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "row", nargs="*", choices=[*ROWS, PEER, DECODING, []], help="all where none is named"
    )
    rows = parser.parse_args().row or (*ROWS, PEER, DECODING)
    claims: list[Claim] = []
    thingsboard: dict[str, float] = {}
    decoding = ""
    broken = []
    began = time.monotonic()
    for row in rows:
        print(f"measuring {row}", file=sys.stderr, flush=True)
        try:
            with tempfile.TemporaryDirectory(prefix="vitalpost-bench-", dir=_disk()) as folder:
                measure = import_module(f"benchmarks.{row}").measure
                found = asyncio.run(measure(Path(folder) / "site"))
                if row == PEER:
                    thingsboard = found
                elif row == DECODING:
                    decoding = found
                else:
                    claims += found
        except (RuntimeError, TimeoutError, OSError) as error:
            broken.append(row)
            print(f"{row} could not be measured: {error}", file=sys.stderr)
    if claims:
        print(table(claims, thingsboard))
    print(decoding)
    held = sum(claim.is_held for claim in claims)
    print(f"\n{held} of {len(claims)} budgets held, in {time.monotonic() - began:.0f} s")
    if rows == ALL and not broken:
        machine = f"{platform.machine()}, Python {platform.python_version()}"
        write_page(table(claims, thingsboard), decoding, machine)
    return 1 if broken else 0


def _disk() -> str:
    """A folder that is no tmpfs: what is written there is what flash would see."""
    return "/var/tmp"


if __name__ == "__main__":
    sys.exit(main())

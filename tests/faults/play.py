"""One scenario, played to its end, and its line in the table."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import time
from pathlib import Path

from tests.faults.run import Result, Run
from tests.faults.scenarios import SCENARIOS

COLUMNS = ("injected", "readings", "stored", "lost", "twice")


def import_from(plugin: Path) -> None:
    """Have the scenarios' own driver and radio installed, in this process."""
    sys.path.insert(0, str(plugin))


def play(name: str, args: argparse.Namespace, folder: Path) -> Result:
    """Run one scenario in a process of its own and print its line."""
    place = folder / name
    place.mkdir()
    began = time.monotonic()
    run = Run(args.seed, random.Random(f"{args.seed} {name}"), place, is_quick=args.quick)
    try:
        result = asyncio.run(SCENARIOS[name](run))
    except Exception as fault:  # noqa: BLE001  the other scenarios still count
        result = Result(violation=f"{type(fault).__name__}: {fault}")
    complaint = ""
    if result.violation:
        short = " --quick" if args.quick else ""
        again = f"python -m tests.faults --seed {args.seed} --scenario {name}{short} --keep"
        complaint = f"\n  VIOLATION: {result.violation}\n  again: {again}"
    elif not args.keep:
        shutil.rmtree(place)
    tell(name, result, time.monotonic() - began, complaint)
    return result


def tell(name: str, result: Result, elapsed_s: float, complaint: str = "") -> None:
    """One line of the table, and what does not hold."""
    numbers = "".join(f"{getattr(result, column):>10}" for column in COLUMNS)
    say(f"{name:<16}{numbers}  {elapsed_s:5.0f} s  {result.note}{complaint}")


def say(line: str) -> None:
    """Print it, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

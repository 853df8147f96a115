"""`python -m tests.faults [--seed N] [--scenario NAME] [--quick] [--keep]`: faults, counted.

Every scenario injects faults into real processes, or into the real code on a virtual clock, and
ends in the history model. A run is one seed: it decides the plan, though not how the machine's
processes interleave. What a violation left behind is kept, and the command to run it again printed.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import time
from pathlib import Path

from simulator.demo import folder_on_disk
from tests.faults.rig import write_plugin
from tests.faults.run import Result, Run
from tests.faults.scenarios import SCENARIOS

COLUMNS = ("injected", "readings", "stored", "lost", "twice")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="else all of them")
    parser.add_argument("--quick", action="store_true", help="the short form of each")
    parser.add_argument("--keep", action="store_true", help="keep what every part wrote")
    args = parser.parse_args()
    folder = folder_on_disk("vitalpost-faults-")
    write_plugin(folder / "plugin")
    sys.path.insert(0, str(folder / "plugin"))
    say(f"seed {args.seed}, {'short' if args.quick else 'long'} form")
    say(f"{'':<16}" + "".join(f"{name:>10}" for name in COLUMNS))
    began = time.monotonic()
    results = [play(name, args, folder) for name in args.scenario or SCENARIOS]
    tell("total", sum(results, Result()), time.monotonic() - began)
    bad = [result for result in results if result.violation]
    if args.keep or bad:
        say(f"What every part wrote is in {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if bad else 0


def play(name: str, args: argparse.Namespace, folder: Path) -> Result:
    """Run one scenario and print its line."""
    place = folder / name
    place.mkdir()
    began = time.monotonic()
    run = Run(args.seed, random.Random(f"{args.seed} {name}"), place, is_quick=args.quick)
    try:
        result = asyncio.run(SCENARIOS[name](run))
    except Exception as fault:  # noqa: BLE001  the other scenarios still count
        result = Result(violation=f"{type(fault).__name__}: {fault}")
    tell(name, result, time.monotonic() - began)
    if result.violation:
        short = " --quick" if args.quick else ""
        say(f"  VIOLATION: {result.violation}")
        say(f"  again: python -m tests.faults --seed {args.seed} --scenario {name}{short} --keep")
    elif not args.keep:
        shutil.rmtree(place)
    return result


def tell(name: str, result: Result, elapsed_s: float) -> None:
    """One line of the table."""
    numbers = "".join(f"{getattr(result, column):>10}" for column in COLUMNS)
    say(f"{name:<16}{numbers}  {elapsed_s:5.0f} s  {result.note}")


def say(line: str) -> None:
    """Print it, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

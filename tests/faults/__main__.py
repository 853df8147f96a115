"""`python -m tests.faults [--seed N] [--scenario NAME] [--quick] [--keep]`: faults, counted.

Every scenario injects faults into real processes, or into the real code on a virtual clock, and
ends in the history model. A run is one seed: it decides the plan, though not how the machine's
processes interleave. What a violation left behind is kept, and the command to run it again printed.
Two run at a time, each in a process of its own: most of them wait more than they work.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from simulator.demo import folder_on_disk
from tests.faults.play import COLUMNS, import_from, play, say, tell
from tests.faults.rig import write_plugin
from tests.faults.run import Result
from tests.faults.scenarios import SCENARIOS

LANES = 2


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="else all of them")
    parser.add_argument("--quick", action="store_true", help="the short form of each")
    parser.add_argument("--keep", action="store_true", help="keep what every part wrote")
    args = parser.parse_args()
    folder = folder_on_disk("vitalpost-faults-")
    plugin = folder / "plugin"
    write_plugin(plugin)
    say(f"seed {args.seed}, {'short' if args.quick else 'long'} form")
    say(f"{'':<16}" + "".join(f"{name:>10}" for name in COLUMNS))
    began = time.monotonic()
    with ProcessPoolExecutor(
        LANES,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=import_from,
        initargs=(plugin,),
    ) as lanes:
        one = partial(play, args=args, folder=folder)
        results = list(lanes.map(one, args.scenario or SCENARIOS))
    tell("total", sum(results, Result()), time.monotonic() - began)
    bad = [result for result in results if result.violation]
    if args.keep or bad:
        say(f"What every part wrote is in {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

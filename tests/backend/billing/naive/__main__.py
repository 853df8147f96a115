"""`python -m tests.backend.billing.naive`: histories by chance, judged twice.

Prints how many of each family were judged, and the first disagreement, made small.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from .compare import disagree, minimise
from .histories import History


def main():
    """0 where the two agree on all, 1 where they do not."""
    parser = argparse.ArgumentParser(prog="python -m tests.backend.billing.naive")
    parser.add_argument("--count", type=int, default=10_000, help="how many histories")
    parser.add_argument("--seed", type=int, default=0, help="the first history's")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    seeds = range(asked.seed, asked.seed + asked.count)
    families, wrong = Counter(), []
    with ProcessPoolExecutor(asked.jobs) as pool:
        for seed, found, differs in pool.map(judge_seed, seeds, chunksize=50):
            families.update(found)
            wrong += [seed] if differs else []
    for family, count in sorted(families.items()):
        print(f"{count:6} {family}")
    print(f"{asked.count:6} histories, {len(wrong)} disagreements")
    if wrong:
        history = History(wrong[0])
        case, policy = minimise(history.case, history.policy)
        print(f"seed {wrong[0]}, policy {policy}:")
        print(json.dumps(case, indent=1))
        for key, (rules, naive) in disagree(case, policy).items():
            print(f"{key}: the rules say {rules}, the naive model {naive}")
        print("all seeds:", *wrong[:50])
    return 1 if wrong else 0


def judge_seed(seed):
    """The families of a history, and whether the two disagree on it."""
    history = History(seed)
    return seed, history.families, bool(disagree(history.case, history.policy))


if __name__ == "__main__":
    sys.exit(main())

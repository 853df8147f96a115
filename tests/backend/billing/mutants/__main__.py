"""`python -m tests.backend.billing.mutants [MODULE …]`: every change tried, and what survives.

Prints each survivor with its place, and the score: killed, of those that change a verdict at all.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.backend.billing.naive.histories import History
from tests.backend.billing.naive.judge import judge

from .changes import every_change
from .trial import HERE, RULES, compile_rules, is_killed

ROOT = HERE.parent.parent.parent
MODULES = (
    *("zones", "periods", "intervals", "sieve", "sifting", "situation"),
    *("supply", "management", "eligibility", "rule_sets", "verdict", "published"),
)
TIMEOUT_S = 120
FORK = multiprocessing.get_context("fork")


def main():
    """0 where nothing survives but what is listed as equal."""
    parser = argparse.ArgumentParser(prog="python -m tests.backend.billing.mutants")
    parser.add_argument("module", nargs="*", choices=[*MODULES, []], help="all where none is named")
    parser.add_argument("--histories", type=int, default=1500)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    known = what_is_known(asked.histories)
    equal = equivalents()
    began, total, survivors, same, stale = time.monotonic(), 0, [], 0, []
    codes = compile_rules()
    with ThreadPoolExecutor(asked.jobs) as pool:
        if pool.submit(_in_a_process, (codes, known)).result():
            sys.exit(
                "The rules fail unchanged: `python -m tests.backend.billing.naive` says where."
            )
        for name in asked.module or MODULES:
            path = RULES / f"{name}.py"
            source = path.read_text()
            every = [(key(name, one, source), one) for one in every_change(source)]
            changes = [one for named, one in every if named not in equal]
            same += len(every) - len(changes)
            stale += sorted(
                {one for one in equal if one[0] == name} - {named for named, _ in every}
            )
            trials = [
                (codes | {f"backend.billing.{name}": compile(one.tree, str(path), "exec")}, known)
                for one in changes
            ]
            for change, killed in zip(changes, pool.map(_in_a_process, trials), strict=True):
                total += 1
                if not killed:
                    survivors.append(change)
                    place = f"{path.relative_to(ROOT)}:{change.line}"
                    print(f"{place}: {change.was!r} -> {change.now!r}", flush=True)
            print(f"{name}: {len(changes)} changes", file=sys.stderr, flush=True)
    killed = total - len(survivors)
    print(f"{killed} of {total} killed ({killed / max(total, 1):.1%}); {same} more change nothing")
    for named in stale:
        print(f"equivalent.toml names a change that is none: {named}")
    print(f"in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return 1 if survivors or stale else 0


def what_is_known(histories):
    """(case, policy, answer) of every case and of so many histories, by the naive model."""
    cases = json.loads((HERE / "cases.json").read_text())["cases"]
    known = [(case, {}, case["expected"]) for case in cases]
    others = [(case, one["option"]) for case in cases for one in case.get("alternatives", ())]
    known += [(case, option, judge(case, option)) for case, option in others]
    for seed in range(histories):
        history = History(seed)
        known.append((history.case, history.policy, judge(history.case, history.policy)))
    return known


def equivalents():
    """The changes that no input can tell from the original, each with its reason on file."""
    listed = tomllib.loads((Path(__file__).parent / "equivalent.toml").read_text())
    return {
        (one["module"], one["line"], one["was"], one["now"])
        for one in listed.get("change", ())
        if one["reason"]
    }


def key(name, change, source):
    """What names a change for good: the text of its line, and not the number."""
    return name, source.splitlines()[change.line - 1].strip(), change.was, change.now


def _in_a_process(trial):
    process = FORK.Process(target=_try, args=trial, daemon=True)
    process.start()
    process.join(TIMEOUT_S)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode != 0


def _try(codes, known):
    # Nothing of the parent's is to be wound up: it was forked from one of its threads.
    os._exit(1 if is_killed(codes, known) else 0)


if __name__ == "__main__":
    sys.exit(main())

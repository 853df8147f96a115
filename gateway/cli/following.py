"""A job of the running hub, followed until it ends: what is told of it, and what it asks."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from gateway.cli import EXIT_PROBLEM
from gateway.control.client import ask
from gateway.kinds import KINDS
from gateway.sentences import (
    DELIVERED,
    HOLD_ANY,
    HOLD_BUTTON,
    IS_ON_LABEL,
    SAME_NUMBERS,
    SAVED,
    TAKE_READING,
)
from gateway.settings import ControlSettings

POLL_S = 0.3
ENDED = ("done", "failed")
NO_TERMINAL = "Nobody is here to confirm it: say --serial as on the label, or --yes."
Job = dict[str, Any]


def follow(control: ControlSettings, begun: Job, *, as_json: bool) -> int:
    """Say on stderr what happens, and on stdout how it ended; 1 where it is not at its end.

    "Delivered" is said of what the office has receipted, and of nothing else.
    """
    told = set[str]()
    job = _tell(begun, told, as_json=as_json)
    while job["stage"] not in ENDED:
        if job["question"]:
            yes = _ask(job["question"]["what"])
            ask(control, "device-confirm", job=job["job"], yes=yes)
        time.sleep(POLL_S)
        job = _tell(ask(control, "device-job", job=job["job"]), told, as_json=as_json)
    error = job["error"]
    if as_json:
        print(json.dumps({name: fact for name, fact in job.items() if name not in ("id", "ok")}))
    elif not error:
        print(_summarise(job))
    if error:
        if job.get("steps", {}).get("gateway_ms"):
            print(*SAVED, sep="\n", file=sys.stderr)
        print(f"{error['what']}\n{error['hint']}", file=sys.stderr)
    return EXIT_PROBLEM if error else 0


def _tell(job: Job, told: set[str], *, as_json: bool) -> Job:
    for line in _words(job):
        if line not in told and not as_json:
            print(line, file=sys.stderr)
            told.add(line)
    return job


def _words(job: Job) -> Iterator[str]:
    if job["stage"] == "looking":
        hold = HOLD_BUTTON if job["noun"] == KINDS["blood-pressure"].noun else HOLD_ANY
        yield f"{hold}   {_clock(job['left_s'])}" if job["left_s"] else hold
    if found := job["found"]:
        yield f"Found a {job['noun']}."
        yield f"Model  {found['model']}"
        yield f"Serial {found['serial'] or 'none'}"
    yield from job["notes"]
    steps = job.get("steps")
    if steps is None:
        return
    yield TAKE_READING
    if steps["measured"]:
        yield "1 Measured      done"
        yield f"2 At gateway    {_at(steps['gateway_ms'])}"
        yield f"{SAME_NUMBERS}  {_numbers(job)}"
        office = steps["office_ms"]
        yield f"3 At office     {_at(office) if office else 'waiting'}"


def _summarise(job: Job) -> str:
    if "steps" not in job:
        return f"{job['name']} added."
    received = _at(job["steps"]["office_ms"])
    return f"{DELIVERED} Received {received}. Record {job['record']}."


def _numbers(job: Job) -> str:
    return " / ".join(value for _, value, _ in job["values"])


def _at(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone().strftime("%H:%M:%S")


def _clock(left_s: int) -> str:
    """Minutes and seconds, told every half minute."""
    return f"{left_s // 60}:{left_s % 60 // 30 * 30:02}"


def _ask(question: str) -> bool:
    if not sys.stdin.isatty():
        print(question, NO_TERMINAL, sep="\n", file=sys.stderr)
        return False
    yes = "Yes, use it" if question == IS_ON_LABEL else "Yes"
    print(f"{question} [y = {yes} / n = No] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().casefold() in ("y", "yes")

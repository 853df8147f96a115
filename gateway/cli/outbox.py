"""`vitalpost outbox`: what waits on flash, whether it is sound, and what is sent once more.

The running hub is asked; while none runs the file is opened here.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import msgspec

from gateway.cli import EXIT_PROBLEM
from gateway.config import DEFAULT_PATH, load_settings
from gateway.control.client import ask
from gateway.control.outbox_answers import Facts, OutboxRequest, answer_for
from gateway.errors import HubNotRunning, NotAllowed
from gateway.requests import decode_request
from gateway.settings import Settings
from gateway.storage import find_outbox, open_outbox
from gateway.words import span

ANSWER_S = 600.0  # reading a whole card again takes its time
ACTIONS = {
    "stats": "what the outbox holds",
    "verify": "read every row and key record again; exit 1 where something is damaged",
    "requeue": "send what is in quarantine once more",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `stats|verify|requeue [--settings FILE] [--json]`, and what to requeue."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, what in ACTIONS.items():
        action = actions.add_parser(name, help=what, description=what)
        action.add_argument("--settings", metavar="FILE", type=Path, default=DEFAULT_PATH)
        action.add_argument("--json", action="store_true", help="print one JSON object")
        if name == "requeue":
            action.add_argument("--kid", metavar="HEX", help="of this epoch only")
            action.add_argument("--sequence", metavar="N", type=int, help="this record of it only")


def run(args: argparse.Namespace) -> int:
    """Do it and print what came out; 1 where something is damaged."""
    settings = load_settings(args.settings)
    do = f"outbox-{args.action}"
    named = {name: getattr(args, name, None) for name in ("kid", "sequence")}
    which = {name: value for name, value in named.items() if value is not None}
    request = decode_request(msgspec.json.encode({"do": do, **which}))
    try:
        answer = ask(settings.control, do, answer_s=ANSWER_S, **which)
    except HubNotRunning as absence:
        answer = asyncio.run(_answer_here(settings, cast(OutboxRequest, request), absence))
    facts = {name: fact for name, fact in answer.items() if name not in ("id", "ok")}
    print(json.dumps(facts) if args.json else "\n".join(describe(facts)))
    is_amiss = facts.get("damaged") or facts.get("is_sound") is False
    return EXIT_PROBLEM if is_amiss else 0


def describe(facts: Facts) -> Iterator[str]:
    """The facts in lines for a person."""
    width = max(map(len, facts))
    for name, fact in facts.items():
        match fact:
            case bool() | None:
                words = {True: "yes", False: "no", None: "none"}[fact]
            case int() if name == "oldest_s":
                words = span(fact)
            case dict():
                words = ", ".join(f"{count} {reason}" for reason, count in fact.items()) or "0"
            case list():
                words = "".join(f"\n    {' '.join(map(str, each.values()))}" for each in fact)
                words = words or "none"
            case _:
                words = str(fact)
        title = name.removeprefix("is_").removesuffix("_s").replace("_", " ")
        yield f"{title.ljust(width)}  {words}"


async def _answer_here(settings: Settings, request: OutboxRequest, absence: HubNotRunning) -> Facts:
    """Open the file, which only its owner may: what another wrote beside it locks the hub out."""
    path = find_outbox(settings)
    try:
        owner = path.stat().st_uid
    except PermissionError as error:
        raise NotAllowed(str(path), "Run it as the hub's user, or start the hub.") from error
    except OSError:
        raise absence from None
    if owner != os.geteuid():
        raise NotAllowed(str(path), f"Run it with `sudo -u '#{owner}'`, or start the hub.")
    outbox = await open_outbox(settings)
    try:
        for loss in outbox.losses:
            kept = f", kept as {loss.kept_as}" if loss.kept_as else ""
            print(f"opened with a loss: {loss.amount} {loss.what}{kept}", file=sys.stderr)
        return await answer_for(outbox, request)
    finally:
        await outbox.close()

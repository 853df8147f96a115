"""`vitalpost-backend hubs`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from backend.completeness.hubs import Hub, Incident, load_hubs, load_incidents
from backend.completeness.rule import Completeness, EpochJudgement, Fate, State
from backend.config import load
from backend.ledger import open_ledger
from backend.utc import as_text

_WORDS = {
    State.RUNNING: "running, last record {last}",
    State.TAIL_UNKNOWN: "whole up to {last}; nobody vouches that nothing followed",
    State.CONFLICT: "a checkpoint says that other records were sealed than those up to {last}",
}
_FATES = {
    Fate.WANTED: "asked for",
    Fate.GONE: "gone: the hub does not have it any more",
    Fate.REFUSED: "refused: what came is never accepted",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare nothing."""
    parser.epilog = (
        "Exits 1 where records lack, contradict a checkpoint, or end with nobody to vouch for the "
        "end, except in the epoch that a hub is in. Times are UTC."
    )


def run(args: argparse.Namespace) -> int:
    """Print the hubs, and what came from nobody who is enrolled."""
    with open_ledger(load(args.settings)).reading() as connection:
        hubs, strangers = load_hubs(connection), load_incidents(connection)
    if args.json:
        print(
            json.dumps(
                {
                    "hubs": [_as_json(hub) for hub in hubs],
                    "strangers": [_incident_as_json(one) for one in strangers],
                }
            )
        )
    else:
        for hub in hubs:
            _print_hub(hub)
        if strangers:
            print("from nobody who is enrolled")
            _print_incidents("  ", strangers)
    return 1 if any(hub.completeness.is_wanting for hub in hubs) else 0


def _print_hub(hub: Hub) -> None:
    found = hub.completeness
    print(f"{hub.id}  {_name_state(found)}  last seen {_time(hub.seen_ms) or 'never'}")
    ends = (("retired", hub.retired_ms), ("revoked", hub.revoked_ms))
    told = [f"{word} {_time(ms)}" for word, ms in ends if ms is not None]
    parked = sum(hub.parked.values())
    print("  " + ", ".join([f"enrolled {_time(hub.enrolled_ms)}", *told]))
    print(f"  {hub.records} records of {len(found.epochs)} epochs, {parked} parked")
    for epoch in found.epochs:
        name = f"epoch {epoch.kid.hex()}"
        if epoch.state in _WORDS:
            print(f"  {name}: {_WORDS[epoch.state].format(last=epoch.last)}")
        if not epoch.has_key_record:
            print(f"  {name}: its key record has not come, nor what lay before it")
        if epoch.goes_on:
            print(f"  {name} goes on behind its end at {epoch.ended}")
        for gap in epoch.gaps:
            which = f"{gap.first} to {gap.last}" if gap.last > gap.first else f"{gap.first}"
            print(f"  {name}: {which} not stored, {_FATES[gap.fate]}")
    for after, kids in found.forks:
        print(f"  forked after epoch {after.hex()}: {', '.join(kid.hex() for kid in kids)}")
    for one, other in found.overlaps:
        print(f"  two machines: epochs {one.hex()} and {other.hex()} went on at the same time")
    _print_incidents("  ", hub.incidents)


def _name_state(found: Completeness) -> str:
    if found.state is State.TAIL_UNKNOWN and not found.is_wanting:
        return "complete so far, and running" if found.running else "nothing has come yet"
    return found.state


def _print_incidents(indent: str, incidents: Sequence[Incident]) -> None:
    for one in incidents:
        print(f"{indent}{one.count} x {one.what}, last {_time(one.last_ms)}: {one.detail}")


def _time(ms: int | None) -> str | None:
    return None if ms is None else as_text(ms)


def _as_json(hub: Hub) -> dict[str, object]:
    found = hub.completeness
    return {
        "hub": hub.id,
        "state": found.state,
        "running": found.running and found.running.kid.hex(),
        "enrolled": _time(hub.enrolled_ms),
        "last_seen": _time(hub.seen_ms),
        "retired": _time(hub.retired_ms),
        "revoked": _time(hub.revoked_ms),
        "records": hub.records,
        "measurements": hub.measurements,
        "gaps": [gap._asdict() | {"kid": gap.kid.hex()} for gap in found.gaps],
        "epochs": [_epoch_as_json(hub, epoch) for epoch in found.epochs],
        "forks": [
            {"after": after.hex(), "epochs": [kid.hex() for kid in kids]}
            for after, kids in found.forks
        ],
        "two_machines": [[kid.hex() for kid in pair] for pair in found.overlaps],
        "parked": sum(hub.parked.values()),
        "refused": hub.refused,
        "incidents": [_incident_as_json(one) for one in hub.incidents],
    }


def _epoch_as_json(hub: Hub, epoch: EpochJudgement) -> dict[str, object]:
    return {
        "kid": epoch.kid.hex(),
        "state": epoch.state,
        "last_sequence": epoch.last,
        "records": epoch.stored,
        "parked": hub.parked.get(epoch.kid, 0),
        "key_record": epoch.has_key_record,
        "ending": epoch.ending and epoch.ending.name.lower(),
        "ended_at": epoch.ended,
    }


def _incident_as_json(one: Incident) -> dict[str, object]:
    return {
        "what": one.what,
        "count": one.count,
        "first": _time(one.first_ms),
        "last": _time(one.last_ms),
        "detail": one.detail,
    }

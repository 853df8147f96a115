"""`vitalpost-backend hubs`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from backend.config import load
from backend.hubs import Hub, Incident, load_hubs, load_incidents
from backend.ledger import Ledger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare nothing."""
    parser.epilog = "An epoch is open until a later one has come; times are UTC."


def run(args: argparse.Namespace) -> int:
    """Print the hubs, and what came from nobody who is enrolled."""
    with Ledger(Path(load(args.settings).ledger.path)).reading() as connection:
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
        return 0
    for hub in hubs:
        print(f"{hub.id}  enrolled {_time(hub.enrolled_ms)}  last seen {_time(hub.seen_ms)}")
        print(f"  {hub.records} records of {hub.epochs} epochs, {hub.parked} parked")
        for kid, last in hub.open_epochs:
            print(f"  open: epoch {kid.hex()}, last sequence {last}")
        _print_incidents("  ", hub.incidents)
    if strangers:
        print("from nobody who is enrolled")
        _print_incidents("  ", strangers)
    return 0


def _print_incidents(indent: str, incidents: Sequence[Incident]) -> None:
    for one in incidents:
        print(f"{indent}{one.count} x {one.what}, last {_time(one.last_ms)}: {one.detail}")


def _time(ms: int | None) -> str | None:
    if ms is None:
        return None
    return datetime.fromtimestamp(ms // 1000, UTC).isoformat().replace("+00:00", "Z")


def _as_json(hub: Hub) -> dict[str, object]:
    return {
        "hub": hub.id,
        "enrolled": _time(hub.enrolled_ms),
        "last_seen": _time(hub.seen_ms),
        "epochs": hub.epochs,
        "records": hub.records,
        "measurements": hub.measurements,
        "open_epochs": [{"kid": kid.hex(), "last_sequence": last} for kid, last in hub.open_epochs],
        "parked": hub.parked,
        "refused": hub.refused,
        "incidents": [_incident_as_json(one) for one in hub.incidents],
    }


def _incident_as_json(one: Incident) -> dict[str, object]:
    return {
        "what": one.what,
        "count": one.count,
        "first": _time(one.first_ms),
        "last": _time(one.last_ms),
        "detail": one.detail,
    }

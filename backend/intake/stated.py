"""What a hub states beside its records, each statement verified and sorted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from backend.incidents import Incidents
from uplink.errors import SealError, UnknownKind, WireError
from uplink.seal import verify_statement
from uplink.statements import Checkpoint, Gone, KeyRecord, Request


@dataclass(slots=True)
class Stated:
    """The statements of one message that are this hub's own, most with their signed bytes."""

    key_records: list[tuple[KeyRecord, bytes]] = field(default_factory=list)
    checkpoints: list[tuple[Checkpoint, bytes]] = field(default_factory=list)
    gone: list[tuple[Gone, bytes]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    @property
    def kids(self) -> set[bytes]:
        """The epochs that checkpoints and what is gone are about."""
        kids = {one.kid for one, _ in self.checkpoints}
        return kids.union(*(one.ranges for one, _ in self.gone))


def read_statements(
    items: Iterable[bytes], hub: str, sign_keys: Sequence[bytes], incidents: Incidents
) -> Stated:
    """The statements that the hub signed with one of its keys; the others are counted."""
    stated = Stated()
    for data in items:
        try:
            statement = verify_statement(data, sign_keys)
        except UnknownKind as error:
            incidents.count("unknown-items", str(error))
            continue
        except (SealError, WireError) as error:
            incidents.count("statement-refused", str(error))
            continue
        if statement.hub != hub:
            incidents.count("statement-of-another-hub", f"it names {statement.hub}")
            continue
        match statement:
            case KeyRecord():
                stated.key_records.append((statement, data))
            case Checkpoint():
                stated.checkpoints.append((statement, data))
            case Gone():
                stated.gone.append((statement, data))
            case Request():
                stated.requests.append(statement)
    return stated

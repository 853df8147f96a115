"""What was enrolled, named as typed facts are named, so that none is lost with a ledger unnoticed.

A hub sends its records again to a ledger that was put back from a copy; who enrolled it since, and
for whom, nobody sends.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, select

from backend.facts_log import Noted, digest_of
from backend.tables import assignment, device, hub, hub_key, patient_zone

ZONE, DEVICE, HUB = "zone", "device-enrolled", "hub-enrolled"


def load_enrolled(
    connection: Connection, by: str = "", noted_ms: int = 0, hub_of: str = ""
) -> Iterator[Noted]:
    """Every zone, device and hub that the ledger has; a hub may be anybody's, or is `hub_of`'s."""

    def noted(patient: str, kind: str, **said: object) -> Noted:
        # A hub is known without its patient: its digest names none.
        digest = digest_of("" if kind == HUB else patient, kind, said)
        return Noted(patient, kind, digest, by, noted_ms)

    for row in connection.execute(select(patient_zone)):
        yield noted(row.patient, ZONE, zone=row.zone, since=row.from_date.isoformat())
    for row in connection.execute(select(assignment, device.c.identity).join(device)):
        since = row.from_date.isoformat()
        device_id = row.identity.hex()
        yield noted(row.patient, DEVICE, device=device_id, slot=row.slot, since=since)
    first = select(hub.c.id, hub.c.sign_key)
    for name, key in connection.execute(first.union(select(hub_key.c.hub, hub_key.c.sign_key))):
        yield noted(hub_of, HUB, hub=name, key=key.hex())

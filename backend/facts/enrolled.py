"""What was enrolled or ended, named as typed facts are, so that none is lost unnoticed.

A hub sends its records again to a ledger that was put back from a copy; who enrolled, retired or
revoked it since, and for whom, nobody sends.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, select

from backend.facts.log import Noted, digest_of
from backend.tables import assignment, device, hub, hub_end, hub_key, patient_zone

ZONE, DEVICE, HUB = "zone", "device-enrolled", "hub-enrolled"
HUB_ENDED = "hub-"  # retired or revoked


def load_enrolled(
    connection: Connection, by: str = "", noted_ms: int = 0, hub_of: str = ""
) -> Iterator[Noted]:
    """Every zone, device, hub and end of one that the ledger has.

    A hub may be anybody's, or is `hub_of`'s; since when it has ended is no part of the name.
    """

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
    for name, what in connection.execute(select(hub_end.c.hub, hub_end.c.what).distinct()):
        yield noted("", f"{HUB_ENDED}{what}", hub=name)

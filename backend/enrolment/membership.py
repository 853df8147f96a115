"""Which hubs belong to the office, by which keys, and since when one no longer does.

That a hub ended is a fact with an instant and a cause, added and never taken back. *Retired*: what
it sealed before may still come. *Revoked*: nothing more is taken of it, and its certificates are
refused by the broker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from backend.errors import HubUnknown
from backend.tables import hub, hub_certificate, hub_end, hub_key
from uplink.records import Stamp

RETIRED = "retired"
REVOKED = "revoked"

# Made once: they are asked for each message.
_MEMBER = select(hub).where(hub.c.id == bindparam("name"))
_FIRST_KEY = select(hub.c.sign_key).where(hub.c.id == bindparam("name"))
_LATER_KEYS = (
    select(hub_key.c.sign_key)
    .where(hub_key.c.hub == bindparam("name"))
    .order_by(hub_key.c.added_ms)
)


@dataclass(frozen=True, slots=True)
class Member:
    """A hub as the ledger knows it; `receipt_keys` are ids of those it says it believes."""

    hub: str
    sign_keys: tuple[bytes, ...]
    certificate: str = ""
    receipt_keys: tuple[bytes, ...] = ()
    retired_ms: int | None = None
    revoked_ms: int | None = None

    def is_refused(self, stamp: Stamp) -> bool:
        """Whether a record was certainly made after the hub retired, by its own trusted clock."""
        if self.retired_ms is None or not stamp.quality:
            return False
        return stamp.utc_ms - (1 << stamp.quality) > self.retired_ms


def load_member(connection: Connection, name: str) -> Member | None:
    """The hub of that name, revoked or not; None where none was ever enrolled."""
    row = connection.execute(_MEMBER, {"name": name}).one_or_none()
    if row is None:
        return None
    ids = row.receipt_keys or b""
    return Member(
        name,
        load_sign_keys(connection, name),
        row.certificate,
        tuple(ids[at : at + 8] for at in range(0, len(ids), 8)),
        row.retired_ms,
        row.revoked_ms,
    )


def load_sign_keys(connection: Connection, name: str) -> tuple[bytes, ...]:
    """The keys by which the hub signs or signed: what it sealed under an old one stays its own."""
    of = {"name": name}
    return (*connection.scalars(_FIRST_KEY, of), *connection.scalars(_LATER_KEYS, of))


def note_receipt_keys(connection: Connection, member: Member, ids: tuple[bytes, ...]) -> None:
    """The hub says by which keys it believes receipts."""
    if ids != member.receipt_keys:
        said = {"receipt_keys": b"".join(ids)}
        connection.execute(update(hub).where(hub.c.id == member.hub).values(said))


class End(NamedTuple):
    """`what`: retired or revoked, as of an instant, for a cause in the office's words."""

    what: str
    from_ms: int
    why: str


def end_hub(connection: Connection, name: str, end: End, now_ms: int) -> None:
    """Enter that a hub has ended. Raises HubUnknown.

    A later retirement moves the instant; a revocation is the end.
    """
    member = load_member(connection, name)
    if member is None:
        raise HubUnknown(name)
    if end.what == REVOKED and member.revoked_ms is not None:
        return
    row = {"hub": name, "entered_ms": now_ms} | end._asdict()
    connection.execute(insert(hub_end).values(row))
    holds = {f"{end.what}_ms": end.from_ms}
    connection.execute(update(hub).where(hub.c.id == name).values(holds))


def load_revoked_certificates(connection: Connection) -> list[str]:
    """Every certificate, in PEM, that a revoked hub was ever given."""
    is_revoked = hub.c.revoked_ms.is_not(None)
    newest = select(hub.c.certificate).where(is_revoked, hub.c.certificate != "")
    others = select(hub_certificate.c.certificate).join(hub).where(is_revoked)
    return [*connection.scalars(newest.union(others))]

"""One life of the office's intake over its ledger: messages in, receipts out after the commit."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import select

from backend import tables
from backend.errors import LedgerUnusable
from tests.backend.office import (
    CUFF,
    DAY,
    MINUTE,
    RECEIPT_KEY,
    START,
    Office,
    SealingHub,
    frame,
    ledger_at,
    naive,
)
from tests.faults.storage.home import DONE, ENDED
from tests.faults.storage.trace import Tell
from uplink.seal import verify_receipt
from uplink.wire import Ranges, Run, encode_message

TOPIC = "vitalpost/v1/hub-1/records"
CHECKPOINT_PAGES = 24

Sealed = dict[tuple[bytes, int], bytes]


class Post:
    """What a hub has sent, message by message, and what was sealed in them."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.sealed: Sealed = {}

    def write(self, folder: Path) -> None:
        """A ledger that knows the hub and its first epoch; two more are to come."""
        office = Office(folder)
        office.assign()
        hub = office.enroll("hub-1")
        self._begin(hub, 0)
        office.take(hub, hub.key_record, hub.run())
        for day in range(1, 3):
            self._begin(hub, day)
            self._send(hub.key_record, hub.run(1, 4))
            self._send(hub.run(4, 7))
        office.ledger.close()

    def _begin(self, hub: SealingHub, day: int) -> None:
        at = START + day * DAY
        if hub.epoch:
            hub.begin_next(at)
        else:
            hub.begin(at)
        for _ in range(2):
            hub.describe(at, CUFF)
        for n in range(4):
            then = at + (n + 1) * MINUTE
            hub.measure(then, frame(naive(then), 100 + n))
        hub.anchor(at + 20 * MINUTE)
        kid = hub.epoch.kid
        self.sealed |= {(kid, n): sealed for n, sealed in enumerate(hub.sealed, 1)}

    def _send(self, *items: Run | bytes) -> None:
        self.messages.append(encode_message(items))


def live(folder: Path, post: Post, tell: Tell) -> int:
    """Take every message; end as the receiver does where the ledger fails."""
    try:
        office = Office(folder)
        with office.ledger.reading() as connection:
            connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        for message in post.messages:
            reply = office.intake.take(TOPIC, message)
            if reply.signed:
                tell("receipt", reply.signed.hex())
        office.ledger.close()
    except (LedgerUnusable, sqlite3.Error) as fault:
        tell("ended", str(fault))
        return ENDED
    return DONE


def survive(folder: Path, post: Post, receipts: list[bytes]) -> str | None:
    """Start again with nothing failing: what was receipted is stored as it was sealed."""
    stored = _read(folder / "ledger.db")
    for receipt in receipts:
        for kid, sequence in _names(verify_receipt(receipt, [RECEIPT_KEY.public()]).stored):
            if (kid, sequence) not in stored:
                return f"{kid.hex()}/{sequence} was receipted and is not stored"
    for name, sealed in stored.items():
        if post.sealed.get(name) != sealed:
            return f"{name[0].hex()}/{name[1]} was never sealed so"
    office = Office(folder)
    try:
        for message in post.messages:
            office.intake.take(TOPIC, message)
        found = office.verify()
    finally:
        office.ledger.close()
    if found.problems or found.doubles:
        return f"the ledger is not sound: {[*found.problems, 'counted twice'][0]}"
    if _read(folder / "ledger.db") != post.sealed:
        return "not everything is stored when all has come again"
    return None


def _read(path: Path) -> Sealed:
    books = ledger_at(path)
    with books.reading() as connection:
        rows = connection.execute(
            select(tables.epoch.c.kid, tables.record.c.sequence, tables.record.c.sealed).join(
                tables.epoch, tables.epoch.c.id == tables.record.c.epoch
            )
        ).all()
    books.close()
    return {(kid, sequence): sealed for kid, sequence, sealed in rows}


def _names(stored: dict[bytes, Ranges]) -> list[tuple[bytes, int]]:
    return [
        (k, n) for k, of in stored.items() for first, last in of for n in range(first, last + 1)
    ]

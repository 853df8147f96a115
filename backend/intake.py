"""One message of a hub, into the ledger in one transaction; then its receipt.

Knows nothing of MQTT. Whatever the bytes, `take` returns: what cannot be used is counted as an
incident, and only what can never be accepted (other bytes under a known name, bytes that do not
open) is refused to the hub.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from backend.batch import Batch
from backend.epochs import Opener
from backend.incidents import Incidents
from backend.ledger import Ledger, hub
from uplink.errors import WireError
from uplink.keys import OpeningKey, Signer
from uplink.seal import sign_receipt
from uplink.wire import FORMAT, HUB_ID, Receipt, decode_message


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a message: its receipt, if there is something to say, and incidents."""

    hub: str = ""
    receipt: Receipt | None = None
    signed: bytes | None = None
    incidents: Sequence[tuple[str, str]] = ()


class Intake:
    """Takes messages into a ledger. `keys` open key records, by their id; `now_ms` tells UTC."""

    def __init__(
        self,
        ledger: Ledger,
        keys: Mapping[bytes, OpeningKey],
        receipt_key: Signer,
        prefix: str,
        now_ms: Callable[[], int],
    ) -> None:
        self._ledger = ledger
        self._opener = Opener(keys)
        self._receipt_key = receipt_key
        self._topic = re.compile(rf"{re.escape(prefix)}/v{FORMAT}/({HUB_ID.pattern})/records")
        self._now_ms = now_ms

    def take(self, topic: str, payload: bytes) -> Reply:
        """Take one message; when it returns, what it receipts is on disk.

        Raises LedgerUnusable: then nothing was stored, and the message must come again.
        """
        match = self._topic.fullmatch(topic)
        now_ms = self._now_ms()
        with self._ledger.writing() as connection:
            sign_key = match and connection.scalar(
                select(hub.c.sign_key).where(hub.c.id == match[1])
            )
            if not match or not sign_key:
                incidents = Incidents(connection, now_ms)
                incidents.count("unknown-hub" if match else "foreign-topic", ascii(topic)[:100])
                return Reply(incidents=incidents.seen)
            batch = Batch(connection, match[1], sign_key, self._opener, now_ms)
            try:
                message = decode_message(payload)
            except WireError as error:
                batch.incidents.count("malformed-message", error.what)
            else:
                batch.take(message)
        receipt = batch.receipt()
        signed = sign_receipt(receipt, self._receipt_key) if receipt else None
        return Reply(match[1], receipt, signed, batch.incidents.seen)

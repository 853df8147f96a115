"""One message of a hub, into the ledger in one transaction; then its receipt.

Knows nothing of MQTT. Whatever the bytes, `take` returns: what cannot be used is counted as an
incident, and only what can never be accepted (other bytes under a known name, bytes that do not
open) is refused to the hub.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from backend.batch import Batch
from backend.epochs import Opener
from backend.incidents import Incidents
from backend.ledger import Ledger
from backend.membership import Member, load_member
from backend.renewal import Renewal
from uplink.answers import Answer
from uplink.errors import WireError
from uplink.keys import OpeningKey, Signer
from uplink.seal import sign_answer, sign_receipt
from uplink.wire import FORMAT, HUB_ID, Receipt, decode_message, key_id


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a message: its receipt, if there is something to say, and incidents.

    `answer` is what the hub asked for beside, signed like the receipt.
    """

    hub: str = ""
    receipt: Receipt | None = None
    signed: bytes | None = None
    answer: bytes | None = None
    incidents: Sequence[tuple[str, str]] = ()


class Intake:
    """Takes messages into a ledger. `keys` open key records, by their id; `now_ms` tells UTC.

    With `renewal` hubs are answered, and each gets receipts by a key that it believes.
    """

    def __init__(  # noqa: PLR0913  one for each thing it is lent
        self,
        ledger: Ledger,
        keys: Mapping[bytes, OpeningKey],
        receipt_key: Signer,
        prefix: str,
        now_ms: Callable[[], int],
        *,
        renewal: Renewal | None = None,
    ) -> None:
        self._ledger = ledger
        self._opener = Opener(keys)
        self._receipt_key = receipt_key
        self._topic = re.compile(rf"{re.escape(prefix)}/v{FORMAT}/({HUB_ID.pattern})/records")
        self._now_ms = now_ms
        self._renewal = renewal

    def take(self, topic: str, payload: bytes) -> Reply:
        """Take one message; when it returns, what it receipts is on disk.

        Raises LedgerUnusable: then nothing was stored, and the message must come again.
        """
        match = self._topic.fullmatch(topic)
        now_ms = self._now_ms()
        with self._ledger.writing() as connection:
            member = load_member(connection, match[1]) if match else None
            if member is None or member.revoked_ms is not None:
                incidents = Incidents(connection, now_ms, member.hub if member else "")
                what = "revoked-hub" if member else "unknown-hub" if match else "foreign-topic"
                incidents.count(what, ascii(topic)[:100])
                return Reply(incidents=incidents.seen)
            batch = Batch(connection, member, self._opener, now_ms)
            try:
                message = decode_message(payload)
            except WireError as error:
                batch.incidents.count("malformed-message", error.what)
            else:
                batch.take(message)
            answer = self._answer(connection, batch, now_ms)
            key = self._choose_key(batch, member)
        receipt = batch.receipt()
        return Reply(
            member.hub,
            receipt,
            sign_receipt(receipt, key) if receipt else None,
            sign_answer(answer, key) if answer else None,
            batch.incidents.seen,
        )

    def _choose_key(self, batch: Batch, member: Member) -> Signer:
        if self._renewal is None:
            return self._receipt_key
        believed = batch.request.receipt_keys if batch.request else member.receipt_keys
        key = self._renewal.signer_for(believed)
        if believed and key_id(key.public()) not in believed:
            batch.incidents.count("receipt-key-not-believed", "it must be answered by hand")
        return key

    def _answer(self, connection: Connection, batch: Batch, now_ms: int) -> Answer | None:
        if batch.request is None or self._renewal is None:
            return None
        try:
            return self._renewal.answer(connection, batch.request, now_ms)
        except WireError as error:
            batch.incidents.count("request-refused", error.what)
            return None

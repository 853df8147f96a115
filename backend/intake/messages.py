"""Messages of hubs, into the ledger in one transaction; then their receipts.

Knows nothing of MQTT. Whatever the bytes, `take` returns: what cannot be used is counted as an
incident, and only what can never be accepted (other bytes under a known name, bytes that do not
open) is refused to the hub.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from backend.enrolment.membership import Member, load_member
from backend.enrolment.renewal import Renewal
from backend.epochs import Opener
from backend.incidents import Incidents
from backend.intake.batch import Batch
from backend.ledger import Ledger
from uplink.answers import Answer
from uplink.errors import WireError
from uplink.keys import OpeningKey, Signer
from uplink.seal import sign_answer, sign_receipt
from uplink.wire import (
    FORMAT,
    HUB_ID,
    MAX_MESSAGE_BYTES,
    Message,
    Receipt,
    decode_message,
    key_id,
)

FOREIGN = "foreign-topic"


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
        return self.take_many([(topic, payload)])[0]

    def take_many(self, messages: Sequence[tuple[str, bytes]]) -> list[Reply]:
        """Take messages in one transaction; a reply to each, in their order.

        What came of one hub is taken together, up to the size of one message: its receipt and its
        incidents are in the reply to the last. Raises LedgerUnusable: then nothing was stored, and
        all must come again.
        """
        now_ms = self._now_ms()
        replies = [Reply()] * len(messages)
        with self._ledger.writing() as connection:
            batches = []
            for name, numbers in self._sort(messages).items():
                member = load_member(connection, name)
                if member is None or member.revoked_ms is not None:
                    for number in numbers:
                        incidents = Incidents(connection, now_ms, member.hub if member else "")
                        what = "revoked-hub" if member else "unknown-hub" if name else FOREIGN
                        incidents.count(what, ascii(messages[number][0])[:100])
                        replies[number] = Reply(incidents=incidents.seen)
                    continue
                for last, payloads in _gather(messages, numbers):
                    batch = Batch(connection, member, self._opener, now_ms)
                    _take(batch, payloads)
                    answer = self._answer(connection, batch, now_ms)
                    batches.append((last, name, batch, answer, self._choose_key(batch, member)))
        for last, name, batch, answer, key in batches:
            receipt = batch.receipt()
            replies[last] = Reply(
                name,
                receipt,
                sign_receipt(receipt, key) if receipt else None,
                sign_answer(answer, key) if answer else None,
                batch.incidents.seen,
            )
        return replies

    def _sort(self, messages: Sequence[tuple[str, bytes]]) -> dict[str, list[int]]:
        """The numbers of each hub's messages; those on a topic of no hub are under ""."""
        numbers: dict[str, list[int]] = defaultdict(list)
        for number, (topic, _) in enumerate(messages):
            match = self._topic.fullmatch(topic)
            numbers[match[1] if match else ""].append(number)
        return numbers

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


def _gather(
    messages: Sequence[tuple[str, bytes]], numbers: Iterable[int]
) -> Iterator[tuple[int, list[bytes]]]:
    """Payloads that one receipt can answer, each time with the number of the last."""
    gathered: list[bytes] = []
    last = size = 0
    for number in numbers:
        payload = messages[number][1]
        if gathered and size + len(payload) > MAX_MESSAGE_BYTES:
            yield last, gathered
            gathered, size = [], 0
        gathered.append(payload)
        size += len(payload)
        last = number
    if gathered:
        yield last, gathered


def _take(batch: Batch, payloads: Iterable[bytes]) -> None:
    sound = []
    for payload in payloads:
        try:
            sound.append(decode_message(payload))
        except WireError as error:
            batch.incidents.count("malformed-message", error.what)
    if sound:
        items = tuple(item for message in sound for item in message.items)
        batch.take(Message(items, sum(message.unknown for message in sound)))

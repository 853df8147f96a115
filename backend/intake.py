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

from sqlalchemy import select

from backend.batch import Batch
from backend.epochs import Opener
from backend.incidents import Incidents
from backend.ledger import Ledger, hub
from uplink.errors import WireError
from uplink.keys import OpeningKey, Signer
from uplink.seal import sign_receipt
from uplink.wire import FORMAT, HUB_ID, MAX_MESSAGE_BYTES, Message, Receipt, decode_message


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
                sign_key = name and connection.scalar(
                    select(hub.c.sign_key).where(hub.c.id == name)
                )
                if name and sign_key:
                    for last, payloads in _gather(messages, numbers):
                        batch = Batch(connection, name, sign_key, self._opener, now_ms)
                        _take(batch, payloads)
                        batches.append((last, name, batch))
                    continue
                for number in numbers:
                    incidents = Incidents(connection, now_ms)
                    what = "unknown-hub" if name else "foreign-topic"
                    incidents.count(what, ascii(messages[number][0])[:100])
                    replies[number] = Reply(incidents=incidents.seen)
        for last, name, batch in batches:
            receipt = batch.receipt()
            signed = sign_receipt(receipt, self._receipt_key) if receipt else None
            replies[last] = Reply(name, receipt, signed, batch.incidents.seen)
        return replies

    def _sort(self, messages: Sequence[tuple[str, bytes]]) -> dict[str, list[int]]:
        """The numbers of each hub's messages; those on a topic of no hub are under ""."""
        numbers: dict[str, list[int]] = defaultdict(list)
        for number, (topic, _) in enumerate(messages):
            match = self._topic.fullmatch(topic)
            numbers[match[1] if match else ""].append(number)
        return numbers


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

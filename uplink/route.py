"""Where records go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from uplink.mqtt import Broker
from uplink.wire import topic


@dataclass(frozen=True, slots=True)
class Route:
    """Where records go and whose receipts count, by the backend's Ed25519 keys of 32 bytes.

    The hub's id is the broker's client id; `software` is told in the status message.
    """

    broker: Broker
    receipt_keys: Sequence[bytes]
    prefix: str = "vitalpost"
    software: str = ""

    def topic(self, leaf: str) -> str:
        """The hub's topic for records, receipts or status."""
        return topic(self.prefix, self.broker.client_id, leaf)

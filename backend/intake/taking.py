"""What happens with the messages that a receiver hands on, before they are receipted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import structlog

from backend.intake.messages import Intake, Reply
from uplink.journal import Journal, Step


class Taken(NamedTuple):
    """A message as it came."""

    topic: str
    payload: bytes


class Taker(Protocol):
    """Takes messages, and says what may be told their hubs."""

    def take(self, messages: Sequence[Taken]) -> Sequence[Reply] | None:
        """One reply for each message. None: told to stop meanwhile, and nothing may be told.

        Called without messages when none have come for a while.
        """

    def stop(self) -> None:
        """Let `take` return soon. Called from a signal handler."""


class Storing:
    """Takes messages into the ledger: all that `run` does."""

    def __init__(self, intake: Intake, journal: Journal) -> None:
        self._intake = intake
        self._journal = journal
        self._log = structlog.get_logger()

    def take(self, messages: Sequence[Taken]) -> Sequence[Reply]:
        """When it returns, what the replies receipt is on disk. Raises LedgerUnusable."""
        replies = self._intake.take_many(messages)
        for reply in replies:
            self._journal(Step("committed", reply.receipt.stored if reply.receipt else {}))
            for what, detail in reply.incidents:
                self._log.warning("incident", what=what, hub=reply.hub, detail=detail)
        return replies

    def stop(self) -> None:
        """A transaction is short."""

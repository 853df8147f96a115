"""`relay`: nothing is receipted before the sink has acknowledged what came of it.

    message -> ledger, with the rows of the feed -> sink -> the sink's cursor -> receipt

Whatever is killed in between is done again from the cursor, under the same cursors and reading_ids.
The sink writes on a thread of its own, so that a signal is heard while it is slow.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from enum import Enum, auto
from queue import Empty, SimpleQueue
from threading import Thread

import structlog

from backend.errors import SinkFailed
from backend.feed import enter_sink, move
from backend.intake.messages import Reply
from backend.intake.taking import Taken, Taker
from backend.ledger import Ledger
from backend.relay.pages import Pages
from backend.relay.sinks import Page, Sink
from drivers.errors import Retry
from uplink.journal import Journal, Step

FIRST_S = 1.0
LONGEST_S = 300.0


class _Told(Enum):
    STOP = auto()
    DONE = auto()


Delay = Callable[[int, Retry], float]


def jitter(failures: int, retry: Retry) -> float:
    """Seconds until the next attempt: full jitter, slow at once where somebody must act first."""
    doublings = 16 if retry is Retry.TECHNICIAN else min(failures, 16)
    return random.uniform(0, min(LONGEST_S, FIRST_S * 2**doublings))  # noqa: S311  it hides nothing


class Relay:
    """Takes messages as `storing` does, and hands on what comes of them."""

    def __init__(  # noqa: PLR0913  the parts of a process, put together in workers.py
        self,
        storing: Taker,
        ledger: Ledger,
        pages: Pages,
        sink: Sink,
        journal: Journal,
        *,
        since: int | None = None,
        delay: Delay = jitter,
    ) -> None:
        """Fill the feed, find the sink's cursor. Raises CursorUnknown or LedgerUnusable."""
        self._storing = storing
        self._ledger = ledger
        self._pages = pages
        self._sink = sink
        self._journal = journal
        self._delay = delay
        self._log = structlog.get_logger()
        self._pending: SimpleQueue[Page] = SimpleQueue()
        self._told: SimpleQueue[_Told | Exception] = SimpleQueue()
        self._is_stopped = False
        with ledger.writing() as connection:
            self._cursor = enter_sink(connection, sink.name, since)
        Thread(target=self._write, name="sink", daemon=True).start()

    def take(self, messages: Sequence[Taken]) -> Sequence[Reply] | None:
        """The replies, once the sink has acknowledged all that the ledger has for it."""
        replies = self._storing.take(messages)
        while not self._is_stopped and (page := self._load()):
            if self._hand_over(page):
                self._journal(Step("emitted", page.records))
                with self._ledger.writing() as connection:
                    move(connection, self._sink.name, page.last)
                self._cursor = page.last
        return None if self._is_stopped else replies

    def stop(self) -> None:
        """Let a sink that does not answer be; what it has not got, it gets after the next start."""
        self._told.put(_Told.STOP)

    def _load(self) -> Page | None:
        with self._ledger.reading() as connection:
            return self._pages.load(connection, self._cursor)

    def _hand_over(self, page: Page) -> bool:
        """Whether the sink has acknowledged it; only a stop makes it give up."""
        failures = 0
        said: Retry | None = None
        while True:
            self._pending.put(page)
            match self._told.get():
                case _Told.STOP:
                    self._is_stopped = True
                    return False
                case _Told.DONE:
                    if said:
                        self._log.info("sink-back", sink=self._sink.name)
                    return True
                case SinkFailed() as error if error.retry is not Retry.NEVER:
                    if error.retry is not said:
                        said = error.retry
                        self._log.warning(
                            "sink-lost", sink=self._sink.name, what=error.what, hint=error.hint
                        )
                    if self._is_told_to_stop(self._delay(failures, error.retry)):
                        return False
                    failures += 1
                case error:
                    raise error

    def _is_told_to_stop(self, within_s: float) -> bool:
        try:
            self._told.get(timeout=within_s)  # nobody else tells anything while nothing is pending
        except Empty:
            return False
        self._is_stopped = True
        return True

    def _write(self) -> None:
        while True:
            page = self._pending.get()
            try:
                self._sink.write(page)
            except Exception as error:  # noqa: BLE001  raised again in the thread that waits
                self._told.put(error)
            else:
                self._told.put(_Told.DONE)

"""The two processes that receive, put together: `run` and `relay`."""

from __future__ import annotations

import gc
import ssl
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from backend.clock import load_clock
from backend.config import Broker, Settings
from backend.enrolment.renewal import Renewal
from backend.errors import ConfigError, ConfigErrors
from backend.facts.log import LOG, FactsLog
from backend.facts.missing import look_for_missing
from backend.intake.messages import Intake
from backend.intake.receive import Receiver, tls_context
from backend.intake.taking import Storing
from backend.keys.folder import load_opening_keys
from backend.ledger import Ledger, open_ledger
from backend.relay.pages import Pages
from backend.relay.relay import Relay
from backend.relay.sinks import Sink
from uplink.journal import Journal, JournalFile, keep_no_journal

COLLECT_AFTER = 100_000
"""Objects. A batch makes as many, none in a cycle: looking for cycles cost a sixth of its time."""

OpenSink = Callable[[Broker, ssl.SSLContext], Sink]


class Worker:
    """One process: its keys, clock and journal. Raises BackendError."""

    def __init__(self, settings: Settings, journal: Journal | None = None) -> None:
        folder = Path(settings.keys.dir)
        self._broker = settings.broker
        self._settings = settings
        self._facts_log = FactsLog(settings.log_file(LOG))
        self._keys, self._renewal = load_opening_keys(folder), Renewal(folder)
        clock = load_clock(settings.clock)
        self._now_ms: Callable[[], int] = lambda: clock.utc_ns() // 1_000_000
        self._journal = journal or _open_journal(settings, self._now_ms)
        self._context = tls_context(settings)

    def run(self) -> None:
        """Receive until SIGTERM."""
        with closing(open_ledger(self._settings, create=True)) as ledger:
            look_for_missing(ledger, self._facts_log, self._now_ms())
            self._receive(self._store(ledger))

    def relay(self, open_sink: OpenSink, since: int | None = None) -> None:
        """Receive until SIGTERM, and hand on what came."""
        sink = open_sink(self._broker, self._context)
        with closing(open_ledger(self._settings, create=True)) as ledger:
            look_for_missing(ledger, self._facts_log, self._now_ms())
            storing = self._store(ledger)
            pages = Pages(self._keys)
            self._receive(Relay(storing, ledger, pages, sink, self._journal, since=since))

    def _store(self, ledger: Ledger) -> Storing:
        prefix = self._broker.prefix
        key = self._renewal.signer_for(())
        intake = Intake(ledger, self._keys, key, prefix, self._now_ms, renewal=self._renewal)
        return Storing(intake, self._journal)

    def _receive(self, taker: Storing | Relay) -> None:
        gc.freeze()
        gc.set_threshold(COLLECT_AFTER)
        Receiver(self._broker, self._context, taker, self._journal).run()


def _open_journal(settings: Settings, now_ms: Callable[[], int]) -> Journal:
    path = settings.ledger.journal
    if path is None:
        return keep_no_journal
    try:
        return JournalFile(Path(path), settings.broker.client_id, now_ms)
    except OSError as error:
        found = f"{path}: {error.strerror or error}"
        raise ConfigErrors([ConfigError("ledger.journal", found, "a file to append to")]) from error

"""That a hub has ended, entered by a command: committed, then noted outside the database."""

from __future__ import annotations

from backend.cli.reader import system_user
from backend.config import Settings
from backend.enrolment.membership import End, end_hub
from backend.facts.enrolled import load_enrolled
from backend.facts.log import LOG, FactsLog
from backend.facts.missing import look_for_missing
from backend.ledger import Ledger, open_ledger


def enter_end(settings: Settings, hub: str, end: End, now_ms: int) -> Ledger:
    """Enter it, and return the ledger that knows it. Raises BackendError."""
    ledger, log = open_ledger(settings), FactsLog(settings.log_file(LOG))
    look_for_missing(ledger, log, now_ms)
    with ledger.writing() as connection:
        end_hub(connection, hub, end, now_ms)
        known = list(load_enrolled(connection, system_user(), now_ms))
    log.note(known)
    return ledger

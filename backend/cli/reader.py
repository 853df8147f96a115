"""Who reads a patient's data by a command: asked of the system and the command line, and noted."""

from __future__ import annotations

import argparse
import os
import pwd
import sys
from pathlib import Path

from backend.clock import load_clock
from backend.config import Settings
from backend.facts.log import LOG as FACTS
from backend.facts.log import FactsLog
from backend.facts.missing import find_missing, look_for_missing
from backend.guarding.access import LOG, Reader, note_access, note_end
from backend.ledger import Ledger


def add_reader(parser: argparse.ArgumentParser, *, by: bool = True) -> None:
    """Declare `[--by NAME] [--purpose TEXT]`."""
    if by:
        parser.add_argument("--by", metavar="NAME", help="who reads, for the access log")
    parser.add_argument("--purpose", metavar="TEXT", help="what for, for the access log")


def add_seal(parser: argparse.ArgumentParser) -> None:
    """Declare `[--seal-to KEYFILE]`."""
    parser.add_argument(
        "--seal-to",
        metavar="KEYFILE",
        type=Path,
        help="a recipient's public key: who has the private one opens the file, and nobody else",
    )


def note(
    args: argparse.Namespace, settings: Settings, ledger: Ledger, patient: str | None, what: str
) -> None:
    """Note that this command is about to read of a patient, or of everybody (None).

    What facts are missing is looked for as well, and said. Call it before anything is read.
    """
    now_ms = load_clock(settings.clock).utc_ns() // 1_000_000
    reader = Reader(system_user(), args.by or "", args.command, args.purpose or "")
    note_end(settings.log_file(LOG), note_access(ledger, reader, patient, what, now_ms))
    look_for_missing(ledger, FactsLog(settings.log_file(FACTS)), now_ms)
    with ledger.reading() as connection:
        missing = len(find_missing(connection, patient))
    if missing:
        print(
            f"{missing} facts that were typed are not in the ledger: verdicts are held; "
            "see `vitalpost-backend missing`",
            file=sys.stderr,
        )


def system_user() -> str:
    """The user that the process runs as, by name where it has one."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)

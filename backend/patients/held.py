"""A verdict while facts are missing that people typed: nothing is billable by it."""

from __future__ import annotations

from msgspec.structs import replace
from sqlalchemy import Connection

from backend.billing.reasons import ROWS, Block
from backend.billing.verdict import Code, Verdict
from backend.facts.missing import find_missing


def hold_verdict(connection: Connection, patient: str, verdict: Verdict) -> Verdict:
    """The verdict with every code blocked, if anything of the patient's is missing."""
    if not find_missing(connection, patient):
        return verdict
    return replace(verdict, codes=tuple(_block(code) for code in verdict.codes), flags=())


def _block(code: Code) -> Code:
    reason = Block.FACTS_MISSING
    return Code(code=code.code, row=ROWS[reason], rule_set=code.rule_set, reason=reason)

"""How a ledger is asked: as `verdict` asks it, with the readings that the answer needs."""

from __future__ import annotations

from sqlalchemy import Connection

from backend.billing.facts import Facts
from backend.billing.rule_sets import RuleSets
from backend.evidence_package.asked import Asked, Judging
from backend.ledger import fact, rule_set, rule_signature
from backend.patient_basis import load_basis, load_recurring
from backend.patient_window import Window
from backend.rule_rows import load_rule_sets


def _load_facts(connection: Connection, asked: Asked) -> Facts:
    basis = load_basis(connection, asked.patient, asked.episode, asked.as_of_ms)
    if asked.scope == "episode":
        return basis.complete(basis.readings.load_all(), load_recurring(connection, basis))
    window = Window(connection, basis, asked.policy, _load_rule_sets(connection, asked))
    return window.load(window.open(asked.as_of), asked.question)


def _load_rule_sets(connection: Connection, asked: Asked) -> RuleSets:
    return load_rule_sets(connection, asked.as_of_ms)


JUDGING = Judging((fact, rule_set, rule_signature), _load_facts, _load_rule_sets)
"""What people stated lies in these tables."""

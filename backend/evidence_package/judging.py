"""How a ledger is asked: as `verdict` asks it, with the readings that the answer needs."""

from __future__ import annotations

from sqlalchemy import Connection

from backend.billing.rule_sets import RuleSets
from backend.evidence_package.asked import Asked, Judging, Loaded
from backend.facts.rule_rows import load_rule_sets
from backend.patients.basis import load_basis, load_recurring
from backend.patients.window import Window
from backend.tables import fact, rule_set, rule_signature


def _load(connection: Connection, asked: Asked) -> Loaded:
    basis = load_basis(connection, asked.patient, asked.episode, asked.as_of_ms)
    if asked.scope == "episode":
        recurring = load_recurring(connection, basis)
        return Loaded(basis.complete(basis.readings.load_all(), recurring), None)
    window = Window(connection, basis, asked.policy, _load_rule_sets(connection, asked))
    opened = window.open(asked.as_of)
    return Loaded(window.load(opened, asked.question), window.look(opened, asked.question))


def _load_rule_sets(connection: Connection, asked: Asked) -> RuleSets:
    return load_rule_sets(connection, asked.as_of_ms)


JUDGING = Judging((fact, rule_set, rule_signature), _load, _load_rule_sets)
"""What people stated lies in these tables."""

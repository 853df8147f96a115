from datetime import UTC, date, datetime

import pytest
from sqlalchemy import delete

from backend import tables
from backend.billing.reasons import Block
from backend.facts.entry import enter, parse
from backend.facts.log import LOG, FactsLog
from backend.facts.missing import accept_missing, find_missing, look_for_missing
from backend.patients.examine import judge_patient
from backend.patients.held import hold_verdict
from tests.backend.office import PATIENT, START
from tests.backend.shell import Shell

AS_OF = datetime(2026, 5, 10, tzinfo=UTC)
SAID = {"patient": PATIENT, "by": "N. N.", "because": "told on the telephone"}


@pytest.fixture
def log(tmp_path):
    return FactsLog(tmp_path / LOG)


@pytest.fixture
def judged(kept_office, log):
    """A patient of whom an episode and a consent were typed, and noted."""
    look_for_missing(kept_office.ledger, log, START)
    state(kept_office, "episode", {"start": "2026-02-27", "program": "RPM"})
    state(kept_office, "consent", {"on": "2026-02-27", "method": "verbal"})
    look_for_missing(kept_office.ledger, log, START)
    return kept_office


def state(office, kind, body):
    with office.ledger.writing() as connection:
        enter(connection, [parse(1, SAID | {"kind": kind, "body": body})], office.now_ms)


def verdict(office):
    with office.ledger.reading() as connection:
        return judge_patient(connection, PATIENT, 1, date(2026, 3, 1), as_of=AS_OF)


def restore_the_ledger_of_before(office, log):
    with office.ledger.writing() as connection:
        connection.execute(delete(tables.fact).where(tables.fact.c.kind == "consent"))
    look_for_missing(office.ledger, log, START)


def reasons(office):
    return {code.reason for code in verdict(office).codes}


def test_while_a_fact_is_missing_every_code_is_held_by_that_and_by_nothing_else(judged, log):
    assert Block.FACTS_MISSING not in reasons(judged)
    restore_the_ledger_of_before(judged, log)
    held = verdict(judged)
    assert {code.reason for code in held.codes} == {Block.FACTS_MISSING}
    assert (held.billable, held.flags) == ((), ())


def test_entered_again_the_verdict_is_that_of_before(judged, log):
    before = verdict(judged)
    restore_the_ledger_of_before(judged, log)
    state(judged, "consent", {"on": "2026-02-27", "method": "verbal"})
    assert verdict(judged) == before


def test_a_named_person_may_end_the_hold(judged, log):
    restore_the_ledger_of_before(judged, log)
    with judged.ledger.writing() as connection:
        accept_missing(connection, find_missing(connection), "N. N.", "asked again", START)
    assert Block.FACTS_MISSING not in reasons(judged)


def test_another_patients_missing_fact_holds_nobody_else(judged, log):
    before = verdict(judged)
    restore_the_ledger_of_before(judged, log)
    with judged.ledger.reading() as connection:
        assert hold_verdict(connection, "patient-2", before) == before


def test_by_command_a_fact_typed_after_the_copy_holds_the_verdict(kept_office, tmp_path, capsys):
    shell = Shell(tmp_path, capsys)
    words = ("--by", "N. N.", "--because", "told on the telephone")
    shell.run("facts", "add", "episode", PATIENT, "start=2026-02-27", "program=RPM", *words)
    assert shell.run("backup", "--out", str(tmp_path / "copy.db"))[0] == 0
    consent = ("facts", "add", "consent", PATIENT, "on=2026-02-27", "method=verbal", *words)
    assert shell.run(*consent)[0] == 0
    kept_office.ledger.close()
    for path in tmp_path.glob("ledger.db*"):
        path.unlink()
    assert shell.run("restore", str(tmp_path / "copy.db"))[0] == 1
    assert "FACTS_MISSING" in shell.run("verdict", PATIENT)[1]
    assert shell.ask("missing", code=1)["missing"][0]["kind"] == "consent"
    assert shell.run(*consent)[0] == 0
    assert shell.ask("missing")["missing"] == []
    assert "FACTS_MISSING" not in shell.run("verdict", PATIENT)[1]

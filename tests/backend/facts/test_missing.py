from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert, update

from backend import tables
from backend.cli.reader import system_user
from backend.enrolment.membership import RETIRED, REVOKED
from backend.facts.log import LOG, UNREADABLE, FactsLog, Noted, digest_of
from backend.facts.missing import LOG_LOST, accept_missing, find_missing, look_for_missing
from backend.guarding.holds import Hold, enter_hold
from tests.backend.office import PATIENT, START
from tests.backend.shell import Shell

OTHER = "patient-2"


@pytest.fixture
def log(tmp_path):
    return FactsLog(tmp_path / LOG)


@pytest.fixture
def held(office, log):
    """A patient with one typed fact, as committed and noted; and one without."""
    office.assign()
    office.assign(OTHER, identity=("Another Maker", "another model", "2"))
    look_for_missing(office.ledger, log, office.now_ms)
    log.note([enter(office)])
    return office


def enter(office, patient=PATIENT, because="a claim"):
    with office.ledger.writing() as connection:
        return enter_hold(connection, patient, Hold(True, "N. N.", because, office.now_ms))


def forget(office):
    """The ledger is the one of before the fact."""
    with office.ledger.writing() as connection:
        connection.execute(delete(tables.legal_hold))


def find(office, log, patient=None):
    look_for_missing(office.ledger, log, office.now_ms)
    with office.ledger.reading() as connection:
        return find_missing(connection, patient)


def test_while_ledger_and_log_agree_nothing_is_missing(held, log):
    assert find(held, log) == []


def test_what_the_ledger_has_forgotten_is_named_with_who_typed_it_and_when(held, log):
    forget(held)
    (missing,) = find(held, log)
    assert (missing.patient, missing.kind, missing.by) == (PATIENT, "legal-hold", "N. N.")
    assert missing.noted_ms == held.now_ms
    assert len(find(held, log, PATIENT)) == 1
    assert find(held, log, OTHER) == []


def test_entered_again_by_whomever_it_is_missing_no_more(held, log):
    forget(held)
    assert find(held, log)
    held.now_ms += 1
    with held.ledger.writing() as connection:
        enter_hold(connection, PATIENT, Hold(True, "Somebody Else", "a claim", held.now_ms))
    assert find(held, log) == []


def test_another_fact_does_not_take_its_place(held, log):
    forget(held)
    enter(held, because="another claim")
    assert len(find(held, log)) == 1


def test_a_named_person_may_go_on_without_it_and_that_is_kept(held, log):
    forget(held)
    with held.ledger.writing() as connection:
        accept_missing(connection, find_missing(connection), "N. N.", "nobody knows it", START)
    found = find(held, log)
    assert len(found) == 1
    with held.ledger.writing() as connection:
        accept_missing(connection, found, "N. N.", "nobody knows it", START)
    assert find(held, log) == []
    assert held.count(tables.missing_fact) == held.count(tables.missing_accepted) == 1


def test_a_fact_whose_process_died_before_it_was_noted_is_noted_by_the_next(held, log):
    late = enter(held, OTHER)
    assert find(held, log) == []
    assert late.digest in log.load()


def test_a_log_that_was_lost_holds_everybody(held, log):
    log.path.unlink()
    for patient in (PATIENT, OTHER):
        assert [one.kind for one in find(held, log, patient)] == [LOG_LOST]
    assert len(find(held, log)) == 1  # it is begun anew, and says the same once


def test_a_ledger_without_any_typed_fact_needs_no_log(office, log):
    assert find(office, log) == []
    assert log.load() == {}


def test_a_line_that_cannot_be_read_may_be_anybodys(held, log):
    with log.path.open("ab") as file:
        file.write(b'{"patient":"pat')
    assert [one.kind for one in find(held, log, OTHER)] == [UNREADABLE]
    log.note([enter(held, OTHER)])
    assert len(find(held, log)) == 1


def test_the_log_names_each_fact_once_and_never_what_it_says(held, log):
    forget(held)
    log.note([enter(held)])
    lines = log.path.read_text().splitlines()
    assert sum('"legal-hold"' in line for line in lines) == 1
    assert len(set(lines)) == len(lines)
    assert "a claim" not in log.path.read_text()
    assert log.path.stat().st_mode & 0o777 == 0o600


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_any_bytes_are_read(tmp_path_factory, lines):
    log = FactsLog(tmp_path_factory.mktemp("any") / LOG)
    fact = Noted(PATIENT, "consent", bytes(32), "N. N.", START)
    log.path.write_bytes(b"\n".join(lines))
    log.note([fact])
    found = log.load()
    assert found[bytes(32)] == fact
    assert {one.kind for one in found.values()} <= {"consent", UNREADABLE}


def test_a_digest_says_what_and_whose_and_nothing_of_the_order():
    said = {"on": "2026-03-01", "by": [1, {"b": 2, "a": None}]}
    same = {"by": [1, {"a": None, "b": 2}], "on": "2026-03-01"}
    assert digest_of(PATIENT, "consent", said) == digest_of(PATIENT, "consent", same)
    assert digest_of(OTHER, "consent", said) != digest_of(PATIENT, "consent", said)
    assert digest_of(PATIENT, "order", said) != digest_of(PATIENT, "consent", said)
    assert digest_of(PATIENT, "consent", {}) != digest_of(PATIENT, "consent", said)


def put_back(held, *tables):
    """The ledger is the one of before these were enrolled."""
    with held.ledger.writing() as connection:
        for table in tables:
            connection.execute(delete(table))


@pytest.mark.parametrize(
    ("table", "kind"), [(tables.assignment, "device-enrolled"), (tables.patient_zone, "zone")]
)
def test_what_was_enrolled_since_the_copy_is_named_for_each_patient(held, log, table, kind):
    put_back(held, table)
    found = find(held, log)
    assert {(one.patient, one.kind) for one in found} == {(PATIENT, kind), (OTHER, kind)}
    held.assign()
    assert [one.patient for one in find(held, log)] == [OTHER]


def test_a_device_that_is_enrolled_from_another_day_is_not_the_one_that_is_missing(held, log):
    put_back(held, tables.assignment)
    find(held, log)
    held.assign(since=date(2026, 3, 2))
    assert len(find(held, log, PATIENT)) == 1


def test_a_hub_that_was_enrolled_since_the_copy_may_be_anybodys(held, log):
    hub = held.enroll()
    find(held, log)
    put_back(held, tables.hub)
    assert [(one.patient, one.kind) for one in find(held, log)] == [("", "hub-enrolled")]
    row = {"id": hub.name, "sign_key": hub.signer.public(), "certificate": "", "enrolled_ms": 1}
    with held.ledger.writing() as connection:
        connection.execute(insert(tables.hub).values(row))
    assert find(held, log) == []


@pytest.mark.parametrize("what", [RETIRED, REVOKED])
def test_that_a_hub_has_ended_since_the_copy_holds_everybody_until_it_is_said_again(
    held, log, tmp_path, capsys, what
):
    shell = Shell(tmp_path, capsys)
    shell.run("keygen", str(tmp_path / "keys"))
    held.enroll()
    words = (what.removesuffix("d"), "hub-1", "--why", "stolen")
    assert shell.run(*words)[0] == 0
    assert find(held, log) == []
    put_back(held, tables.hub_end)
    with held.ledger.writing() as connection:
        connection.execute(update(tables.hub).values(retired_ms=None, revoked_ms=None))
    assert [(one.patient, one.kind, one.by) for one in find(held, log)] == [
        ("", f"hub-{what}", system_user())
    ]
    assert "verdicts are held" in shell.run("missing")[2]
    assert shell.run(*words)[0] == 0
    assert find(held, log) == []


def test_a_ledger_of_enrolments_alone_begins_its_log_and_has_lost_none(office, log):
    office.assign()
    assert find(office, log) == []
    assert {one.kind for one in log.load().values()} == {"device-enrolled", "zone"}
    put_back(office, tables.assignment)
    assert [one.kind for one in find(office, log)] == ["device-enrolled"]


def test_by_command_what_is_missing_is_listed_and_accepted(held, tmp_path, capsys):
    shell = Shell(tmp_path, capsys)
    forget(held)
    code, out, words = shell.run("missing")
    assert code == 1
    assert out.startswith(f"{PATIENT}: legal-hold, noted 2026-04-30T00:00:00Z by N. N.")
    assert "verdicts are held" in words
    assert shell.run("missing", "--accept", PATIENT)[0] == 2
    assert shell.run("missing", "--accept", PATIENT, "--because", "lost")[0] == 2
    words = ("--because", "lost", "--by", "N. N.")
    assert len(shell.ask("missing", "--accept", OTHER, *words, code=1)["missing"]) == 1
    assert shell.ask("missing", "--accept", PATIENT, *words)["missing"] == []
    assert shell.run("days", PATIENT)[2] == ""


def test_what_may_be_anybodys_is_accepted_for_all_at_once(held, log, tmp_path, capsys):
    shell = Shell(tmp_path, capsys)
    log.path.unlink()
    assert [one["patient"] for one in shell.ask("missing", code=1)["missing"]] == [""]
    assert shell.run("missing", "--accept", PATIENT, "--because", "lost", "--by", "N. N.")[0] == 1
    assert shell.run("missing", "--accept-all", "--because", "lost", "--by", "N. N.")[0] == 0

import json
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

import backend.cli
from backend import tables
from backend.cli import COMMANDS
from backend.facts.log import LOG as FACTS_LOG
from backend.guarding.access import LOG, Reader, find_breaks, load_accesses, note_access, note_end
from tests.backend.office import PATIENT
from tests.backend.shell import Shell

READER = Reader("clerk", "N. N.", "days", "audit")


@pytest.fixture
def log(tmp_path):
    return tmp_path / LOG


def note(office, log, count=1, patient=PATIENT):
    for _ in range(count):
        row = note_access(office.ledger, READER, patient, "days", office.now_ms)
        note_end(log, row)


def rows(office):
    with office.ledger.reading() as connection:
        return load_accesses(connection)


def breaks(office, log):
    return list(find_breaks(rows(office), log))


def tamper(office, statement):
    with office.ledger.writing() as connection:
        connection.execute(statement)


def test_a_row_says_who_when_whose_what_and_what_for(office, log):
    note(office, log)
    (row,) = rows(office)
    assert row[:-1] == (1, office.now_ms, "clerk", "N. N.", "days", PATIENT, "days", "audit")
    assert breaks(office, log) == []


def test_a_row_that_changed_shows(office, log):
    note(office, log, 4)
    table = tables.access
    tamper(office, update(table).where(table.c.n == 2).values(by="somebody else"))
    assert any(told.startswith("row 2 is not as it was noted") for told in breaks(office, log))


@pytest.mark.parametrize("n", [1, 2, 4])
def test_a_row_that_was_taken_out_shows_wherever_it_was(office, log, n):
    note(office, log, 4)
    tamper(office, delete(tables.access).where(tables.access.c.n == n))
    assert breaks(office, log)


def test_rows_that_were_taken_off_the_end_and_noted_anew_show(office, log):
    note(office, log, 4)
    tamper(office, delete(tables.access).where(tables.access.c.n > 2))
    note(office, log, 5, "patient-2")
    assert breaks(office, log) == ["2 rows that were noted are not here, or not so: 3 to 4"]


def test_a_log_that_is_gone_or_damaged_is_said(office, log):
    note(office, log, 2)
    log.write_bytes(log.read_bytes()[:-5])
    assert breaks(office, log) == [f"1 lines of {LOG} cannot be read"]
    note(office, log)
    assert breaks(office, log) == [f"1 lines of {LOG} cannot be read"]
    log.unlink()
    assert len(breaks(office, log)) == 1


@pytest.fixture
def shell(kept_office, tmp_path, capsys):
    return Shell(tmp_path, capsys)


SHOW_NOBODY = {
    "run",
    "keygen",
    "enroll",
    "hubs",
    "retire",
    "revoke",
    "assess",
    "hold",
    "rules",
    "unseal",
    "version",
}


def test_every_command_notes_its_reads_or_shows_nobodys_data():
    folder = Path(backend.cli.__file__).parent
    sources = {name: (folder / f"{name.replace('-', '_')}.py").read_text() for name in COMMANDS}
    silent = {name for name, source in sources.items() if " note(args, settings," not in source}
    assert silent - SHOW_NOBODY == set()


def test_every_command_that_reads_leaves_a_row(shell):
    folder = shell.folder
    shell.run("days", PATIENT, "--by", "N. N.", "--purpose", "audit")
    shell.run("verdict", PATIENT)
    shell.run("facts", "list", PATIENT)
    shell.run("verify")
    shell.run("retention")
    shell.run("missing")
    shell.run("backup", "--out", str(folder / "copy.db"))
    found = shell.ask("access", "--all")
    assert found["problems"] == []
    noted = [(row["command"], row["patient"]) for row in found["accesses"]]
    assert noted == [
        ("days", PATIENT),
        ("verdict", PATIENT),
        ("facts", PATIENT),
        ("verify", None),
        ("retention", None),
        ("missing", None),
        ("backup", None),
        ("access", None),
    ]
    assert found["accesses"][0]["by"] == "N. N."
    assert found["accesses"][0]["purpose"] == "audit"
    assert all(row["user"] for row in found["accesses"])


def test_who_asks_in_vain_is_noted_as_well(shell):
    assert shell.run("days", "patient-9")[0] == 1
    (row, _) = shell.ask("access", "patient-9")["accesses"]
    assert (row["command"], row["patient"]) == ("days", "patient-9")


def test_of_one_patient_what_was_read_of_everybody_is_listed_too(shell):
    shell.run("days", PATIENT)
    shell.run("days", "patient-9")
    shell.run("verify")
    code, out, _ = shell.run("access", PATIENT)
    assert code == 0
    assert [line.split("  ")[1].split(":")[0] for line in out.splitlines()] == [
        PATIENT,
        "everybody",
        PATIENT,
    ]


def test_a_broken_chain_is_a_problem(shell, kept_office):
    shell.run("days", PATIENT)
    tamper(kept_office, update(tables.access).values(at_ms=0))
    code, _, words = shell.run("access", "--all")
    assert code == 1
    assert "row 1 is not as it was noted" in words


def test_where_nothing_can_be_noted_nothing_is_shown(shell):
    log = shell.folder / LOG
    log.mkdir()
    code, out, words = shell.run("days", PATIENT)
    assert (code, out) == (1, "")
    assert str(log) in words


def test_a_ledger_older_than_its_access_log_gets_one(shell, kept_office):
    newer = (tables.access, tables.missing_accepted, tables.missing_fact, tables.legal_hold)
    with kept_office.ledger.writing() as connection:
        for table in newer:
            table.drop(connection)
    assert shell.run("days", PATIENT)[0] == 0
    with kept_office.ledger.reading() as connection:
        assert connection.scalars(select(tables.access.c.n)).all() == [1]


def test_the_log_outside_names_no_patient(shell):
    shell.run("days", PATIENT, "--by", "N. N.")
    assert set(json.loads((shell.folder / LOG).read_text())) == {"n", "at_ms", "chain"}


def test_the_logs_lie_where_the_settings_say(shell):
    logs = shell.folder / "another disk"
    logs.mkdir()
    text = shell.settings.read_text().replace("[keys]", f'logs = "{logs}"\n[keys]')
    shell.settings.write_text(text)
    assert shell.run("days", PATIENT)[0] == 0
    assert {path.name for path in logs.iterdir()} == {LOG, FACTS_LOG}
    assert not (shell.folder / LOG).exists()

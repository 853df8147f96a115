import json

import pytest

from backend import tables
from backend.cli import main
from backend.facts.log import FactsLog, Noted
from tests.backend.evidence_package import made
from tests.backend.office import KEY, PATIENT
from uplink.keys import X_WING, OpeningKey


class Shell:
    """`vitalpost-backend` at an office whose ledger and key are there; `away` has neither."""

    def __init__(self, folder, capsys):
        self.folder = folder
        self._capsys = capsys
        (folder / "keys").mkdir()
        (folder / "keys" / "hpke.key").write_text(KEY.to_text())
        (folder / "backend.toml").write_text(f"""
[ledger]
path = "{folder / "ledger.db"}"
[keys]
dir = "{folder / "keys"}"
[broker]
host = "broker.example"
""")

    def run(self, *words, settings="backend.toml"):
        """Exit code, stdout and stderr."""
        code = main([*map(str, words), "--settings", str(self.folder / settings)])
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def away(self, *words):
        return self.run(*words, settings="none.toml")


@pytest.fixture
def shell(office, tmp_path, capsys):
    made.fill(office, days=3)
    with office.ledger.reading() as connection:
        rows = connection.execute(tables.fact.select()).all()
    noted = [Noted(row.patient, row.kind, row.digest, row.actor, row.at_ms) for row in rows]
    FactsLog(tmp_path / "facts.log").note(noted)
    return Shell(tmp_path, capsys)


def pack(shell, name="package.zip", *more):
    out = shell.folder / name
    words = ("--period", 1, "--month", "2026-03", "--by", "counter-1", "--out", out)
    code, said, told = shell.run("evidence", PATIENT, *words, *more)
    assert (code, out.exists()) == (0, True), told
    return out, said, told


def test_a_package_is_made_and_verified_where_there_is_no_ledger(shell):
    out, said, told = pack(shell)
    name = said.split()[0]
    assert "guard it" in told
    assert out.stat().st_mode & 0o777 == 0o600
    code, said, told = shell.away("verify", out)
    assert (code, told) == (0, "0 problems\n")
    assert said.startswith(name)
    assert "3 qualifying days" in said
    assert "9 records opened" in said


def test_made_twice_without_a_time_it_is_the_same_file(shell):
    first, _, _ = pack(shell, "one.zip")
    second, _, _ = pack(shell, "two.zip")
    assert first.read_bytes() == second.read_bytes()


def test_json_says_what_was_made_and_what_was_found(shell):
    out, said, _ = pack(shell, "package.zip", "--json")
    told = json.loads(said)
    assert (told["qualifying_days"], told["scope"], told["file"]) == (3, "period", str(out))
    code, said, _ = shell.away("verify", out, "--json")
    found = json.loads(said)
    assert (code, found["package"], found["problems"]) == (0, told["package"], [])


def test_every_making_is_in_the_access_log(shell, office):
    pack(shell)
    with office.ledger.reading() as connection:
        rows = connection.execute(tables.access.select()).all()
    told = [(row.by, row.command, row.patient, row.what) for row in rows]
    assert told == [("counter-1", "evidence", PATIENT, "evidence package, period 1")]


def test_nothing_is_written_over(shell):
    out, _, _ = pack(shell)
    words = ("evidence", PATIENT, "--period", 1, "--out", out)
    code, _, told = shell.run(*words)
    assert (code, "exists already" in told) == (1, True)


def test_it_is_sealed_to_a_key_on_request(shell):
    key = OpeningKey.generate(X_WING)
    public = shell.folder / "auditor.pub"
    public.write_text(key.public().to_text())
    out, _, _ = pack(shell, "sealed.zip", "--seal-to", public)
    assert not out.read_bytes().startswith(b"PK")
    private = shell.folder / "auditor.key"
    private.write_text(key.to_text())
    opened = shell.folder / "opened.zip"
    assert shell.away("unseal", out, "--key", private, "--out", opened)[0] == 0
    assert shell.away("verify", opened)[0] == 0


def test_another_person_signs_it_off_and_who_counted_does_not(shell):
    out, _, _ = pack(shell)
    code, _, told = shell.run("evidence", "--sign", out, "--by", "counter-1")
    assert (code, "counter-1 made this package" in told) == (2, True)
    before = out.read_bytes()
    code, said, _ = shell.run("evidence", "--sign", out, "--by", "checker-2")
    assert (code, said.strip()) == (0, f"{out}.signed.json")
    assert out.read_bytes() == before
    assert "signed off by checker-2" in shell.away("verify", out)[1]


def test_a_sign_off_of_another_package_is_a_problem(shell):
    out, _, _ = pack(shell)
    shell.run("evidence", "--sign", out, "--by", "checker-2")
    out.unlink()
    pack(shell, "package.zip", "--policy", "day=utc")
    code, _, told = shell.away("verify", out)
    assert (code, "checker-2 signed another package off" in told) == (1, True)


def test_a_package_that_does_not_hold_is_named_and_not_signed(shell):
    out, _, _ = pack(shell)
    data = out.read_bytes()
    out.write_bytes(data.replace(b'"counted": false', b'"counted": trUe '))
    for words in (("verify", out), ("evidence", "--sign", out, "--by", "checker-2")):
        code, _, told = shell.run(*words)
        assert (code, "damaged, or no zip" in told) == (1, True)


@pytest.mark.parametrize(
    "words",
    [(), (PATIENT,), (PATIENT, "--period", "1"), ("--period", "1", "--out", "x.zip")],
)
def test_half_a_question_is_told_what_is_wanted(shell, words):
    code, _, told = shell.run("evidence", *words)
    assert (code, "wanted PATIENT --period N --out FILE.zip" in told) == (2, True)


@pytest.mark.parametrize(
    "words", [("--period", "0"), ("--month", "2026-13"), ("--as-of", "2026-03-01T00:00")]
)
def test_a_word_that_says_nothing_is_a_usage_error(shell, words):
    with pytest.raises(SystemExit) as stopped:
        shell.run("evidence", PATIENT, *words)
    assert stopped.value.code == 2


def test_no_package_is_made_while_facts_that_were_typed_are_missing(shell):
    (shell.folder / "facts.log").unlink()
    out = shell.folder / "package.zip"
    code, _, told = shell.run("evidence", PATIENT, "--period", 1, "--out", out)
    assert (code, out.exists()) == (1, False)
    assert "the verdict is held" in told
    assert "`vitalpost-backend missing`" in told


def test_verify_without_a_file_is_of_the_whole_ledger(shell):
    code, said, _ = shell.run("verify")
    assert (code, "3 readings" in said) == (0, True)

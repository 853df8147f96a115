import os
import shutil
import sqlite3

import pytest

from backend import tables
from backend.errors import (
    BackupUnsound,
    LedgerMissing,
    LedgerNewer,
    OutputRefused,
    RestoreRefused,
    SealedFileRefused,
)
from backend.facts.log import LOG
from backend.guarding.backup import back_up, check, restore
from backend.keys.keygen import make_recipient
from tests.backend.keeping_hub import KeepingHub
from tests.backend.office import DAY, HOUR, KEY, PATIENT, START, frame, ledger_at, naive
from tests.backend.shell import Shell
from uplink.keys import X25519, OpeningKey

TABLES = ("hub", "patient", "assignment", "epoch", "record", "reading", "sighting", "judgement")
NOON = START + 17 * HOUR


def files(folder):
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def out(tmp_path):
    return tmp_path / "copy.db"


@pytest.fixture
def living(office):
    """A hub that measures daily and keeps what it sent."""
    office.assign()
    return KeepingHub(office, office.enroll().begin(START))


def measure(office, living, days):
    hub = living.hub
    for day in days:
        if day:
            hub.begin_next(NOON + day * DAY)
        hub.describe(NOON + day * DAY)
        hub.measure(NOON + day * DAY, frame(naive(NOON + day * DAY)))
        office.take(hub, hub.key_record, hub.run(), hub.close())
        living.keep()


def lose_ledger(office):
    """The process ends, and the disk with it."""
    office.ledger.close()
    for path in office.path.parent.glob("ledger.db*"):
        path.unlink()


def reopen(office):
    office.ledger = ledger_at(office.path)
    office.intake = office.make_intake()


def counts(office):
    return {name: office.count(tables.metadata.tables[name]) for name in TABLES}


def test_a_copy_of_a_ledger_in_use_is_sound_one_file_and_private(office, living, out):
    measure(office, living, range(3))
    rows = back_up(office.path, out)
    assert check(out) == rows
    assert {name: rows[name] for name in TABLES} == counts(office)
    assert out.stat().st_mode & 0o777 == 0o600
    assert {name for name in files(out.parent) if "copy" in name} == {"copy.db"}
    measure(office, living, [3])
    assert check(out) == rows


def test_a_copy_never_takes_the_place_of_another_file(office, out):
    out.write_text("something else")
    with pytest.raises(OutputRefused):
        back_up(office.path, out)
    assert out.read_text() == "something else"
    with pytest.raises(LedgerMissing):
        back_up(out.parent / "no.db", out.parent / "other")


def damage_page(path):
    data = bytearray(path.read_bytes())
    at = 4096 * (len(data) // 4096 // 2)
    data[at : at + 4096] = os.urandom(4096)
    path.write_bytes(data)


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def orphan(path):
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM device")
    connection.close()


def empty_it(path):
    path.write_bytes(b"")


def make_it_anothers(path):
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE version (format TEXT)")
        connection.execute("INSERT INTO version VALUES ('new')")
    connection.close()


@pytest.mark.parametrize("spoil", [damage_page, cut_in_half, orphan, empty_it, make_it_anothers])
def test_a_copy_that_is_not_sound_is_put_nowhere(office, living, out, spoil):
    measure(office, living, range(3))
    back_up(office.path, out)
    spoil(out)
    lose_ledger(office)
    before = files(out.parent)
    with pytest.raises(BackupUnsound):
        restore(office.path, out)
    assert files(out.parent) == before


def test_a_copy_of_a_later_version_is_put_nowhere(office, out):
    back_up(office.path, out)
    with sqlite3.connect(out) as connection:
        connection.execute("UPDATE version SET format = format + 1")
    connection.close()
    lose_ledger(office)
    with pytest.raises(LedgerNewer):
        restore(office.path, out)
    assert not office.path.exists()


@pytest.mark.parametrize("rest", ["ledger.db", "ledger.db-wal", "ledger.db-shm"])
def test_nothing_that_is_left_of_a_ledger_is_overwritten(office, out, rest):
    back_up(office.path, out)
    lose_ledger(office)
    (out.parent / rest).write_text("what is left")
    with pytest.raises(RestoreRefused):
        restore(office.path, out)
    assert (out.parent / rest).read_text() == "what is left"


def test_a_sealed_copy_opens_for_its_recipient_alone(office, living, out, tmp_path):
    measure(office, living, range(2))
    make_recipient(tmp_path / "safe", X25519)
    back_up(office.path, out, tmp_path / "safe" / "recipient.pub")
    assert b"SQLite format" not in out.read_bytes()
    key = OpeningKey.from_text((tmp_path / "safe" / "recipient.key").read_text())
    before = counts(office)
    lose_ledger(office)
    with pytest.raises(BackupUnsound):
        restore(office.path, out)
    with pytest.raises(SealedFileRefused):
        restore(office.path, out, OpeningKey.generate(X25519))
    assert not list(tmp_path.glob("ledger.db*"))
    restore(office.path, out, key)
    reopen(office)
    assert counts(office) == before


def test_the_drill_ends_with_the_counts_of_before(office, living, out, tmp_path, capsys):
    """Yesterday's copy, a day of readings and facts, a lost disk, and everything again."""
    shell = Shell(tmp_path, capsys)
    (tmp_path / "keys").mkdir()
    measure(office, living, range(3))
    shell.run("hold", PATIENT, "--because", "a claim", "--by", "N. N.")
    assert shell.run("backup", "--out", str(out))[0] == 0
    measure(office, living, range(3, 6))
    shell.run("hold", PATIENT, "--release", "--because", "it is settled", "--by", "N. N.")
    before, days = counts(office), office.calendar().qualifying_days
    lose_ledger(office)

    code, _, words = shell.run("restore", str(out))
    assert code == 1  # the release of the hold is missing
    assert "1 facts that were typed are not in the ledger" in words
    (missing,) = shell.ask("missing", code=1)["missing"]
    assert (missing["patient"], missing["kind"], missing["by"]) == (PATIENT, "legal-hold", "N. N.")

    reopen(office)
    assert office.calendar().qualifying_days == 3
    hub = living.hub
    hub.begin_next(NOON + 6 * DAY).anchor(NOON + 6 * DAY)
    receipt = office.take(hub, hub.key_record, hub.run()).receipt
    office.now_ms += HOUR
    hub.anchor(NOON + 6 * DAY)
    receipt = office.take(hub, hub.run(2)).receipt
    while receipt and (receipt.wanted or receipt.unknown):
        receipt = living.answer(receipt)
        office.now_ms += HOUR
    office.take(hub, hub.close())
    assert office.state(hub) == "complete"

    shell.run("hold", PATIENT, "--release", "--because", "it is settled", "--by", "N. N.")
    assert shell.ask("missing")["missing"] == []
    extra = {"epoch": 1, "record": 2}
    assert counts(office) == {name: n + extra.get(name, 0) for name, n in before.items()}
    assert office.calendar().qualifying_days == days == 6
    assert not office.verify().problems


def test_a_copy_that_was_put_back_by_hand_is_found_out_as_well(
    office, living, out, tmp_path, capsys
):
    shell = Shell(tmp_path, capsys)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "hpke.key").write_text(KEY.to_text())
    measure(office, living, range(1))
    back_up(office.path, out)
    shell.run("hold", PATIENT, "--because", "a claim", "--by", "N. N.")
    lose_ledger(office)
    shutil.copyfile(out, office.path)
    reopen(office)
    code, _, words = shell.run("days", PATIENT)
    assert code == 0
    assert "verdicts are held" in words
    assert (tmp_path / LOG).exists()

import pytest

from backend import tables
from backend.errors import HoldRefused, PatientUnknown
from backend.facts.log import LOG, FactsLog
from backend.facts.missing import LEGAL_HOLD, look_for_missing
from backend.guarding.holds import Hold, enter_hold, load_kept, retention_ends_ms
from simulator.clock import ScriptClock
from tests.backend.office import DAY, HOUR, PATIENT, START, frame, naive, utc
from tests.backend.shell import Shell

TEN_YEARS_ON = utc(2036, 5, 1)


@pytest.fixture
def aged(kept_office):
    """What came at the end of April 2026, ten years and a day later; and one reading since."""
    hub = kept_office.enroll("hub-2").begin(START)
    kept_office.now_ms += 30 * DAY
    noon = utc(2026, 3, 5, 17)
    hub.describe(noon)
    hub.measure(noon, frame(naive(noon)))
    kept_office.take_all(hub)
    kept_office.now_ms = TEN_YEARS_ON
    return kept_office


def kept(office):
    with office.ledger.reading() as connection:
        return load_kept(connection, office.now_ms)


def hold(office, *, is_held=True, because="a claim"):
    with office.ledger.writing() as connection:
        return enter_hold(connection, PATIENT, Hold(is_held, "N. N.", because, office.now_ms))


def test_what_came_more_than_ten_years_ago_is_counted_by_patient(aged):
    (one,) = kept(aged)
    assert (one.patient, one.readings, one.older, one.is_held) == (PATIENT, 2, 1, False)


def test_ten_years_end_by_the_calendar_and_never_early():
    assert retention_ends_ms(utc(2036, 5, 1, 23)) == utc(2026, 5, 1)
    assert retention_ends_ms(utc(2036, 2, 29)) == utc(2026, 2, 28)


def test_what_was_sent_again_is_as_old_as_when_it_came_last(aged):
    again = aged.enroll("hub-3").begin(START)
    noon = utc(2026, 3, 2, 17)
    again.describe(noon)
    again.measure(noon, frame(naive(noon)), live=False)
    aged.take_all(again)
    (one,) = kept(aged)
    assert (one.readings, one.older) == (2, 0)


def test_a_hold_keeps_everything_until_it_is_released_and_both_stay(aged):
    hold(aged)
    assert kept(aged)[0].is_held
    hold(aged, is_held=False, because="it is settled")
    assert not kept(aged)[0].is_held
    hold(aged)
    assert kept(aged)[0].is_held
    assert aged.count(tables.legal_hold) == 3


def test_a_hold_of_nobody_or_twice_is_refused(aged):
    hold(aged)
    with pytest.raises(HoldRefused):
        hold(aged, because="another claim")
    hold(aged, is_held=False)
    with pytest.raises(HoldRefused):
        hold(aged, is_held=False)
    with aged.ledger.writing() as connection, pytest.raises(PatientUnknown):
        enter_hold(connection, "patient-9", Hold(True, "N. N.", "a claim", START))


def test_while_a_typed_fact_is_missing_it_may_be_a_hold(aged, tmp_path):
    log = FactsLog(tmp_path / LOG)
    look_for_missing(aged.ledger, log, aged.now_ms)
    log.note([hold(aged)])
    with aged.ledger.writing() as connection:
        connection.execute(tables.legal_hold.delete())
    look_for_missing(aged.ledger, log, aged.now_ms)
    (one,) = kept(aged)
    assert (one.hold, one.missing, one.is_held) == (None, 1, True)


def test_by_command_holds_are_entered_and_listed(kept_office, tmp_path, capsys):
    shell = Shell(tmp_path, capsys)
    words = ("--because", "a claim", "--by", "N. N.")
    assert shell.ask("hold", PATIENT, *words) == {"patient": PATIENT, "is_held": True}
    assert shell.run("hold", PATIENT, *words)[0] == 1
    code, out, _ = shell.run("retention")
    assert code == 0
    assert "by N. N.: a claim" in out
    (one,) = shell.ask("retention")["patients"]
    assert (one["patient"], one["is_held"], one["readings"]) == (PATIENT, True, 1)
    assert shell.run("hold", PATIENT, "--release", *words)[0] == 0
    assert shell.run("hold", "patient-9", *words)[0] == 1
    assert [one.kind for one in FactsLog(tmp_path / LOG).load().values()].count(LEGAL_HOLD) == 2


def test_by_command_what_is_old_and_on_no_hold_is_listed(aged, tmp_path, capsys):
    ScriptClock.create(tmp_path / "clock").jump_to((TEN_YEARS_ON + HOUR) * 1_000_000)
    shell = Shell(tmp_path, capsys, clock=tmp_path / "clock")
    code, out, _ = shell.run("retention")
    assert (code, out) == (0, f"{PATIENT}: 1 of 2 readings came before 2026-05-01\n")

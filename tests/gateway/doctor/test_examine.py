import ast
from pathlib import Path
from threading import Event

import pytest

import gateway.doctor
from gateway.doctor.checks import CHECKS, ROUND_TRIP
from gateway.doctor.examine import Check, examine
from gateway.doctor.finding import Mark, NotSeen, Term, fail, ok, warn
from gateway.doctor.site import ASK_S, Site
from gateway.errors import HubNotRunning

SITE = Site(Path("gateway.toml"), None)
SOURCES = sorted(Path(gateway.doctor.__file__).parent.glob("*.py"))


def look(answer):
    def check(_site):
        if isinstance(answer, Exception):
            raise answer
        return answer

    return check


def test_the_checks_are_told_in_their_order_and_the_last_ones_at_the_end():
    checks = [Check(name, look(ok(name))) for name in "badc"]
    told = examine(SITE, checks, [Check("e", look(ok("e")))])
    assert [result.name for result in told] == list("badce")


def test_a_check_that_fails_itself_is_a_failure_by_its_name_and_shows_no_value():
    [told] = examine(SITE, [Check("clock", look(ValueError("128/76")))])
    assert (told.name, told.finding.mark) == ("clock", Mark.FAIL)
    assert told.finding.tell()[0] == "the check itself failed: ValueError"


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (NotSeen("the hub does not answer", "Start it."), "not looked at: the hub does not answer"),
        (PermissionError(13, "x"), "not looked at: you have no right to"),
    ],
)
def test_a_check_that_cannot_look_is_a_warning_that_says_why(raised, said):
    [told] = examine(SITE, [Check("storage", look(raised))])
    assert told.finding.mark is Mark.WARN
    assert told.finding.tell()[0] == said
    assert told.finding.hint


def test_a_check_that_hangs_is_left_behind_and_the_others_are_told():
    never = Event()
    hangs = Check("dns", lambda _: never.wait() or ok(""), 0.05)
    slow, quick = examine(SITE, [hangs, Check("tls", look(ok("fine")))])
    assert slow.finding.tell()[0] == "no answer within 0.05 s"
    assert (slow.finding.mark, quick.finding.mark) == (Mark.FAIL, Mark.OK)
    never.set()


def test_all_of_it_takes_less_than_30_s_however_much_hangs():
    assert ASK_S + max(check.limit_s for check in CHECKS) + ROUND_TRIP.limit_s < 30


def test_each_check_has_a_name_of_its_own():
    names = [check.name for check in (*CHECKS, ROUND_TRIP)]
    assert len(set(names)) == len(names) >= 25


def test_what_comes_from_outside_is_hashed_where_a_sentence_is_shown_to_support():
    found = warn("{0} holds for {1} days, {2}", "Ask {0}.", "broker.example.org", 3, Term("x"))
    assert found.tell(lambda _: "#1") == ("#1 holds for 3 days, x", "Ask #1.")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_every_sentence_is_a_constant_with_gaps(source):
    tree = ast.parse(source.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id in {"ok", "warn", "fail"}:
            what, *rest = call.args
            assert isinstance(what, ast.Constant), ast.unparse(call)
            if call.func.id != "ok":
                assert isinstance(rest[0], ast.Constant | ast.Name | ast.Attribute), source


def test_a_failure_says_what_to_do():
    assert fail("it is full", "Bring it online.").tell() == ("it is full", "Bring it online.")


def test_an_error_of_ours_is_told_in_its_own_words():
    error = HubNotRunning("control.sock", "Connection refused")
    [told] = examine(SITE, [Check("outbox", look(error))])
    assert told.finding.tell() == (str(error), error.hint)

import json
from pathlib import Path

import pytest

from backend.billing.assess import assess
from backend.billing.reasons import WORDS
from backend.cli import main
from backend.errors import CaseFault
from tests.backend.billing.made import case, days, event, judged

CASES = Path(__file__).parent / "cases.json"


@pytest.fixture
def assess_file(tmp_path, capsys):
    def run(content, *words):
        path = tmp_path / "cases.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        code = main(["assess", str(path), *words])
        return code, *capsys.readouterr()

    return run


def test_it_prints_the_answers_in_the_cases_own_shape(capsys):
    assert main(["assess", str(CASES), "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(CASES.read_text())["cases"]
    assert json.loads(out) == {"cases": [{"id": c["id"]} | c["expected"] for c in told]}
    assert err == ""


def test_a_policy_may_come_before_the_file_and_have_several_words(capsys):
    words = ["--policy", "setup_min_2026=2", "--policy", "span=dos", "day=utc", str(CASES)]
    assert main(["assess", *words, "--why"]) == 0
    policy = "day=utc anchor=first_reading count_by=measured setup_min_2026=2 span=dos"
    assert f"policy: {policy}\n" in capsys.readouterr().out


def test_why_tells_a_verdict_in_words(assess_file):
    code, out, _ = assess_file({"cases": [case(days(16))]}, "--why", "--policy", "day=utc")
    assert code == 0
    told = out.splitlines()
    assert told[:6] == [
        "made",
        "  period 1: 2026-04-06 to 2026-05-05, UTC",
        "  qualifying days: 16",
        "  99453  billable, 1 unit, date of service 2026-05-05 (R-SET-3).",
        f"  99445  blocked, USE_16_30_CODE: {WORDS['USE_16_30_CODE']} (R-DEV-X)",
        "  99454  billable, 1 unit, date of service 2026-05-05 (R-DEV-16).",
    ]


def test_why_tells_what_another_reading_of_a_rule_would_give(assess_file):
    _, out, _ = assess_file({"cases": [case(days(15))]}, "--why")
    flag = out.splitlines()[-1].strip()
    assert flag.startswith("unsettled, AMB-4, AMB-22: with setup_min_2026=2 it would be ")
    assert flag.endswith(" 15 qualifying days, 1 x 99453, 1 x 99445")


def test_why_in_json_adds_rows_policy_rule_sets_and_flags(assess_file):
    code, out, _ = assess_file({"cases": [case(days(15))]}, "--why", "--json")
    told = json.loads(out)["cases"][0]
    assert code == 0
    assert [(one["code"], one["row"]) for one in told["codes"]] == [
        ("99453", "R-SET-3"),
        ("99445", "R-DEV-2"),
        ("99454", "R-DEV-16"),
    ]
    assert told["policy"]["day"] == "home"
    assert len(told["rule_sets"]["us-medicare-2026"]) == 64
    assert [flag["switch"] for flag in told["flags"]] == ["setup_min_2026"]


def test_a_faulty_case_is_named_and_the_others_are_judged(assess_file):
    faulty = case(days(2))
    faulty["events"][1]["received_at"] = "yesterday"
    code, out, err = assess_file({"cases": [faulty, case(days(2)) | {"id": "sound"}]})
    assert (code, [one["id"] for one in json.loads(out)["cases"]]) == (1, ["sound"])
    wanted = "a date and time such as 2026-03-01T08:00:00-05:00"
    fault = f"cases[0] made.events[1].received_at: found 'yesterday', wanted {wanted}"
    assert err.splitlines() == [fault, CaseFault.hint]


def test_a_key_that_no_rule_asks_for_is_named(assess_file):
    made = case(days(2), facts={"shoe_size": 44})
    code, out, err = assess_file({"cases": [made, made]})
    assert (code, len(json.loads(out)["cases"])) == (0, 2)
    assert err == "facts.shoe_size: not looked at in 2 places, no rule asks for it\n"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[]", b"{}", b'{"cases": 1}', b'{"cases": NaN}', b"[" * 100_000],
)
def test_what_is_no_file_of_cases_is_refused_with_a_sentence(assess_file, content):
    code, out, err = assess_file(content)
    assert (code, out) == (1, "")
    assert err.endswith(f"\n{CaseFault.hint}\n")
    assert "wanted" in err


def test_a_file_that_is_not_there_is_named(tmp_path, capsys):
    assert main(["assess", str(tmp_path / "none.json")]) == 1
    assert "none.json: found No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--policy", "day=mars"], ["--policy", "color=red"], []])
def test_a_usage_that_cannot_be_is_exit_2_with_the_next_step(words, capsys):
    assert main(["assess", *([str(CASES)] if words else []), *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Choose from: day=home|utc|event_offset;" in err or "--help" in err


FAULTS = [
    ("id", 7, "cases[0].id: found 7, wanted a string"),
    ("timezone", "Mars/Olympus", "an IANA zone"),
    ("program", "CCM", "made.program: found 'CCM', wanted one of RPM, RTM"),
    ("as_of", "2026-05-10T12:00:00", "with its offset"),
    ("as_of", "0001-01-01T00:00:00+00:00", "a year from 1900 to 2199"),
    ("as_of", None, "made.as_of: found nothing, wanted a value"),
    ("evaluate", {"period": 0}, "made.evaluate.period: found 0, wanted a whole number from 1"),
    ("evaluate", {"period": True}, "wanted a whole number"),
    ("evaluate", {"month": "2026-13"}, "wanted a month such as 2026-03"),
    ("evaluate", {"month": "April"}, "wanted a month such as 2026-03"),
    ("events", {}, "made.events: found {}, wanted an array"),
    ("devices", [], "made.devices: found [], wanted an object"),
    ("devices", {"a": {"fda_defined": 1}}, "made.devices.a.fda_defined: found 1, wanted true or"),
    ("management", [{"start": "2026-04-01"}], "made.management[0].start: found '2026-04-01'"),
    ("timezone_history", [{"timezone": "UTC"}], "made.timezone_history[0].from: found nothing"),
]


@pytest.mark.parametrize(("key", "value", "told"), FAULTS)
def test_each_fault_says_where_what_and_what_was_wanted(key, value, told):
    found = assess({"cases": [case([]) | {key: value}]})
    assert found.answers == []
    assert told in str(found.faults[0]).replace("cases[0] ", "")


@pytest.mark.parametrize(
    "key", ["id", "timezone", "program", "devices", "facts", "evaluate", "as_of"]
)
def test_a_key_that_is_needed_and_missing_is_one_fault_that_names_the_case(assess_file, key):
    faulty = case(days(2)) | {"id": "DAY-99"}
    del faulty[key]
    code, out, err = assess_file({"cases": [faulty, case(days(2))]})
    assert (code, [one["id"] for one in json.loads(out)["cases"]]) == (1, ["made"])
    of = "cases[0]" if key == "id" else "cases[0] DAY-99"
    assert err.splitlines() == [f"{of}.{key}: found nothing, wanted a value", CaseFault.hint]


@pytest.mark.parametrize("key", ["events", "management"])
def test_a_key_that_may_be_missing_is_as_if_it_were_empty(assess_file, key):
    made = case([])
    del made[key]
    assert assess_file({"cases": [made]}, "--json") == assess_file({"cases": [case([])]}, "--json")


def test_a_therapy_that_names_no_category_is_a_fault_that_lists_them():
    fault = assess({"cases": [case([], program="RTM")]}).faults[0]
    assert str(fault) == "cases[0] made.rtm_category: found nothing, wanted a value"
    fault = assess({"cases": [case([], program="RTM", rtm_category="heart")]}).faults[0]
    assert str(fault).endswith("found 'heart', wanted one of resp, msk, cbt, other")


def test_a_case_that_is_no_object_or_has_a_name_too_long_goes_by_its_place():
    long = case([]) | {"id": "x" * 61, "as_of": None}
    paths = [fault.path for fault in assess({"cases": [7, None, long]}).faults]
    assert paths == ["cases[0]", "cases[1]", "cases[2].as_of"]


def test_a_key_that_no_rule_asks_for_is_named_once_however_many_events_bear_it(assess_file):
    made = case([one | {"battery": 70} for one in days(5)])
    code, _, err = assess_file({"cases": [made]})
    told = "events.battery: not looked at in 5 places, no rule asks for it\n"
    assert (code, err) == (0, told)


# Each pair says the same; ours stands first.
SPELLINGS = [
    (
        {"facts": {"order_date": "2026-04-08"}},
        {"facts": {"order_date": None, "ordered": "2026-04-08"}},
    ),
    (
        {"facts": {"consent": {"date": "2026-04-06", "revoked": "2026-04-10"}}},
        {"facts": {"consent": {"given": "2026-04-06"}, "consent_revoked": "2026-04-10"}},
    ),
    (
        {"facts": {"stays": [{"from": "2026-04-08", "to": "2026-04-12"}]}},
        {"facts": {"inpatient": {"admitted": "2026-04-08", "discharged": "2026-04-12"}}},
    ),
    ({"facts": {"setup_billed": True}}, {"facts": {"own_claims": ["99453"]}}),
    (
        {"facts": {"glucose_claims": [{"from": "2026-04-08", "to": "2026-04-09"}]}},
        {"facts": {"cgm_95250": {"start": "2026-04-08", "end": "2026-04-09"}}},
    ),
    (
        {"facts": {"claim_locked_at": "2026-04-10T00:00:00-04:00"}},
        {"claim_lock": {"locked_at": "2026-04-10", "period": 1}},
    ),
    (
        {"timezone_history": [{"from": "2026-04-06", "timezone": "Pacific/Kiritimati"}]},
        {"zone_history": {"since": "2026-04-06", "zone": "Pacific/Kiritimati"}},
    ),
    ({"facts": {"payer_profile": "refused"}}, {"facts": {"payer_policy": False}}),
]


@pytest.mark.parametrize(("ours", "theirs"), SPELLINGS)
def test_what_a_file_names_in_another_way_is_judged_alike(ours, theirs):
    plain, *found = (
        judged(case([*days(16), event("2026-04-09", 20)], **said)) for said in ({}, ours, theirs)
    )
    assert found[0] == found[1] != plain


def test_an_end_before_its_start_is_a_fault():
    entry = {"start": "2026-04-01T10:00:00-04:00", "end": "2026-04-01T09:59:59-04:00"}
    stay = {"stays": [{"from": "2026-04-02", "to": "2026-04-01"}]}
    for made in (case([], management=[entry]), case([], facts=stay)):
        assert "no earlier than its start" in str(assess({"cases": [made]}).faults[0])


def test_what_is_shown_of_a_fault_is_short():
    fault = assess({"cases": [case([]) | {"id": ["x" * 1000]}]}).faults[0]
    assert len(str(fault)) < 120

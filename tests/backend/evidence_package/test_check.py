import json
from base64 import b64encode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.billing.published import PUBLISHED
from backend.errors import PackageUnusable
from backend.evidence_package.archive import unpack
from backend.evidence_package.check import check_files
from backend.evidence_package.judging import JUDGING
from tests.backend.evidence_package.made import check, lines, rewrite
from uplink.keys import Signer

CONCLUSIONS = (
    "completeness.json",
    "days.json",
    "devices.json",
    "evidence.html",
    "excluded.jsonl",
    "facts.json",
    "readings.jsonl",
    "verdict.json",
)


@pytest.mark.parametrize("name", CONCLUSIONS)
def test_a_conclusion_that_was_changed_is_named(files, name):
    told = files[name].replace(b"patient", b"Patient") if b"patient" in files[name] else b""
    problems = check(files | {name: told or files[name] + b" "}).problems
    assert [of.partition(",")[0] for of in problems] == [name]


@pytest.mark.parametrize("name", CONCLUSIONS)
def test_a_conclusion_that_was_taken_out_is_named(files, name):
    del files[name]
    assert check(files).problems == [f"{name} is missing"]


def test_a_file_that_belongs_to_no_package_is_named(files):
    assert check(files | {"more.txt": b""}).problems == ["more.txt belongs to no package"]


def problems_with(files, name, change):
    return list(check(rewrite(files, name, change)).problems)


def test_a_sealed_record_that_was_changed_does_not_open(files):
    def change(records):
        records[2]["sealed"] = records[3]["sealed"]

    assert "does not open" in problems_with(files, "sealed/records.jsonl", change)[0]


def test_a_record_that_was_taken_out_breaks_the_chain_and_the_count(files):
    problems = problems_with(files, "sealed/records.jsonl", lambda records: records.pop(2))
    assert any(of.startswith("completeness.json") for of in problems)
    assert any(of.startswith("days.json") for of in problems)


def test_a_record_that_was_called_withheld_shows_as_such_and_changes_the_count(files):
    taken = lines(files, "sealed/records.jsonl")[2]
    files = rewrite(files, "sealed/records.jsonl", lambda records: records.pop(2))
    one = {"kid": taken["kid"], "why": "withheld", "ranges": [[taken["sequence"]] * 2]}
    found = check(rewrite(files, "sealed/absent.jsonl", lambda of: of.append(one)))
    assert any(of.startswith("days.json") for of in found.problems)
    assert len(found.verdict.days) == 4


def test_a_record_under_another_number_does_not_open(files):
    def change(records):
        records[2]["sequence"] += 40

    assert "does not open" in problems_with(files, "sealed/records.jsonl", change)[0]


def test_a_data_key_of_another_epoch_opens_nothing(files):
    def change(keys):
        keys[0]["key"], keys[1]["key"] = keys[1]["key"], keys[0]["key"]

    assert "does not open" in problems_with(files, "sealed/data_keys.jsonl", change)[0]


def test_a_data_key_that_is_missing_leaves_its_records_unopened(files):
    problems = problems_with(files, "sealed/data_keys.jsonl", lambda keys: keys.pop())
    assert any("does not open" in of for of in problems)


def test_a_key_record_that_the_hub_did_not_sign_is_named(files):
    def change(records):
        records[0]["signed"] = records[0]["signed"][:-8] + "AAAAAAA="

    assert "does not hold" in problems_with(files, "sealed/key_records.jsonl", change)[0]


def test_a_hub_of_the_same_name_with_another_key_is_not_believed(files):
    def change(hubs):
        hubs[0]["sign_keys"] = [b64encode(Signer.generate().public()).decode()]

    problems = problems_with(files, "sealed/hubs.jsonl", change)
    assert sum("does not hold" in of for of in problems) == 10


def test_a_statement_of_another_kind_is_not_taken_for_a_checkpoint(files):
    record = lines(files, "sealed/key_records.jsonl")[0]
    problems = problems_with(files, "sealed/checkpoints.jsonl", lambda of: of.append(record))
    assert "something else where a Checkpoint belongs" in problems[0]


def test_a_fact_that_was_changed_changes_the_verdict_and_is_named(files):
    def change(facts):
        next(of for of in facts if of["kind"] == "consent")["body"]["on"] = "2026-03-04"

    problems = problems_with(files, "stated/fact.jsonl", change)
    assert any(of.startswith("verdict.json") for of in problems)


@pytest.mark.parametrize("key", ["actor", "cause", "digest"])
def test_a_fact_that_is_not_what_was_entered_is_named(files, key):
    def change(facts):
        facts[2][key] = "11" * 32

    problems = problems_with(files, "stated/fact.jsonl", change)
    assert any("it is not what was entered" in of for of in problems)


def test_a_fact_that_was_added_is_named(files):
    def change(facts):
        time = next(of for of in facts if of["kind"] == "time")
        facts.append(time | {"id": 99, "digest": "00" * 32})

    problems = problems_with(files, "stated/fact.jsonl", change)
    assert any(of.startswith("evidence.html") for of in problems)


def test_another_rule_set_under_a_published_name_is_named(files):
    sets = json.loads(files["rule_sets.json"])
    sets[-1]["set"]["programs"]["RPM"]["setup"]["least"] = 1
    told = json.dumps(sets).encode()
    problems = check(files | {"rule_sets.json": told}).problems
    name = PUBLISHED.sets[-1].id
    assert f"rule set {name}: it does not have the hash that the package names" in problems
    assert any("is not the one that was published" in of for of in problems)


def test_another_question_has_another_answer(files):
    cover = json.loads(files["cover.json"])
    cover["as_of"] = "2026-03-20T00:00:00Z"
    assert check(files | {"cover.json": json.dumps(cover).encode()}).problems


def test_a_driver_that_is_not_installed_is_named_for_each_record(files):
    problems = check_files("package.zip", files, JUDGING, {}).problems
    assert sum("is not installed" in of for of in problems) == 7


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("cover.json", b"{}"),
        ("cover.json", b"[" * 5000),
        ("rule_sets.json", b"[]"),
        (
            "sealed/hubs.jsonl",
            b'{"id":"hub-1","sign_keys":[],"enrolled_ms":0,"retired_ms":null,"revoked_ms":null}',
        ),
        ("sealed/records.jsonl", b"{"),
        ("ledger/patient.jsonl", b'{"id":1,"more":2}'),
        ("ledger/assignment.jsonl", b'{"id":"x"}'),
        ("stated/fact.jsonl", b"[]"),
    ],
)
def test_what_cannot_be_read_is_one_error(files, name, data):
    with pytest.raises(PackageUnusable, match=r"package\.zip"):
        check(files | {name: data})


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("ledger/patient_zone.jsonl", lambda rows: rows[0].update(zone="Nowhere/At_All")),
        ("ledger/assignment.jsonl", lambda rows: rows[0].update(device=77)),
        ("stated/fact.jsonl", lambda rows: rows[0].update(body={"program": "no such"})),
        ("stated/fact.jsonl", lambda rows: rows.append(dict(rows[0]))),
        ("sealed/records.jsonl", lambda rows: rows.append(dict(rows[0]))),
        ("sealed/key_records.jsonl", lambda rows: rows.append(dict(rows[0]))),
    ],
)
def test_what_makes_no_ledger_is_one_error(files, name, change):
    with pytest.raises(PackageUnusable, match="no ledger can be made of it"):
        check(rewrite(files, name, change))


# What the office alone says, and nothing is made from: when something came to it or was entered.
OWN_WORD = {
    "ledger/assignment.jsonl": {"id"},
    "sealed/checkpoints.jsonl": {"received_ms"},
    "sealed/hubs.jsonl": {"enrolled_ms", "retired_ms", "revoked_ms"},
    "sealed/key_records.jsonl": {"received_ms"},
    "stated/fact.jsonl": {"about_ms", "at_ms"},
}


def is_own_word(files, changed, name):
    """Whether nothing but the office's own word is another."""
    try:
        found, said = lines(changed, name), lines(files, name)
    except ValueError:
        return False
    of = OWN_WORD.get(name, set())
    without = [[{k: v for k, v in row.items() if k not in of} for row in x] for x in (found, said)]
    return without[0] == without[1]


@pytest.mark.long
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
def test_whatever_byte_is_changed_it_is_an_error_a_problem_or_the_office_s_own_word(
    path, place, change
):
    files, _ = unpack(path)
    at = int(place * sum(map(len, files.values())))
    for name in sorted(files):
        if at < len(files[name]):
            break
        at -= len(files[name])
    found = bytearray(files[name])
    found[at] ^= change
    changed = files | {name: bytes(found)}
    try:
        problems = check(changed).problems
    except PackageUnusable:
        return
    assert problems or is_own_word(files, changed, name)


@pytest.mark.parametrize("name", OWN_WORD)
def test_the_office_s_own_word_is_what_the_manifest_alone_holds(files, name):
    def change(rows):
        for key in OWN_WORD[name]:
            rows[0][key] = (rows[0][key] or 0) + 4

    assert check(rewrite(files, name, change)).problems == []
